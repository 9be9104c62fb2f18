// One GET to a metadata service, with a deadline over all of it and a limit on the answer.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { HeaderReader } from './answer.ts';
import type { TokenFailure } from './classify-identity.ts';

export interface MetadataRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Trusted in place of the built-in roots, if the service is asked over HTTPS. */
  readonly caCertPem: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface MetadataReply {
  readonly status: number;
  readonly header: HeaderReader;
  readonly body: string;
}

export class MetadataFailure extends Error {
  readonly failure: TokenFailure;

  constructor(failure: TokenFailure) {
    super(`metadata request failed: ${failure.kind}`);
    this.failure = failure;
  }
}

const BODY_BYTES_MAX = 64 * 1024;

/**
 * The link-local address must be reached directly, so the agent is our own: the global one may have been told to
 * use a proxy (NODE_USE_ENV_PROXY). Redirects are not followed.
 * @throws MetadataFailure
 */
export function metadataGet(request: MetadataRequest): Promise<MetadataReply> {
  const { url, signal } = request;
  const { promise, resolve, reject } = Promise.withResolvers<MetadataReply>();
  const secure = url.protocol === 'https:';
  const agent = secure ? new HttpsAgent(trust(request.caCertPem)) : new HttpAgent();
  let connected = false;
  const outgoing = (secure ? httpsRequest : httpRequest)(url, { agent, headers: { ...request.headers } });
  const fail = (failure: TokenFailure) => {
    reject(new MetadataFailure(failure));
    outgoing.destroy();
  };
  const timer = setTimeout(() => fail({ kind: 'deadline', connected }), request.deadlineMs);
  const abort = () => fail({ kind: 'cancelled' });
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  outgoing.on('socket', (socket) =>
    socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true)),
  );
  outgoing.on('error', (error) => fail({ kind: 'network', code: codeOf(error), connected }));
  outgoing.on('response', (response) => {
    readBody(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, header: headerReader(response), body }),
      (error: unknown) => fail({ kind: 'network', code: codeOf(error), connected: true }),
    );
  });
  outgoing.end();
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    agent.destroy();
  });
}

function trust(caCertPem: string | undefined): { ca?: string } {
  return caCertPem === undefined ? {} : { ca: caCertPem };
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += (chunk as Buffer).byteLength;
    if (length > BODY_BYTES_MAX) throw Object.assign(new Error('too large'), { code: 'answer_too_large' });
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function headerReader(response: IncomingMessage): HeaderReader {
  return (name) => {
    const value = response.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
}

/** The code of a system error; where several addresses were tried, of the first. Never the message. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : 'unknown';
}
