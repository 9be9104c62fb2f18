// A server process on LMDB under strace, which writes down in what order it reads requests, writes and syncs its data
// file, and answers.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { ServerProcess } from '../../demo/server-process.ts';
import type { VaultClient } from '../../src/client/client.ts';
import { noteSecrets } from '../leaks/ledger.ts';

const SYNCS = 'fdatasync,fsync,msync,sync_file_range';
const WRITES = 'write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg';
const READS = 'read,readv,recvfrom,recvmsg';

/** @throws Error in plain words if strace is not there. */
export function needStrace(): void {
  if (spawnSync('strace', ['--version'], { stdio: 'ignore' }).status === 0) return;
  throw new Error('this test needs strace: "apt-get install strace" (Linux; it watches a server process)');
}

export class TracedServer implements AsyncDisposable {
  readonly dataFile: string;
  #client: VaultClient;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess, client: VaultClient) {
    this.#folder = folder;
    this.#child = child;
    this.#client = client;
    this.dataFile = join(folder, 'data', 'data.mdb');
  }

  /** Initialised, unsealed by its one key share, with a kv version 2 at secret/. */
  static async start(): Promise<TracedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
    const data = join(folder, 'data');
    await mkdir(data, { mode: 0o700 });
    const [pair] = await choosePorts(0);
    if (pair === undefined) throw new Error('no ports');
    const prepared = await ServerProcess.prepare({ name: 'vault-0', folder, ...pair }, data, undefined);
    const launcher = join(import.meta.dirname, '../../bin/latchkey');
    // `-y` names files and sockets; 400 characters are enough for the head of a request with its path.
    const trace = [
      '-f',
      '--seccomp-bpf',
      '-y',
      '-s',
      '400',
      '-e',
      `trace=openat,${SYNCS},${WRITES},${READS}`,
    ];
    const args = [
      ...trace,
      '-o',
      join(folder, 'trace'),
      launcher,
      'server',
      `-config=${prepared.configFile}`,
    ];
    const child = spawn('strace', args, { stdio: 'ignore' });
    await using closing = new AsyncDisposableStack();
    const server = closing.use(new TracedServer(folder, child, prepared.client));
    await server.#open();
    closing.move();
    return server;
  }

  get client(): VaultClient {
    return this.#client;
  }

  async #open(): Promise<void> {
    const sealed = this.#client;
    await until('the traced server to answer', () => sealed.sealStatus());
    const { keysBase64, rootToken } = await sealed.init({ secretShares: 1, secretThreshold: 1 });
    noteSecrets([...keysBase64, rootToken]);
    await sealed.unseal(keysBase64[0] ?? '');
    this.#client = sealed.withToken(rootToken);
    await until('the traced server to lead', async () => (await sealed.leader()).isSelf || undefined);
    await this.#client.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  }

  /** Ends the server, so that strace has written all it saw. */
  async trace(): Promise<string> {
    await this.#stop();
    return readFile(this.#traceFile, 'latin1');
  }

  get #traceFile(): string {
    return join(this.#folder, 'trace');
  }

  async #stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    // strace itself hears no signal while it writes to a file. The process that it started is the first that it names.
    const pid = Number(/^\d+/.exec(await readFile(this.#traceFile, 'latin1'))?.[0]);
    process.kill(pid, 'SIGTERM');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
