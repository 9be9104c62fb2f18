// For tests: a real HTTP server that plays fixed answers and keeps what it was asked, and a captured command line.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { fromUtf8 } from '../base/bytes.ts';
import type { JsonValue } from '../base/json.ts';
import { type CliInput, runCli } from './cli.ts';

export interface Played {
  readonly status?: number;
  readonly body?: JsonValue;
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers by `METHOD /path?query`; all else is an empty 404. */
export class PlayServer implements AsyncDisposable {
  readonly answers: Record<string, Played | readonly Played[]> = {};
  readonly asked: Asked[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = fromUtf8(Buffer.concat(chunks));
      const { method = '', url = '', headers } = request;
      this.asked.push({ method, url, headers, body });
      const played = this.#next(`${method} ${url}`);
      response.writeHead(played.status ?? 200, { 'Content-Type': 'application/json', ...played.headers });
      response.end(played.text ?? (played.body === undefined ? '' : JSON.stringify(played.body)));
    });
  }

  static async start(answers: PlayServer['answers'] = {}): Promise<PlayServer> {
    const play = new PlayServer();
    Object.assign(play.answers, answers);
    play.#server.listen(0, '127.0.0.1');
    await once(play.#server, 'listening');
    return play;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The requests as `METHOD /path body`, for a comparison at a glance. */
  get lines(): string[] {
    return this.asked.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());
  }

  /** A list is played in order; its last entry stays. */
  #next(line: string): Played {
    const answer = this.answers[line];
    if (answer === undefined) return { status: 404, body: { errors: [] } };
    if (!Array.isArray(answer)) return answer as Played;
    const [first = {}, ...rest] = answer as Played[];
    if (rest.length > 0) this.answers[line] = rest;
    return first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. `line` is cut at blanks; give a list where an argument holds one. */
export async function run(
  line: string | readonly string[],
  env: Record<string, string> = {},
  more: Partial<CliInput> & { readonly input?: string } = {},
): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const out = text(stdout);
  const err = text(stderr);
  const code = await runCli({
    argv: typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line,
    // No home folder by default: a test must not see, or write, the token of whoever runs it.
    env: { HOME: '/nonexistent', ...env },
    stdin: Readable.from(more.input === undefined ? [] : [more.input]),
    stdout,
    stderr,
    isTty: false,
    ...more,
  });
  stdout.end();
  stderr.end();
  return { code, out: await out, err: await err };
}

async function text(stream: Readable): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}
