// A real etcd for the demo and for tests, of one member or three: fresh, on loopback, gone afterwards.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './conditions.ts';
import { unpackDebian } from './debian-packages.ts';
import { freePorts } from './ports.ts';

export interface EtcdServerOptions {
  readonly members?: 1 | 3;
  /** Further arguments of every member. */
  readonly arguments?: readonly string[];
  /** Clients speak TLS, and show a certificate of this authority. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
}

interface Member {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Plain HTTP, for nothing but the question whether it is well. */
  readonly healthPort: number;
  process?: ChildProcess;
}

export class EtcdServer implements AsyncDisposable {
  readonly #program: string;
  readonly #folder: string;
  readonly #members: readonly Member[];
  readonly #options: EtcdServerOptions;

  private constructor(
    program: string,
    folder: string,
    members: readonly Member[],
    options: EtcdServerOptions,
  ) {
    this.#program = program;
    this.#folder = folder;
    this.#members = members;
    this.#options = options;
  }

  /** @throws Error that says what to install if there is no etcd and none can be fetched. */
  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-etcd-'));
    try {
      const program = (await installedProgram()) ?? (await fetchedProgram(folder));
      const count = options.members ?? 1;
      const ports = await freePorts(3 * count);
      const members = Array.from({ length: count }, (_, at) => {
        const [clientPort = 0, peerPort = 0, healthPort = 0] = ports.slice(3 * at);
        return { name: `member-${at}`, clientPort, peerPort, healthPort };
      });
      const server = new EtcdServer(program, folder, members, options);
      await server.resume();
      return server;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get #scheme(): string {
    return this.#options.tls === undefined ? 'http' : 'https';
  }

  /** Of each member, for clients. */
  get ports(): readonly number[] {
    return this.#members.map(({ clientPort }) => clientPort);
  }

  get endpoints(): readonly string[] {
    return this.ports.map((port) => `${this.#scheme}://127.0.0.1:${port}`);
  }

  /** Starts the members that do not run, on the data that they had; resolves once all of them answer. */
  async resume(): Promise<void> {
    for (const member of this.#members) if (!isRunning(member)) this.#spawn(member);
    await Promise.all(
      this.#members.map(({ healthPort, process }) =>
        until('etcd to answer', async () => {
          if (process?.exitCode !== null) throw new Error(`etcd ended with ${process?.exitCode}`);
          const answer = await fetch(`http://127.0.0.1:${healthPort}/health`);
          const { health } = (await answer.json()) as { health?: unknown };
          return health === 'true' ? true : undefined;
        }),
      ),
    );
  }

  /** Ends a member, or all, without a farewell. */
  async stop(at?: number): Promise<void> {
    await Promise.all(
      this.#chosen(at).map(async ({ process }) => {
        if (process === undefined || !isRunning({ process })) return;
        const ended = once(process, 'exit');
        process.kill('SIGKILL');
        await ended;
      }),
    );
  }

  /** SIGSTOP: connections stay, and nothing is answered. SIGCONT ends it. */
  signal(at: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const { process } of this.#chosen(at)) process?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #chosen(at: number | undefined): readonly Member[] {
    return this.#members.filter((_, index) => at === undefined || index === at);
  }

  #spawn(member: Member): void {
    const { tls } = this.#options;
    const { name, clientPort, healthPort } = member;
    const client = `${this.#scheme}://127.0.0.1:${clientPort}`;
    const peer = peerUrl(member);
    const settings = {
      name,
      'data-dir': join(this.#folder, name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': this.#members.map((other) => `${other.name}=${peerUrl(other)}`).join(','),
      'listen-metrics-urls': `http://127.0.0.1:${healthPort}`,
      ...(tls === undefined
        ? {}
        : {
            'cert-file': tls.certFile,
            'key-file': tls.keyFile,
            'trusted-ca-file': tls.caFile,
            'client-cert-auth': 'true',
          }),
    };
    member.process = spawn(
      this.#program,
      [
        ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
        ...(this.#options.arguments ?? []),
      ],
      { cwd: this.#folder, stdio: 'ignore', env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch } },
    );
  }
}

function peerUrl({ peerPort }: Member): string {
  return `http://127.0.0.1:${peerPort}`;
}

function isRunning({ process }: Pick<Member, 'process'>): boolean {
  return process !== undefined && process.exitCode === null && process.signalCode === null;
}

async function installedProgram(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = join(folder, 'etcd');
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return program;
  }
  return undefined;
}

async function fetchedProgram(folder: string): Promise<string> {
  const root = join(folder, 'programs');
  await mkdir(root);
  // Go links it whole: it needs no libraries of its own.
  await unpackDebian('etcd-server', root);
  return join(root, 'usr', 'bin', 'etcd');
}
