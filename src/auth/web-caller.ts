// Calls to the services that vouch for a caller: an issuer's key set, a cluster's API server. Each has a deadline over
// all of it, a limit on the answer, and the trust that its configuration names.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { getCACertificates } from 'node:tls';

export interface WebCall {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM, trusted in place of all other roots; undefined: Node's and the system's. */
  readonly caPem: string | undefined;
  readonly signal: AbortSignal;
}

export interface WebAnswer {
  readonly status: number;
  /** The service did what it was asked for (2xx; redirects are not followed, so they are none). */
  readonly isSuccess: boolean;
  readonly body: string;
}

export interface WebLimits {
  /** From the call to the last byte of the answer, milliseconds. */
  readonly deadlineMs: number;
  readonly answerBytesMax: number;
}

/** Why there is no answer, in words that hold nothing of the request. Stays inside this room. */
export class WebFault extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'WebFault';
  }
}

/** As many trusts as a mount uses in a while; a changed one pushes out the oldest. */
const AGENTS_MAX = 4;

/** Keeps connections open between calls; disposing ends them, and the calls under way. Redirects are not followed and proxies not used. */
export class WebCaller implements Disposable {
  readonly #limits: WebLimits;
  readonly #agents = new Map<string, HttpAgent>();
  #isClosed = false;

  constructor(limits: WebLimits) {
    this.#limits = limits;
  }

  /** @throws WebFault */
  async call(call: WebCall): Promise<WebAnswer> {
    const deadline = AbortSignal.timeout(this.#limits.deadlineMs);
    const signal = AbortSignal.any([call.signal, deadline]);
    try {
      return await this.#exchange(call, signal, true);
    } catch (error) {
      if (error instanceof WebFault) throw error;
      if (call.signal.aborted) throw new WebFault('the request was given up');
      if (deadline.aborted) throw new WebFault(`no answer within ${this.#limits.deadlineMs / 1_000} s`);
      throw new WebFault(`no connection (${codeOf(error)})`);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #exchange(call: WebCall, signal: AbortSignal, mayRepeat: boolean): Promise<WebAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { url, method, body } = call;
    const secure = url.protocol === 'https:';
    const headers: Record<string, string> = { ...call.headers };
    if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
    const agent = this.#agent(secure, call.caPem);
    const outgoing = (secure ? httpsRequest : httpRequest)(url, { method, headers, agent, signal });
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
    try {
      const response = await promise;
      const { statusCode: status = 0 } = response;
      return { status, isSuccess: Math.floor(status / 100) === 2, body: await this.#bodyOf(response) };
    } catch (error) {
      outgoing.destroy();
      // The other side let go of an idle connection just as we used it. What we ask may be asked twice.
      const wasIdle = outgoing.reusedSocket && codeOf(error) === 'ECONNRESET';
      if (mayRepeat && wasIdle && !signal.aborted) return this.#exchange(call, signal, false);
      throw error;
    }
  }

  async #bodyOf(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > this.#limits.answerBytesMax) {
        throw new WebFault(`the answer is larger than ${this.#limits.answerBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #agent(secure: boolean, caPem: string | undefined): HttpAgent {
    if (this.#isClosed) throw new WebFault('the mount is closed');
    const name = secure ? `https ${caPem ?? ''}` : 'http';
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const options = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, timeout: 60_000 };
    const agent = secure ? new HttpsAgent({ ...options, ca: caPem ?? allRoots() }) : new HttpAgent(options);
    const [oldest] = this.#agents.keys();
    // Dropped and not destroyed: calls under way finish, and idle connections end by their timeout.
    if (this.#agents.size >= AGENTS_MAX && oldest !== undefined) this.#agents.delete(oldest);
    this.#agents.set(name, agent);
    return agent;
  }
}

/**
 * An address that may be asked: HTTPS, or plain HTTP to this very host, where nobody is in between.
 * Undefined for all else, and for one with a user, a query or a fragment in it.
 */
export function serviceUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.hash !== '') return undefined;
  if (url.protocol === 'https:') return url;
  return url.protocol === 'http:' && isLoopback(url.hostname) ? url : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

function allRoots(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

/** The code of a system or TLS error. Never the message: it may quote what was sent. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : 'unknown';
}
