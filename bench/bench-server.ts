// One server process on LMDB for a load: a plain and a TLS listener beside each other, opened by one key share.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../demo/conditions.ts';
import { choosePorts } from '../demo/ports.ts';
import { VaultClient } from '../src/client/client.ts';
import type { Certificate } from './certificate.ts';

export class BenchServer implements AsyncDisposable {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly folder: string;
  readonly #child: ChildProcess;
  #root: VaultClient;

  private constructor(folder: string, ports: readonly [number, number], child: ChildProcess) {
    this.folder = folder;
    [this.plainPort, this.tlsPort] = ports;
    this.#child = child;
    this.#root = new VaultClient({ address: `http://127.0.0.1:${this.plainPort}` });
  }

  static async start({ cert, key }: Certificate): Promise<BenchServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
    await mkdir(join(folder, 'data'), { mode: 0o700 });
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
    const [plain, tls] = await choosePorts(0);
    if (plain === undefined || tls === undefined) throw new Error('there are no free ports');
    const config = join(folder, 'server.hcl');
    await writeFile(config, hclOf(folder, plain, tls.apiPort));
    const launcher = join(import.meta.dirname, '../bin/latchkey');
    // The log at `warn`: what is measured is the server, not the terminal.
    const child = spawn(launcher, ['server', `-config=${config}`, '-log-level=warn'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await using closing = new AsyncDisposableStack();
    const server = closing.use(new BenchServer(folder, [plain.apiPort, tls.apiPort], child));
    await server.#open();
    closing.move();
    return server;
  }

  /** With the root token. */
  get root(): VaultClient {
    return this.#root;
  }

  get rootToken(): string {
    return this.#root.options.token ?? '';
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** MB resident. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
  }

  async #open(): Promise<void> {
    const sealed = this.#root;
    await until('the server to answer', () => sealed.sealStatus());
    const { keysBase64, rootToken } = await sealed.init({ secretShares: 1, secretThreshold: 1 });
    await sealed.unseal(keysBase64[0] ?? '');
    this.#root = sealed.withToken(rootToken);
    await until('the server to lead', async () => (await sealed.leader()).isSelf || undefined);
    await this.#root.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

function hclOf(
  folder: string,
  plain: { readonly apiPort: number; readonly clusterPort: number },
  tlsPort: number,
): string {
  return `storage "lmdb" {
  path = "${folder}/data"
}
listener "tcp" {
  address         = "127.0.0.1:${plain.apiPort}"
  cluster_address = "127.0.0.1:${plain.clusterPort}"
  tls_disable     = true
}
listener "tcp" {
  address       = "127.0.0.1:${tlsPort}"
  tls_cert_file = "${folder}/cert.pem"
  tls_key_file  = "${folder}/key.pem"
}
api_addr     = "http://127.0.0.1:${plain.apiPort}"
cluster_addr = "https://127.0.0.1:${plain.clusterPort}"
`;
}
