// One tenure's end of the cluster connection: who shows the tenure's certificate is served, nobody else.

import type { ServerHttp2Stream } from 'node:http2';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { explain, hasCode, LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ClusterIdentity } from './certificate.ts';
import { decodeEcho, type MemberEcho } from './members.ts';
import { declaredSize, readMessage } from './message.ts';
import * as wire from './wire.ts';

export interface Peer {
  /** Address of the standby that carries the message, without port. */
  readonly remoteAddress: string;
}

export interface ClusterHandlers {
  /**
   * Answers one request. `signal` aborts when the standby gave up, the time is over or the tenure ends; whatever the
   * handler then returns is dropped. A refusal is an answer too: throwing is for defects, and the standby hears only
   * that the outcome is unknown.
   */
  request(request: Uint8Array, peer: Peer, signal: AbortSignal): Promise<Uint8Array>;
  heartbeat(echo: MemberEcho, peer: Peer): void;
}

export interface ServingLimits {
  /** Time for the TLS handshake, milliseconds. */
  readonly handshakeMsMax: number;
  /** Time from the first byte of a request to the start of its answer, milliseconds. */
  readonly requestMsMax: number;
  /** A connection on which nothing moves for so long is dropped; standbys ping every 5 s. Milliseconds. */
  readonly idleMsMax: number;
  /** Bytes of all requests that are being received or handled. More are refused, undelivered. */
  readonly heldBytesMax: number;
}

export interface ServingParts {
  readonly identity: ClusterIdentity;
  readonly handlers: ClusterHandlers;
  readonly limits: ServingLimits;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Bytes by path; what is not listed is not spoken here. */
const SIZES_MAX: ReadonlyMap<string, number> = new Map([
  [wire.REQUEST_PATH, wire.MESSAGE_BYTES_MAX],
  [wire.HEARTBEAT_PATH, wire.HEARTBEAT_BYTES_MAX],
]);

export class Serving {
  readonly #parts: ServingParts;
  /** Never listens: it is handed sockets. A server of its own means session tickets of its own as well. */
  readonly #tls: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #inFlight = new Set<AbortController>();
  #heldBytes = 0;
  #stopping = false;

