// One HTTP request and its answer, on Node's own client: it alone offers a custom CA, a client certificate, a
// server name and a lookup per request.

import { lookup as systemLookup } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import { UnreachableError } from './api-error.ts';
import type { Trust } from './trust.ts';

/** Largest answer taken, bytes: twice what a request may carry. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Largest block of answer headers, bytes. */
const ANSWER_HEADER_BYTES_MAX = 64 * 1024;

export interface Exchange {
  readonly method: string;
  /** Origin of the server. */
  readonly origin: URL;
  /** Percent-encoded path with query, sent as it is: `..` is for the server to refuse, not for us to fold. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly trust: () => Trust;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends one request on a connection of its own.
 * @throws UnreachableError if no whole answer came; the signal's reason if it was aborted.
 */
export function exchange(call: Exchange): Promise<Reply> {
  return new Promise((resolve, reject) => {
    call.signal?.throwIfAborted();
    const request = open(call);
    const deadline = setTimeout(() => {
      request.destroy(Object.assign(new Error('deadline'), { code: 'TIMEOUT' }));
    }, call.timeoutMs);
    const abort = () => request.destroy();
    call.signal?.addEventListener('abort', abort, { once: true });
    const finish = () => {
      clearTimeout(deadline);
      call.signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown) => {
      finish();
      request.destroy();
      reject(call.signal?.aborted ? call.signal.reason : unreachable(call, error));
    };
    request.once('error', fail);
    request.once('response', (response) => {
      collect(response).then((text) => {
        finish();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      }, fail);
    });
    request.end(call.body);
  });
}

function open(call: Exchange): http.ClientRequest {
  const options: http.RequestOptions = {
    method: call.method,
    hostname: call.origin.hostname.replace(/^\[|\]$/g, ''),
    port: call.origin.port,
    path: call.path,
    headers: call.headers,
    lookup: loopbackLookup,
    maxHeaderSize: ANSWER_HEADER_BYTES_MAX,
    // No connection outlives its call: a server may be killed between two of them.
    agent: false,
  };
  if (call.origin.protocol === 'http:') return http.request(options);
  return https.request({ ...options, ...call.trust() });
}

async function collect(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw Object.assign(new Error('answer too large'), { code: 'TOO_LARGE' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Maps `*.localhost` to the loopback address, which neither glibc nor Node does (RFC 6761 section 6.3). */
export const loopbackLookup: LookupFunction = (hostname, options, callback) => {
  if (!/\.localhost\.?$/i.test(hostname)) {
    systemLookup(hostname, options, callback);
    return;
  }
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

/** In the words that scripts around Vault look for ("connection refused", "no such host", …). */
function unreachable(call: Exchange, cause: unknown): UnreachableError {
  const code = (cause as NodeJS.ErrnoException)?.code ?? 'UNKNOWN';
  const path = call.path.replace(/\?.*$/, '');
  const method = call.method.slice(0, 1) + call.method.slice(1).toLowerCase();
  const what = reasonFor(code, call, cause);
  return new UnreachableError(`${method} "${call.origin.origin}${path}": ${what}`, code, cause);
}

function reasonFor(code: string, call: Exchange, cause: unknown): string {
  const { hostname, host, port, protocol } = call.origin;
  const peer = port === '' ? `${host}:${protocol === 'https:' ? 443 : 80}` : host;
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${peer}: connect: connection refused`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname}: no such host`;
    case 'ETIMEDOUT':
      return `dial tcp ${peer}: i/o timeout`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `dial tcp ${peer}: connect: no route to host`;
    case 'ECONNRESET':
      return 'the server closed the connection without an answer';
    case 'TIMEOUT':
      return `no answer within ${call.timeoutMs / 1_000} s (VAULT_CLIENT_TIMEOUT)`;
    case 'TOO_LARGE':
      return `the answer is larger than ${ANSWER_BYTES_MAX} bytes`;
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'http: server gave HTTP response to HTTPS client (is VAULT_ADDR meant to start with http://?)';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `x509: the certificate is not valid for "${hostname}" (VAULT_TLS_SERVER_NAME names another)`;
    case 'CERT_HAS_EXPIRED':
      return 'x509: the certificate has expired';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'x509: certificate signed by unknown authority (VAULT_CACERT names the file of the right one)';
    default:
      return cause instanceof Error ? `${cause.message} (${code})` : code;
  }
}
