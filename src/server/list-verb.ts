// The LIST verb, which Vault's clients send and Node's HTTP parser refuses.
//
// The parser fails on the third letter of `LIST`, and says at which byte. A message that starts there is handed to a
// fresh parser as `LINK`, a method that Node knows and nobody uses here, and the request it yields is marked.
// Only the parser's own failure says where a message starts, so neither a body nor a header that looks like
// `LIST ` is ever changed, and a connection that never sends LIST pays nothing.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** What Node attaches to a `clientError`. */
export interface ClientError extends Error {
  readonly code?: string | undefined;
  /** Offset of the byte that the parser refused, in `rawPacket`. */
  readonly bytesParsed?: number | undefined;
  readonly rawPacket?: unknown;
}

export interface ListVerbOptions {
  /** Where the server announces a connection that is ready for HTTP. */
  readonly event: 'connection' | 'secureConnection';
  /** Calls `act` once no request of this connection waits for its answer; never, if the connection ends before. */
  whenIdle(socket: Socket, act: () => void): void;
  /** Answers 400 and ends: what looked like LIST was not. */
  refuse(socket: Socket): void;
  /** How long the rest of the word may take, milliseconds. */
  readonly holdMs: number;
}

const METHOD = Buffer.from('LIST ');
/** Node's HTTP server listens to these on a socket. */
const PARSER_EVENTS = ['timeout', 'data', 'error', 'end', 'close', 'drain', 'resume', 'pause'] as const;
/** More than one read of a socket brings; beyond it the socket waits. */
const HELD_BYTES_MAX = 64 * 1024;

type Listener = (...parameters: unknown[]) => void;
type Listeners = ReadonlyMap<string, readonly unknown[]>;

export class ListVerb {
  readonly #server: Server;
  readonly #options: ListVerbOptions;
  /** Listeners that a socket had before Node's HTTP server put its own on it. */
  readonly #before = new WeakMap<Socket, Listeners>();
  /** Sockets whose next request is a LIST. */
  readonly #marked = new WeakSet<Socket>();

  constructor(server: Server, options: ListVerbOptions) {
    this.#server = server;
    this.#options = options;
    server.prependListener(options.event, (socket: Socket) => {
      this.#before.set(socket, new Map(PARSER_EVENTS.map((event) => [event, socket.listeners(event)])));
    });
  }

  /** True if `request` was sent as LIST. Ask exactly once for each request, in the order of their arrival. */
  claim(request: IncomingMessage): boolean {
    return this.#marked.delete(request.socket);
  }

  /** False if the error is not about a LIST; the caller then answers it. */
  take(error: ClientError, socket: Socket): boolean {
    const message = failedMessage(error);
    if (message === undefined) return false;
    this.#hold(socket, message);
    return true;
  }

  /**
   * Keeps what arrives until the word is complete and earlier answers are out. Requests that came before LIST belong
   * to the failed parser; a new one would queue its answers apart from theirs.
   */
  #hold(socket: Socket, start: Buffer): void {
    const held = [start];
    let bytes = start.byteLength;
    let handedOver = false;
    for (const event of ['data', 'end'] as const) this.#detach(socket, event);
    const handOver = () => {
      // Not inside the failed parser's own call: it may be recycled and started again.
      setImmediate(() => {
        release();
        this.#restart(socket, Buffer.concat(held));
      });
    };
    const proceed = () => {
      if (handedOver || bytes < METHOD.byteLength) return;
      handedOver = true;
      clearTimeout(timer);
      this.#options.whenIdle(socket, handOver);
    };
    const onData = (chunk: Buffer) => {
      held.push(chunk);
      bytes += chunk.byteLength;
      if (bytes > HELD_BYTES_MAX) socket.pause();
      proceed();
    };
    const onEnd = () => socket.end();
    const onClose = () => clearTimeout(timer);
    const release = () => {
      socket.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    const timer = setTimeout(() => socket.destroy(), this.#options.holdMs);
    // A `data` listener also makes Node read through JavaScript again instead of straight into the parser.
    socket.on('data', onData).on('end', onEnd).on('close', onClose);
    proceed();
  }

  #restart(socket: Socket, bytes: Buffer): void {
    if (socket.destroyed || socket.writableEnded) return;
    if (!bytes.subarray(0, METHOD.byteLength).equals(METHOD)) {
      this.#options.refuse(socket);
      return;
    }
    for (const event of PARSER_EVENTS) {
      for (const listener of this.#detach(socket, event)) {
        // The failed parser is freed by the server's own `close` listener.
        if (event === 'close') listener.call(socket);
      }
    }
    // Left over from the wait between requests, it would cut off a slow answer.
    socket.setTimeout(0);
    bytes.write('NK', 2, 'latin1');
    this.#marked.add(socket);
    this.#server.emit(this.#options.event, socket);
    socket.emit('data', bytes);
    socket.resume();
  }

  /** Takes the HTTP server's listeners for `event` off and returns them. */
  #detach(socket: Socket, event: string): Listener[] {
    const before = this.#before.get(socket)?.get(event) ?? [];
    const own = socket.listeners(event).filter((listener) => !before.includes(listener)) as Listener[];
    for (const listener of own) socket.off(event, listener);
    return own;
  }
}

/**
 * The bytes from the start of the message that the parser refused, if they may be a LIST; a copy.
 *
 * `LI` or `L` may have come in an earlier packet that nobody kept. The parser would have refused any method but
 * one that it knows up to there, so the missing letters are taken for granted: a method that does not exist, like
 * `MOST`, cut exactly before its `S`, counts as LIST, which grants nothing that LIST would not.
 */
function failedMessage(error: ClientError): Buffer | undefined {
  const { rawPacket, bytesParsed } = error;
  if (error.code !== 'HPE_INVALID_METHOD' || !(rawPacket instanceof Uint8Array) || bytesParsed === undefined)
    return undefined;
  const missing = Math.max(0, 2 - bytesParsed);
  const message = Buffer.concat([
    METHOD.subarray(0, missing),
    rawPacket.subarray(Math.max(0, bytesParsed - 2)),
  ]);
  const word = message.subarray(0, METHOD.byteLength);
  return word.equals(METHOD.subarray(0, word.byteLength)) ? message : undefined;
}
