// A standby's way to the active node: one connection, opened on demand and again after it broke.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { createSecureContext, type SecureContext } from 'node:tls';
import { fromUtf8 } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import { REQUEST_DURATION_MS_MAX } from '../base/limits.ts';
import type { ClusterIdentity } from './certificate.ts';
import { dial, parseTarget, type Target } from './dial.ts';
import { encodeEcho, type MemberEcho } from './members.ts';
import { declaredSize, readMessage } from './message.ts';
import * as wire from './wire.ts';

export interface ConnectOptions {
  /** Time for TCP, TLS and the first frame, milliseconds. Default 5,000. */
  readonly connectMsMax?: number;
  /** Time from sending a request to the end of its answer, milliseconds. Default 100,000. */
  readonly requestMsMax?: number;
  /** The same for a heartbeat. Default 5,000. */
  readonly heartbeatMsMax?: number;
  /** How often the active node is pinged; one that has not answered by the next is taken for dead. Default 5,000. */
  readonly pingMs?: number;
  readonly clock?: Clock;
}

/** What one heartbeat showed, for sys/health. */
export interface EchoTimes {
  /** `echo_duration_ms`: time there and back. */
  readonly roundTripMs: number;
  /** `clock_skew_ms`: the active node's wall clock less this one's, at the middle of the round trip. */
  readonly clockSkewMs: number;
}

const DEFAULTS = {
  connectMsMax: 5_000,
  requestMsMax: REQUEST_DURATION_MS_MAX + 10_000,
  heartbeatMsMax: 5_000,
  pingMs: 5_000,
  clock: systemClock,
};

/**
 * Ready at once; the first message opens the connection. `address` is the `https://host:port` of the advert.
 * The identity may be wiped once this returns.
 * @throws ForwardFault not_delivered if the address cannot be read.
 */
export function connectToActive(
  peer: { readonly address: string; readonly identity: ClusterIdentity },
  options: ConnectOptions = {},
): ActiveLink {
  const target = parseTarget(peer.address);
  if (target === undefined) throw unreachable(`its cluster address '${peer.address}' cannot be read`);
  return new ActiveLink(target, peer.identity, options);
}

export class ActiveLink {
  readonly #target: Target;
  readonly #identity: ClusterIdentity;
  readonly #context: SecureContext;
  readonly #options: Required<ConnectOptions>;
  readonly #closing = new AbortController();
  #dialling: Promise<ClientHttp2Session> | undefined;
  #session: ClientHttp2Session | undefined;

