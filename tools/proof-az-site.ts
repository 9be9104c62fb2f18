// Where the proof takes place: a local Azure in a process of its own, the real az beside it, and clusters that open by it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../demo/conditions.ts';
import { choosePorts } from '../demo/ports.ts';
import { type ServerPlace, ServerProcess } from '../demo/server-process.ts';

const EMULATOR = join(import.meta.dirname, '..', 'emulator', 'src', 'cli.ts');
const AZ_MS_MAX = 120_000;

/** What the emulator prints when it is ready, as far as it is needed here. */
export interface Addresses {
  readonly armUrl: string;
  readonly authorityUrl: string;
  readonly imdsUrl: string;
  readonly adminUrl: string;
  readonly aksIssuerUrl: string;
  readonly keyVaultDnsSuffix: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly operatorClientId: string;
  readonly caFile: string;
}

export interface Ran {
  readonly code: number;
  /** Standard output as JSON, if it is. */
  readonly json: unknown;
  readonly out: string;
  readonly err: string;
}

export interface Programs {
  readonly python: string;
  readonly go: string | undefined;
}

export class Site implements AsyncDisposable {
  readonly folder: string;
  readonly addresses: Addresses;
  /** Where the operator's client secret is, for az's `@file`. */
  readonly secretFile: string;
  /** The Python of the environment that az is installed in. */
  readonly python: string;
  /** The program of the Go clients. */
  readonly go: string | undefined;
  /** Options by which the emulator's other commands find this one. */
  readonly known: readonly string[];
  readonly #emulator: ChildProcess;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #adminToken: string;
  readonly #servers: ServerProcess[] = [];

  private constructor(parts: {
    folder: string;
    programs: Programs;
    emulator: ChildProcess;
    addresses: Addresses;
    environment: NodeJS.ProcessEnv;
    adminToken: string;
  }) {
    this.folder = parts.folder;
    this.addresses = parts.addresses;
    this.secretFile = join(parts.folder, 'operator-secret');
    this.python = parts.programs.python;
    this.go = parts.programs.go;
    this.known = ['--credentials-file', join(parts.folder, 'azure.json')];
    this.#emulator = parts.emulator;
    this.#environment = parts.environment;
    this.#adminToken = parts.adminToken;
  }

