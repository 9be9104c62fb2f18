// Keeps order on each connection: one request at a time, one end for what cannot be parsed, and a clean close for all.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientError } from './list-verb.ts';
import type { ResponseHeaders } from './response-headers.ts';

interface Connection {
  /** The request that is being answered, and those that wait for their turn behind it. */
  readonly waiting: Turn[];
  current: Turn | undefined;
  /** The request that arrived last. Node has read it whole if it is `complete`. */
  last: IncomingMessage | undefined;
  whenIdle: (() => void)[];
  ending: boolean;
}

interface Turn {
  readonly response: ServerResponse;
  readonly run: () => void;
}

/** How long an ended connection may still take in what the client had under way, milliseconds; as Go's server does. */
const LINGER_MS = 500;
/** And how much of it, bytes. */
const LINGER_BYTES = 32 * 1024 * 1024;

export class Connections {
  readonly #open = new Map<Socket, Connection>();
  /** TCP connections that have not finished their TLS handshake, by the peer's address and port. */
  readonly #handshaking = new Map<string, Socket>();
  readonly #headers: ResponseHeaders;
  #closing = false;

  /** `headers` go also on the answers that are written without Node's HTTP server. */
  constructor(headers: ResponseHeaders) {
    this.#headers = headers;
  }

  /** True once no answer may keep its connection open. */
  get closing(): boolean {
    return this.#closing;
  }

  expectHandshake(socket: Socket): void {
    const peer = peerOf(socket);
    this.#handshaking.set(peer, socket);
    socket.once('close', () => this.#handshaking.delete(peer));
  }

  /** A connection that is ready for HTTP. A second call for the same socket does nothing. */
  add(socket: Socket): void {
    if (this.#open.has(socket)) return;
    this.#handshaking.delete(peerOf(socket));
    this.#open.set(socket, {
      waiting: [],
      current: undefined,
      last: undefined,
      whenIdle: [],
      ending: false,
    });
    socket.once('close', () => this.#open.delete(socket));
  }

  /**
   * Runs `run` when all earlier requests of this connection are answered. Node would start pipelined requests side by
   * side; a client that sends PUT and GET in one go expects the second to see the first.
   */
  inTurn(request: IncomingMessage, response: ServerResponse, run: () => void): void {
    const connection = this.#open.get(request.socket);
    if (connection === undefined || connection.ending) return;
    connection.last = request;
    const turn = { response, run };
    if (connection.current === undefined) this.#start(connection, turn);
    else connection.waiting.push(turn);
  }

  whenIdle(socket: Socket, act: () => void): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    if (connection.current === undefined) act();
    else connection.whenIdle.push(act);
  }

  /** Answers bytes that are no HTTP, or came too slowly, and ends the connection. */
  refuse(error: ClientError, socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    if (connection.ending) return;
    const answer = this.#answerTo(error);
    if (answer === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const { current, last } = connection;
    if (current === undefined) this.end(socket, answer);
    else if (last?.complete) {
      // The earlier requests are sound and get their answers; the broken message gets its own after them.
      connection.ending = true;
      socket.pause();
      connection.whenIdle.push(() => this.end(socket, answer));
    } else if (current.response.req === last && !current.response.headersSent) this.end(socket, answer);
    else socket.destroy();
  }

  /** CONNECT, which Node hands over without parser and answer. */
  refuseMethod(socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    socket.end(this.#raw(405, []));
    socket.resume();
  }

  /**
   * Sends `last`, if any, and our end of the connection, then takes in for a moment what is still coming and throws it
   * away. A socket that is closed with bytes unread resets, and the client may lose the answer.
   */
  end(socket: Socket, last?: string): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.ending = true;
    let left = LINGER_BYTES;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.byteLength;
      if (left < 0) socket.destroy();
    });
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('end', () => socket.destroy());
    if (last === undefined) socket.end();
    else socket.end(last);
    socket.resume();
  }

  /** Lets answers under way finish, and closes every other connection at once. */
  beginClose(): void {
    this.#closing = true;
    for (const socket of this.#handshaking.values()) socket.destroy();
    for (const [socket, connection] of this.#open) {
      if (connection.current === undefined) socket.destroySoon();
    }
  }

  destroyAll(): void {
    for (const socket of [...this.#handshaking.values(), ...this.#open.keys()]) socket.destroy();
  }

  #start(connection: Connection, turn: Turn): void {
    connection.current = turn;
    turn.response.once('close', () => this.#finish(connection));
    turn.run();
  }

  #finish(connection: Connection): void {
    connection.current = undefined;
    const next = connection.waiting.shift();
    if (next !== undefined && !next.response.destroyed) {
      this.#start(connection, next);
      return;
    }
    const acts = connection.whenIdle;
    connection.whenIdle = [];
    for (const act of acts) act();
  }

  /** Undefined where the connection itself failed and nobody reads. */
  #answerTo(error: ClientError): string | undefined {
    const { code } = error;
    if (code === 'HPE_INVALID_METHOD' && namesMethod(error)) return this.#raw(405, []);
    if (code === 'HPE_HEADER_OVERFLOW') return this.#raw(431, ['the request headers are too large']);
    if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
      return this.#raw(413, ['the chunk extensions are too large']);
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return this.#raw(408, ['the request did not arrive in time']);
    if (code?.startsWith('HPE_')) return this.#raw(400, ['malformed HTTP request']);
    return undefined;
  }

  #raw(status: number, errors: readonly string[]): string {
    const body = `${JSON.stringify({ errors })}\n`;
    const headers = {
      ...this.#headers.of(status),
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      Connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
  }
}

/** True if what the parser refused is a request with a verb that it does not know, and not some other protocol. */
function namesMethod({ rawPacket, bytesParsed }: ClientError): boolean {
  if (!(rawPacket instanceof Uint8Array) || bytesParsed === undefined) return false;
  const packet = Buffer.from(rawPacket).toString('latin1');
  // A message before it ends in a newline, or in the brace that closes a body.
  const start = 1 + Math.max(...['\n', '}'].map((end) => packet.lastIndexOf(end, bytesParsed - 1)));
  return /^[A-Z]{1,32} \//.test(packet.slice(start));
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
