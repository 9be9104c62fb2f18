// An HTTPS server of a test's own, that can also misbehave in the ways that real ones do.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type Authority, makeAuthority } from './authority.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

/**
 * `hang`: takes the request and never answers; `hold`: answers when it is told to; `huge`: never stops answering;
 * `html`: the page of a proxy.
 */
export type Manners = 'good' | 'hang' | 'hold' | 'huge' | 'html' | 'reset' | { readonly status: number };

export class SecureServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** How many were ever opened. */
  connections = 0;
  readonly #server: Server;
  readonly #answer: (asked: Asked) => Answer | Promise<Answer>;
  readonly #held = Promise.withResolvers<void>();
  readonly #release = Promise.withResolvers<void>();
  manners: Manners = 'good';
  readonly caPem: string;
  url = '';

  private constructor(authority: Authority, answer: (asked: Asked) => Answer | Promise<Answer>) {
    this.caPem = authority.caPem;
    this.#answer = answer;
    this.#server = createServer(
      { cert: authority.leafPem, key: authority.leafKeyPem },
      (request, response) => {
        this.#serve(request, response).catch(() => response.destroy());
      },
    );
  }

  /** Resolves when a request is held. */
  isHolding(): Promise<void> {
    return this.#held.promise;
  }

  /** Lets those that are held be answered, and all later ones. */
  release(): void {
    this.#release.resolve();
  }

  static async start(answer: (asked: Asked) => Answer | Promise<Answer>): Promise<SecureServer> {
    const server = new SecureServer(await makeAuthority(), answer);
    server.#server.on('secureConnection', () => {
      server.connections += 1;
    });
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    const address = server.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    server.url = `https://localhost:${address.port}`;
    return server;
  }

  /** Ends the connections that clients keep open, as a server does with idle ones. */
  dropConnections(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { method = '', url = '', headers } = request;
    const asked = { method, path: url, headers, body };
    this.asked.push(asked);
    const { manners } = this;
    if (manners === 'hang') return;
    if (manners === 'hold') {
      this.#held.resolve();
      await this.#release.promise;
    }
    if (manners === 'reset') {
      request.socket.destroy();
    } else if (manners === 'huge') {
      const pour = () => {
        while (!response.destroyed && response.write(`"${'x'.repeat(65_536)}",\n`));
      };
      response.on('drain', pour);
      pour();
    } else if (manners === 'html') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in</html>');
    } else if (typeof manners === 'object') {
      response.writeHead(manners.status, { 'content-type': 'application/json' }).end('{"kind": "Status"}');
    } else {
      const { status, json } = await this.#answer(asked);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    }
  }
}
