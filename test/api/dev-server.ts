// A real `latchkey server -dev` process on a free port, for tests of the API from outside.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { VaultClient } from '../../src/client/client.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'latchkey');

export class DevServer implements AsyncDisposable {
  readonly address: string;
  readonly token = 'root';
  readonly client: VaultClient;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
    this.client = new VaultClient({ address, token: this.token });
  }

  static async start(): Promise<DevServer> {
    const [pair] = await choosePorts(0);
    const listen = `127.0.0.1:${pair?.apiPort}`;
    const args = ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=${listen}`];
    const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const server = new DevServer(child, `http://${listen}`);
    await until('the development server to serve secret/', async () => {
      const mount = await server.client.mountOf('secret');
      return mount.version === 2 ? true : undefined;
    });
    return server;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}
