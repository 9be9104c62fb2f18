// A real development server on real HTTP, with the tap inside.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import type { VaultClient } from '../../src/client/client.ts';
import { DevServer } from '../api/dev-server.ts';
import type { TapReport } from './tap-report.ts';

export type Verb = 'GET' | 'LIST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export class TappedServer implements AsyncDisposable {
  readonly root: VaultClient;
  readonly #server: DevServer;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  private constructor(server: DevServer) {
    this.#server = server;
    this.root = server.client;
  }

  static async start(): Promise<TappedServer> {
    const tap = join(import.meta.dirname, 'route-tap.ts');
    const main = join(import.meta.dirname, '../../src/main.ts');
    const server = await DevServer.start((args) =>
      fork(main, args, {
        execArgv: ['--disable-warning=ExperimentalWarning', '--import', tap],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    );
    return new TappedServer(server);
  }

  async report(): Promise<TapReport> {
    const answer = once(this.#server.process, 'message');
    this.#server.process.send('report');
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
    const call = request(`${this.#server.address}/v1/${target}`, { method, headers, agent: this.#agent });
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
    await this.#server[Symbol.asyncDispose]();
  }
}