  static async build(programs: Programs): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-proof-az-'));
    const credentialsFile = join(folder, 'azure.json');
    const options = [
      '--port=0',
      `--ca-file=${join(folder, 'ca.pem')}`,
      `--credentials-file=${credentialsFile}`,
    ];
    const emulator = spawn(process.execPath, [EMULATOR, 'start', ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    emulator.stderr.pipe(createWriteStream(join(folder, 'azure.log')));
    try {
      const addresses = await firstLine(emulator);
      const secrets = JSON.parse(await readFile(credentialsFile, 'utf8')) as Record<string, string>;
      const variables = await collect(
        process.execPath,
        [EMULATOR, 'env', '--json', `--credentials-file=${credentialsFile}`],
        process.env,
      );
      const environment = {
        ...process.env,
        ...(JSON.parse(variables.out) as Record<string, string>),
        // Fresh, so that the proof registers the cloud and signs in by az's own commands.
        AZURE_CONFIG_DIR: join(folder, 'az'),
        AZURE_CORE_ONLY_SHOW_ERRORS: 'yes',
        AZURE_CORE_SURVEY_MESSAGE: 'no',
      };
      const adminToken = secrets['adminToken'] ?? '';
      const site = new Site({ folder, programs, emulator, addresses, environment, adminToken });
      await appendFile(site.secretFile, secrets['clientSecret'] ?? '', { mode: 0o600 });
      return site;
    } catch (error) {
      emulator.kill('SIGKILL');
      throw error;
    }
  }

  /** The real az; its answer in JSON. */
  async az(...args: string[]): Promise<Ran> {
    return collect(
      this.python,
      ['-W', 'ignore', '-m', 'azure.cli', ...args, '--output', 'json'],
      this.#environment,
    );
  }

  /** A command of the emulator; what it runs finds az by its name. */
  emulator(...args: string[]): Promise<Ran> {
    const { AZURE_CLIENT_ID: _, ...inherited } = process.env;
    const path = `${dirname(this.python)}${delimiter}${inherited['PATH'] ?? ''}`;
    // Its own folder for what it writes down by default, so that an emulator of the person who runs this is not met.
    return collect(process.execPath, [EMULATOR, ...args], {
      ...inherited,
      PATH: path,
      XDG_RUNTIME_DIR: this.folder,
    });
  }

  /** A service account's token, as AKS would project it into a pod. */
  async aksToken(namespace: string, serviceAccount: string): Promise<string> {
    const answer = await this.#admin('POST', 'aks-tokens', { namespace, serviceAccount });
    return String((answer as { token: string }).token);
  }

  /** The reasons of all refusals of a vault since the given entry; and the number of the last entry. */
  async refusals(vault: string, after: number): Promise<{ reasons: string[]; last: number }> {
    const answer = (await this.#admin('GET', `journal?target=${vault}&after=${after}`)) as {
      entries: { number: number; status?: number; reason?: string; action?: string }[];
    };
    const refused = answer.entries.filter((entry) => entry.status === 403);
    return {
      reasons: refused.map((entry) => `${entry.reason} ${entry.action?.split('/').slice(1).join('/')}`),
      last: answer.entries.at(-1)?.number ?? after,
    };
  }

  /** Servers on one store of their own, each with this seal stanza; none is started. */
  async cluster(name: string, count: 1 | 3, stanza: readonly string[]): Promise<ServerProcess[]> {
    const data = join(this.folder, name);
    await mkdir(data, { mode: 0o700 });
    const pairs = (await choosePorts(0)).slice(0, count);
    const servers: ServerProcess[] = [];
    for (const [index, pair] of pairs.entries()) {
      const place: ServerPlace = { name: `${name}-${index}`, folder: this.folder, ...pair };
      const server = await ServerProcess.prepare(place, data, undefined);
      await appendFile(server.configFile, sealOf(this.addresses, stanza));
      servers.push(server);
    }
    this.#servers.push(...servers);
    return servers;
  }

  /** Gives a server another stanza, for its next start. */
  async reconfigure(server: ServerProcess, stanza: readonly string[]): Promise<void> {
    const text = await readFile(server.configFile, 'utf8');
    await writeFile(
      server.configFile,
      text.slice(0, text.indexOf('seal "')) + sealOf(this.addresses, stanza),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#servers.map((server) => server.stop('SIGKILL')));
    if (this.#emulator.exitCode === null) {
      const gone = once(this.#emulator, 'exit');
      this.#emulator.kill('SIGTERM');
      await gone;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async #admin(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${this.addresses.adminUrl}/${path}`, {
      method,
      headers: { 'x-admin-token': this.#adminToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`the emulator's admin port answered ${answer.status} to ${path}`);
    return answer.json();
  }
}

function sealOf(addresses: Addresses, stanza: readonly string[]): string {
  const lines = [
    `tenant_id = "${addresses.tenantId}"`,
    `authority_host = "${addresses.authorityUrl}"`,
    `imds_endpoint = "${addresses.imdsUrl}"`,
    `ca_cert = "${addresses.caFile}"`,
    ...stanza,
  ];
  return `seal "azurekeyvault" {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

async function firstLine(child: ChildProcess): Promise<Addresses> {
  if (child.stdout === null) throw new Error('the emulator has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) return JSON.parse(line) as Addresses;
  }
  throw new Error('the local Azure ended before it was ready');
}

function collect(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: AZ_MS_MAX });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    out += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    err += piece;
  });
  child.once('error', reject);
  child.once('close', (code) => resolve({ code: code ?? -1, json: parse(out), out, err }));
  return promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Kills every server as a crash would, starts all, and waits until all are open. */
export async function restart(servers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  for (const server of servers) server.start();
  for (const server of servers) await untilUnsealed(server);
}

/** Nudges it: what needs somebody's hand is tried again only once a minute by itself. */
export async function untilUnsealed(server: ServerProcess): Promise<void> {
  let nudgedAt = performance.now();
  await until(`${server.name} to unseal`, async () => {
    const status = await server.client.sealStatus();
    if (!status.sealed) return status;
    if (status.lastError !== undefined && performance.now() - nudgedAt > 500 && server.pid !== undefined) {
      process.kill(server.pid, 'SIGHUP');
      nudgedAt = performance.now();
    }
    return undefined;
  });
}

/** Starts it anew and waits until it is sealed by this class of fault; gives the sentence. */
export async function untilSealedBy(server: ServerProcess, faultClass: string): Promise<string> {
  await server.stop('SIGKILL');
  server.start();
  const { value } = await until(`${server.name} to be sealed by ${faultClass}`, async () => {
    const { lastError } = await server.client.sealStatus();
    if (lastError !== undefined && lastError.class !== faultClass) {
      throw new Error(`${lastError.class}: ${lastError.sentence}`);
    }
    return lastError;
  });
  return `${value.class}${value.httpStatus > 0 ? ` (HTTP ${value.httpStatus})` : ''}`;
}
