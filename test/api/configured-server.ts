// A real server process with a config file of the test's own, in memory and under Shamir's seal.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import type { InitAnswer } from '../../src/client/answers.ts';
import { VaultClient } from '../../src/client/client.ts';
import { keepLogs, noteSecrets } from '../leaks/ledger.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'latchkey');

/** Lines of HCL. */
export interface Lines {
  /** Inside the listener. */
  readonly listener?: string;
  readonly top?: string;
}

export class ConfiguredServer implements AsyncDisposable {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  /** Holds the root token once the server was initialised. */
  client: VaultClient;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.address = `http://127.0.0.1:${port}`;
    this.client = new VaultClient({ address: this.address });
  }

  /** Started, answering, and not initialised. */
  static async start(lines: Lines | ((folder: string) => Lines) = {}): Promise<ConfiguredServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-configured-'));
    const [pair] = await choosePorts(0);
    const server = new ConfiguredServer(folder, pair?.apiPort ?? 0);
    await server.configure(typeof lines === 'function' ? lines(folder) : lines);
    await server.#run();
    return server;
  }

  /** Initialised and unsealed. */
  static async startUnsealed(lines: Lines | ((folder: string) => Lines) = {}): Promise<ConfiguredServer> {
    const server = await ConfiguredServer.start(lines);
    await server.initialise();
    return server;
  }

  /** Writes the file anew; a SIGHUP or a restart makes the server read it. */
  async configure({ listener = '', top = '' }: Lines): Promise<void> {
    const text = `storage "inmem" {}
listener "tcp" {
  address     = "127.0.0.1:${this.port}"
  tls_disable = true
  ${listener}
}
${top}
`;
    await writeFile(join(this.folder, 'server.hcl'), text);
  }

  async initialise(shares = 1, threshold = 1): Promise<InitAnswer> {
    const answer = await this.client.init({ secretShares: shares, secretThreshold: threshold });
    noteSecrets([answer.rootToken, ...answer.keysBase64]);
    this.client = this.client.withToken(answer.rootToken);
    for (const key of answer.keysBase64.slice(0, threshold)) await this.client.unseal(key);
    await until('the node to lead', async () => ((await this.client.leader()).isSelf ? true : undefined));
    return answer;
  }

  /** What a server says comes through a pipe and into a file, a moment after it answered. */
  async untilLogged(pattern: RegExp): Promise<void> {
    await until(`${pattern} in the log`, async () => (pattern.test(await this.log()) ? true : undefined));
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** All that the process has written. */
  async log(): Promise<string> {
    return readFile(join(this.folder, 'server.log'), 'utf8');
  }

  /** Sends SIGHUP and resolves to the lines that it caused, up to the one that sums it up. */
  async reload(): Promise<readonly string[]> {
    const before = (await this.log()).length;
    this.signal('SIGHUP');
    const { value } = await until('the server to have reloaded', async () => {
      const lines = (await this.log()).slice(before).split('\n');
      return lines.some((line) => line.includes('SIGHUP: read again')) ? lines : undefined;
    });
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    keepLogs(this.folder);
    await rm(this.folder, { recursive: true });
  }

  async #run(): Promise<void> {
    const child = spawn(LAUNCHER, ['server', `-config=${join(this.folder, 'server.hcl')}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(join(this.folder, 'server.log'));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#child = child;
    await until('the server to answer', async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${await this.log()}`);
      return await fetch(`${this.address}/v1/sys/seal-status`).then(() => true);
    });
  }
}
