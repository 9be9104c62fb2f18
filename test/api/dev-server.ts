// A real `latchkey server -dev` process on a free port, for tests of the API from outside.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { VaultClient } from '../../src/client/client.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'latchkey');

export class DevServer implements AsyncDisposable {
  readonly address: string;
  readonly token = 'root';
  readonly client: VaultClient;
  readonly process: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.process = child;
    this.address = address;
    this.client = new VaultClient({ address, token: this.token });
  }

  /** `launch` starts the program with these arguments; default: as a user does. */
  static async start(launch: (args: string[]) => ChildProcess = launchProgram): Promise<DevServer> {
    const [pair] = await choosePorts(0);
    const listen = `127.0.0.1:${pair?.apiPort}`;
    const args = ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=${listen}`];
    const server = new DevServer(launch(args), `http://${listen}`);
    await until('the development server to serve secret/', async () => {
      const mount = await server.client.mountOf('secret');
      return mount.version === 2 ? true : undefined;
    });
    return server;
  }

  /** The bare answer, for tests of status and bodies; an empty `token` sends none. */
  async call(method: string, path: string, body?: JsonObject, token = this.token) {
    const headers: Record<string, string> = token === '' ? {} : { 'X-Vault-Token': token };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${this.address}/v1/${path}`, { method, headers, ...sent });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await gone;
  }
}

function launchProgram(args: string[]): ChildProcess {
  return spawn(LAUNCHER, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
