// Unary gRPC calls to one address over HTTP/2, each with a deadline. Source: grpc.github.io, "gRPC over HTTP2".

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** PEM. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ChannelOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Called for each new connection, so that certificates that were renewed are used. */
  readonly readTls: () => Promise<TlsMaterial>;
}

export interface UnaryOptions {
  readonly msMax: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** A call that failed. */
export class GrpcFault extends Error {
  /** gRPC's status, 1 to 16. */
  readonly status: number;
  /** No connection was there, so nothing was sent. */
  readonly isUnconnected: boolean;

  constructor(status: number, message: string, options: { cause?: unknown; isUnconnected?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.status = status;
    this.isUnconnected = options.isUnconnected ?? false;
  }
}

export const STATUS = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const ANSWER_BYTES_MAX = 32 * 1_024 * 1_024;
const WINDOW_BYTES = 4 * 1_024 * 1_024;
/** Node's own limit of 10 would refuse calls while a few large values are on their way. */
const SESSION_MEGABYTES_MAX = 512;
const CONNECT_MS_MAX = 5_000;
/** So that a connection which is seldom used is not forgotten on the way, nor a lost peer held on to. */
const KEEP_ALIVE_MS = 15_000;

interface Line {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  /** Counts what came back, so that a dead connection is told from a slow answer. */
  heard: number;
}

export class GrpcChannel {
  readonly #options: ChannelOptions;
  #line: Promise<Line> | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** The bytes of the answer's message. @throws GrpcFault */
  async unary(path: string, message: Uint8Array, options: UnaryOptions): Promise<Buffer> {
    const end = performance.now() + options.msMax;
    const line = await this.#withinTime(this.#connected(), options);
    const msLeft = Math.max(1, Math.ceil(end - performance.now()));
    const heardBefore = line.heard;
    try {
      return await exchange(line, path, message, { ...options, msMax: msLeft });
    } catch (error) {
      // A deadline at which nothing at all has come back means a dead connection; the next call opens another one.
      const isDead = error instanceof GrpcFault && error.status === STATUS.deadlineExceeded;
      if (isDead && line.heard === heardBefore) line.socket.destroy();
      throw error;
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A connection that is still not there at the deadline is given up, so that the next call begins another one. */
  async #withinTime(opening: Promise<Line>, options: UnaryOptions): Promise<Line> {
    try {
      return await withDeadline(opening, options);
    } catch (error) {
      const isLate = error instanceof GrpcFault && error.status === STATUS.deadlineExceeded;
      if (isLate && this.#line === opening) {
        this.#line = undefined;
        opening.then(({ socket }) => socket.destroy()).catch(() => {});
      }
      throw error;
    }
  }

  #connected(): Promise<Line> {
    if (this.#line !== undefined) return this.#line;
    const opening = this.#open();
    this.#line = opening;
    const forget = () => {
      if (this.#line === opening) this.#line = undefined;
    };
    opening.then(({ session, socket }) => {
      for (const event of ['close', 'goaway', 'error']) session.once(event, forget);
      socket.once('close', forget);
      if (session.closed || session.destroyed || socket.destroyed) forget();
    }, forget);
    return opening;
  }

  async #open(): Promise<Line> {
    try {
      const socket = await this.#socket();
      const session = connect(this.#options.origin, {
        createConnection: () => socket,
        maxSessionMemory: SESSION_MEGABYTES_MAX,
        settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      });
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      await established(session, socket);
      session.setLocalWindowSize(WINDOW_BYTES);
      return { session, socket, heard: 0 };
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : 'failed';
      throw new GrpcFault(STATUS.unavailable, words, { cause, isUnconnected: true });
    }
  }

  /** Ours, not the session's own: a TLS server's refusal of a certificate is told to the socket alone. */
  async #socket(): Promise<Socket> {
    const { origin, readTls } = this.#options;
    const { protocol, hostname, port } = new URL(origin);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (protocol === 'http:') return kept(connectTcp({ host, port: Number(port || 80) }));
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const tls = { ...(await readTls()), ...servername, ALPNProtocols: ['h2'] };
    return kept(connectTls({ host, port: Number(port || 443), ...tls }));
  }
}

function kept(socket: Socket): Socket {
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
}

function established(session: ClientHttp2Session, socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error: Error) => {
      clearTimeout(timer);
      reject(error);
      session.destroy();
      socket.destroy();
    };
    const timer = setTimeout(() => end(new Error('the connection was not made in time')), CONNECT_MS_MAX);
    // These stay: an error without a listener would end the process.
    for (const source of [socket, session]) source.on('error', end);
    for (const source of [socket, session])
      source.once('close', () => end(new Error('the connection was cut')));
    // Settings of the other side, not the mere connection: a port that speaks something else is told at once.
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function withDeadline<T>(waited: Promise<T>, { msMax, signal }: UnaryOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => {
      reject(new GrpcFault(STATUS.deadlineExceeded, 'no connection in time', { isUnconnected: true }));
    };
    const timer = setTimeout(late, msMax);
    const abort = () => reject(new GrpcFault(STATUS.cancelled, 'aborted', { cause: signal?.reason }));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    waited.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    });
  });
}

function exchange(line: Line, path: string, message: Uint8Array, options: UnaryOptions): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const stream = request(line.session, path, options);
  const giveUp = (status: number, words: string) => {
    reject(new GrpcFault(status, words, { cause: options.signal?.reason }));
    stream.close(constants.NGHTTP2_CANCEL);
  };
  const timer = setTimeout(() => giveUp(STATUS.deadlineExceeded, 'no answer in time'), options.msMax);
  const abort = () => giveUp(STATUS.cancelled, 'aborted');
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();

  const chunks: Buffer[] = [];
  let bytes = 0;
  let ending: IncomingHttpHeaders = {};
  stream.on('response', (headers) => {
    line.heard += 1;
    ending = { ...headers };
  });
  stream.on('data', (chunk: Buffer) => {
    line.heard += 1;
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) giveUp(STATUS.internal, 'the answer is too large');
    else chunks.push(chunk);
  });
  stream.on('trailers', (trailers) => {
    ending = { ...ending, ...trailers };
  });
  stream.on('error', (cause: Error) => {
    reject(new GrpcFault(STATUS.unavailable, cause.message, { cause }));
  });
  stream.on('close', () => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
    try {
      resolve(messageOf(ending, Buffer.concat(chunks)));
    } catch (error) {
      reject(error);
    }
  });
  stream.end(framed(message));
  return promise;
}

function request(session: ClientHttp2Session, path: string, options: UnaryOptions): ClientHttp2Stream {
  try {
    return session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${options.msMax}m`,
      ...options.metadata,
    });
  } catch (cause) {
    // The connection ended between the look at it and its use.
    throw new GrpcFault(STATUS.unavailable, 'the connection was cut', { cause, isUnconnected: true });
  }
}

/** One byte for "not compressed", four for the length. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, 5);
  return frame;
}

function messageOf(ending: IncomingHttpHeaders, body: Buffer): Buffer {
  const { 'grpc-status': status, 'grpc-message': words, 'content-type': type = 'application/grpc' } = ending;
  if (status === undefined) {
    const isGrpc = type.startsWith('application/grpc');
    throw new GrpcFault(STATUS.unavailable, isGrpc ? 'the answer was cut off' : 'the answer is not gRPC');
  }
  if (status !== '0') throw new GrpcFault(Number(status) || STATUS.unknown, decoded(String(words ?? '')));
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) {
    throw new GrpcFault(STATUS.internal, 'the answer is not one message');
  }
  return body.subarray(5);
}

function decoded(words: string): string {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}