  constructor(target: Target, identity: ClusterIdentity, options: ConnectOptions) {
    this.#target = target;
    this.#identity = identity;
    this.#context = identity.withCredentials(createSecureContext);
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Carries one request (up to 34 MiB) there and its answer back.
   * @throws ForwardFault, whose `delivery` says whether it may be sent again; or the signal's reason, after telling
   *   the active node to give the request up.
   */
  send(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.#exchange(wire.REQUEST_PATH, request, this.#options.requestMsMax, signal);
  }

  /** Says that this node lives, and hears how far the active node is. @throws as `send` */
  async heartbeat(echo: MemberEcho, signal: AbortSignal): Promise<EchoTimes> {
    const { clock, heartbeatMsMax } = this.#options;
    const message = encodeEcho(echo);
    const sentAt = clock.monotonic();
    const answer = await this.#exchange(wire.HEARTBEAT_PATH, message, heartbeatMsMax, signal);
    const roundTripMs = clock.monotonic() - sentAt;
    return { roundTripMs, clockSkewMs: readNow(answer) - (clock.now() - roundTripMs / 2) };
  }

  /** Sends nothing more; what is under way has `graceMs` (default 0) to be answered. Idempotent. */
  async close(graceMs = 0): Promise<void> {
    this.#closing.abort(unreachable('the connection was closed'));
    const session = this.#session;
    if (session === undefined || session.destroyed) return;
    const closed = new Promise<void>((done) => session.once('close', done));
    const timer = setTimeout(() => session.destroy(), graceMs);
    if (graceMs > 0) session.close();
    else session.destroy();
    await closed;
    clearTimeout(timer);
  }

  async #exchange(
    path: string,
    message: Uint8Array,
    msMax: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    signal.throwIfAborted();
    if (message.byteLength > wire.MESSAGE_BYTES_MAX) {
      throw new wire.ForwardFault(
        'not_delivered',
        'payload_too_large',
        'the request is too large to forward',
        {},
      );
    }
    const session = await untilAborted(this.#connected(), signal);
    return exchange(session, path, message, msMax, signal);
  }

  #connected(): Promise<ClientHttp2Session> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    const session = this.#session;
    // `closed` is set as soon as the active node said goodbye; older messages may still be answered on it.
    if (session !== undefined && !session.closed && !session.destroyed) return Promise.resolve(session);
    this.#dialling ??= this.#dial().finally(() => {
      this.#dialling = undefined;
    });
    return this.#dialling;
  }

  async #dial(): Promise<ClientHttp2Session> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(unreachable('no connection in time')),
      this.#options.connectMsMax,
    );
    const signal = AbortSignal.any([late.signal, this.#closing.signal]);
    try {
      const session = await dial(this.#target, this.#identity, this.#context, signal);
      this.#session = session;
      keepAlive(session, this.#options.pingMs);
      return session;
    } catch (error) {
      if (error instanceof wire.ForwardFault) throw error;
      throw unreachable(`${this.#target.host}:${this.#target.port}: ${explain(error)}`, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A machine that vanished or a process that was stopped says nothing; only a missing pong gives it away. */
function keepAlive(session: ClientHttp2Session, pingMs: number): void {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting) {
      // After the sockets were read: if it was this process that stood still, the pong lies there unread.
      setImmediate(() => {
        if (waiting) session.destroy(new Error('the active node no longer answers pings'));
      });
      return;
    }
    waiting = true;
    if (session.destroyed) return;
    session.ping((error) => {
      if (error === null) waiting = false;
    });
  }, pingMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}

function exchange(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  msMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let stream: ClientHttp2Stream;
  try {
    stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-length': String(message.byteLength),
    });
  } catch (error) {
    return Promise.reject(unreachable('the connection broke before the request was sent', error));
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const giveUp = (reason: unknown) => {
    reject(reason);
    stream.close(constants.NGHTTP2_CANCEL);
  };
  const abort = () => giveUp(signal.reason);
  const timer = setTimeout(() => giveUp(unanswered('timeout', `nothing for ${msMax} ms`)), msMax);
  signal.addEventListener('abort', abort, { once: true });
  let broke: unknown;
  stream.on('error', (error) => {
    broke = error;
  });
  stream.once('response', (headers) => {
    readAnswer(stream, headers).then(resolve, giveUp);
  });
  // Last of all events. After an answer it finds the promise settled.
  stream.once('close', () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    reject(
      refused ? unreachable('it takes no requests now') : unanswered('no_active_node', 'broken off', broke),
    );
  });
  stream.end(message);
  return promise;
}

async function readAnswer(stream: ClientHttp2Stream, headers: IncomingHttpHeaders): Promise<Uint8Array> {
  const size = declaredSize(headers);
  const status = Number(headers[':status']);
  switch (status) {
    case wire.Status.answered:
      if (size === undefined || size > wire.MESSAGE_BYTES_MAX)
        throw unanswered('internal', 'an answer of a wrong size');
      return readMessage(stream, size).catch((error: unknown) => {
        throw unanswered('no_active_node', 'the answer broke off', error);
      });
    case wire.Status.notUnderstood:
      throw new wire.ForwardFault(
        'not_delivered',
        'internal',
        'the active node did not understand the message',
        {},
      );
    case wire.Status.handlerTimedOut:
      throw unanswered('timeout', 'the active node ran out of time');
    default:
      throw unanswered('internal', `the active node failed with ${status}`);
  }
}

function readNow(answer: Uint8Array): number {
  try {
    const value = parseJson(fromUtf8(answer), 4);
    if (isObject(value) && typeof value['now'] === 'number') return value['now'];
  } catch {
    // Said below, as for an answer without a time.
  }
  throw unanswered('internal', 'an echo without a time');
}

/** Gives one caller up without giving up what others wait for as well. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function unreachable(detail: string, cause?: unknown): wire.ForwardFault {
  return new wire.ForwardFault('not_delivered', 'no_active_node', 'the active node cannot be reached', {
    detail,
    cause,
  });
}

function unanswered(
  code: 'no_active_node' | 'timeout' | 'internal',
  detail: string,
  cause?: unknown,
): wire.ForwardFault {
  const message = 'the active node did not answer; the request may have taken effect';
  return new wire.ForwardFault('unknown', code, message, { detail, cause });
}
