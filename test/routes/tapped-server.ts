// A real development server on real HTTP, with the tap inside.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { VaultClient } from '../../src/client/client.ts';
import type { TapReport } from './tap-report.ts';

export type Verb = 'GET' | 'LIST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export class TappedServer implements AsyncDisposable {
  readonly root: VaultClient;
  readonly #child: ChildProcess;
  readonly #address: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#address = address;
    this.root = new VaultClient({ address, token: 'root' });
  }

  static async start(): Promise<TappedServer> {
    const [pair] = await choosePorts(0);
    const listen = `127.0.0.1:${pair?.apiPort}`;
    const main = join(import.meta.dirname, '../../src/main.ts');
    const args = ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=${listen}`];
    const child = fork(main, args, {
      execArgv: [
        '--disable-warning=ExperimentalWarning',
        '--import',
        join(import.meta.dirname, 'route-tap.ts'),
      ],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const server = new TappedServer(child, `http://${listen}`);
    await until('the development server to serve secret/', async () =>
      (await server.root.mountOf('secret')).version === 2 ? true : undefined,
    );
    return server;
  }

  async report(): Promise<TapReport> {
    const answer = once(this.#child, 'message');
    this.#child.send('report');
    return (await answer)[0] as TapReport;
  }

  /** Sent as it is: no client of ours looks at path or token first. `path` is below `/v1/`. */
  ask(verb: Verb, path: string, token: string | undefined): Promise<Reply> {
    const headers: Record<string, string> = token === undefined ? {} : { 'X-Vault-Token': token };
    const hasBody = verb === 'PUT' || verb === 'PATCH';
    if (hasBody) {
      headers['Content-Type'] = verb === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    }
    const method = verb === 'LIST' ? 'GET' : verb;
    const target = verb === 'LIST' ? `${path}/?list=true` : path;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const call = request(`${this.#address}/v1/${target}`, { method, headers, agent: this.#agent });
    call.once('error', reject).once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text })).once('error', reject);
    });
    call.end(hasBody ? '{}' : undefined);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}
