// Turns sockets into Requests and Answers back into bytes. Binds loopback only, on IPv4 and, where there is one, IPv6.
// Keeps every connection, so that close() ends hanging ones and a fault can reset one.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import type { Answer, Handler, Request } from './message.ts';
import { bind, OpenSockets } from './sockets.ts';

export interface ListenerOptions {
  /** 0 takes any free port. */
  port: number;
  /** Present: HTTPS with this leaf; absent: plain HTTP. */
  tls?: { key: string; cert: string };
  handle: Handler;
}

export interface Listener {
  port: number;
  /** Stops listening and destroys every connection, also those that hang. */
  close(): Promise<void>;
}

/** Nothing that Azure accepts here is larger; a secret is at most 25 KB. */
const BODY_LIMIT_BYTES = 1024 * 1024;

export async function listen(options: ListenerOptions): Promise<Listener> {
  const sockets = new OpenSockets();
  const onRequest = (message: IncomingMessage, response: ServerResponse) => {
    void answer(message, response, options.handle, sockets);
  };
  const server = options.tls
    ? createHttpsServer({ ...options.tls, minVersion: 'TLSv1.2' }, onRequest)
    : createHttpServer(onRequest);
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  if (options.tls) server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('connection', (socket: Socket) => sockets.keep(socket));
  await bind(server, options.port);
  const { port } = server.address() as AddressInfo;
  const twin = await listenOnIpv6(server, port);
  return { port, close: () => sockets.close(server, ...(twin ? [twin] : [])) };
}

/** Some resolvers answer ::1 for localhost. A machine without IPv6, or a port taken there, is no reason to stop. */
async function listenOnIpv6(main: Server, port: number): Promise<Server | undefined> {
  const twin = createNetServer((socket) => main.emit('connection', socket));
  try {
    await bind(twin, port, '::1');
    return twin;
  } catch {
    return undefined;
  }
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  handle: Handler,
  sockets: OpenSockets,
): Promise<void> {
  try {
    const body = await readBody(message);
    if (!body) return writeAnswer(response, { status: 413, headers: { connection: 'close' } });
    const request = parse(message, body);
    if (!request) return writeAnswer(response, { status: 400, headers: { connection: 'close' } });
    const reply = await handle(request);
    if (reply === 'drop') return reset(message.socket, sockets);
    writeAnswer(response, reply);
  } catch {
    // Only a defect here, or a client that went away while it was sending, gets this far.
    if (response.headersSent || response.destroyed) response.destroy();
    else
      writeAnswer(response, {
        status: 500,
        body: { error: { code: 'InternalServerError', message: 'emulator defect' } },
      });
  }
}

async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    length += (chunk as Buffer).length;
    if (length > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function parse(message: IncomingMessage, body: Buffer): Request | undefined {
  const target = message.url ?? '/';
  if (!target.startsWith('/')) return undefined;
  // Two Host headers would be two vaults (RFC 9112 3.2); Node keeps the first and says nothing.
  if ((message.headersDistinct['host']?.length ?? 0) > 1) return undefined;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const authority = (message.headers.host ?? '').toLowerCase();
  let segments: string[];
  try {
    segments = path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
  // A dot segment or an encoded slash would let the journal and the authorisation see different paths.
  if (segments.some((segment) => segment === '.' || segment === '..' || segment.includes('/')))
    return undefined;
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    method: message.method ?? 'GET',
    authority,
    host: authority.startsWith('[') ? authority.replace(/\]:\d+$/, ']') : authority.replace(/:\d+$/, ''),
    path,
    segments,
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers,
    body,
    trace: {},
  };
}

function writeAnswer(response: ServerResponse, reply: Exclude<Answer, 'drop'>): void {
  if (response.destroyed) return;
  const body = reply.body === undefined ? undefined : Buffer.from(JSON.stringify(reply.body));
  response.writeHead(reply.status, {
    ...(body ? { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length } : {}),
    // 204 and 304 must not carry a length (RFC 9110 8.6).
    ...(!body && reply.status !== 204 && reply.status !== 304 ? { 'content-length': 0 } : {}),
    ...reply.headers,
  });
  response.end(body);
}

/** Sends a TCP reset. A TLS socket cannot: the raw one below it is found by its peer's port. */
function reset(socket: Socket, sockets: OpenSockets): void {
  const raw = [...sockets].find(
    (other) => other.remotePort === socket.remotePort && other.remoteFamily === socket.remoteFamily,
  );
  try {
    (raw ?? socket).resetAndDestroy();
  } catch {
    socket.destroy();
  }
  socket.destroy();
}