  constructor(parts: ServingParts) {
    this.#parts = parts;
    this.#tls = parts.identity.withCredentials((credentials) =>
      createServer({
        ...credentials,
        handshakeTimeout: parts.limits.handshakeMsMax,
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: [wire.CLUSTER_PROTOCOL],
      }),
    );
    this.#tls.on('secureConnection', (socket) => this.#welcome(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      parts.log.debug('cluster handshake refused', { remote: socket.remoteAddress, cause: error.message });
    });
  }

  accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    this.#tls.emit('connection', socket);
  }

  /**
   * Takes no new message, gives those under way `graceMs` to be answered, then aborts them and drops every
   * connection. A request that was not yet handed to the handler is refused as undelivered.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    if (graceMs > 0 && this.#sessions.size > 0) {
      const closed = [...this.#sessions].map((session) => new Promise<void>((done) => session.close(done)));
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      await Promise.race([Promise.all(closed), late]);
      clearTimeout(timer);
    }
    const reason = new LatchkeyError('fenced', 'this node stopped being the active node');
    for (const abort of this.#inFlight) abort.abort(reason);
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #welcome(socket: TLSSocket): void {
    const { identity, limits, log } = this.#parts;
    const remoteAddress = socket.remoteAddress ?? '';
    if (socket.alpnProtocol !== wire.CLUSTER_PROTOCOL || !identity.isHeldBy(socket) || this.#stopping) {
      log.warn('cluster connection refused: wrong protocol or certificate', { remote: remoteAddress });
      socket.destroy();
      return;
    }
    socket.setKeepAlive(true, 10_000);
    const session = performServerHandshake(socket, {
      maxSessionMemory: wire.SESSION_MEMORY_MB_MAX,
      settings: { maxConcurrentStreams: wire.STREAMS_MAX, initialWindowSize: wire.STREAM_WINDOW_BYTES },
    });
    session.setLocalWindowSize(wire.CONNECTION_WINDOW_BYTES);
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', (error) =>
      log.debug('cluster connection broke', { remote: remoteAddress, cause: error.message }),
    );
    // Node counts a ping as a sign of life only if somebody listens for pings.
    session.on('ping', () => {});
    session.setTimeout(limits.idleMsMax, () => session.destroy());
    session.on('stream', (stream, headers) => {
      // Said again through `close`; without a listener it would end the process.
      stream.on('error', () => {});
      this.#serve(stream, headers, { remoteAddress }).catch((error: unknown) => {
        log.error('cluster message failed', { remote: remoteAddress, cause: explain(error) });
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      });
    });
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer): Promise<void> {
    const path = headers[':path'];
    const size = declaredSize(headers);
    const sizeMax = SIZES_MAX.get(path ?? '');
    const unwanted = size === undefined || sizeMax === undefined || size > sizeMax;
    if (unwanted || this.#stopping || this.#heldBytes + size > this.#parts.limits.heldBytesMax) {
      // RFC 9113 8.7: refused before any processing, so that the standby knows it may send it again.
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    this.#heldBytes += size;
    const gaveUp = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), this.#parts.limits.requestMsMax);
    try {
      const message = await readMessage(stream, size).catch(() => undefined);
      clearTimeout(gaveUp);
      if (message === undefined) stream.close(constants.NGHTTP2_CANCEL);
      else if (this.#stopping) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else if (path === wire.HEARTBEAT_PATH) this.#hear(stream, message, peer);
      else await this.#handle(stream, message, peer);
    } finally {
      clearTimeout(gaveUp);
      this.#heldBytes -= size;
    }
  }

  /** Answers with this node's wall clock, from which the standby tells round trip and skew. */
  #hear(stream: ServerHttp2Stream, message: Uint8Array, peer: Peer): void {
    try {
      this.#parts.handlers.heartbeat(decodeEcho(message), peer);
    } catch (error) {
      if (!hasCode(error, 'bad_request')) throw error;
      turnAway(stream, wire.Status.notUnderstood);
      return;
    }
    answer(stream, Buffer.from(JSON.stringify({ now: this.#parts.clock.now() })));
  }

  async #handle(stream: ServerHttp2Stream, message: Uint8Array, peer: Peer): Promise<void> {
    const { handlers, limits, log } = this.#parts;
    const abort = new AbortController();
    const gone = () => abort.abort(new LatchkeyError('timeout', 'the standby gave the request up'));
    const late = new LatchkeyError('timeout', 'the request took too long');
    const timer = setTimeout(() => abort.abort(late), limits.requestMsMax);
    const aborted = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true });
    });
    stream.once('close', gone);
    this.#inFlight.add(abort);
    try {
      const reply = await Promise.race([handlers.request(message, peer, abort.signal), aborted]);
      if (reply.byteLength > wire.MESSAGE_BYTES_MAX) {
        throw new LatchkeyError(
          'internal',
          `an answer of ${reply.byteLength} bytes is over the cluster's limit`,
        );
      }
      stream.off('close', gone);
      if (!stream.destroyed) answer(stream, reply);
    } catch (error) {
      stream.off('close', gone);
      if (error === late) turnAway(stream, wire.Status.handlerTimedOut);
      else if (!abort.signal.aborted) {
        log.error('cluster request failed', { remote: peer.remoteAddress, cause: explain(error) });
        turnAway(stream, wire.Status.handlerFailed);
      }
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(abort);
    }
  }
}

function answer(stream: ServerHttp2Stream, message: Uint8Array): void {
  stream.respond({ ':status': wire.Status.answered, 'content-length': String(message.byteLength) });
  stream.end(message);
}

/** A status and nothing else. */
function turnAway(stream: ServerHttp2Stream, status: number): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ':status': status, 'content-length': '0' }, { endStream: true });
}
