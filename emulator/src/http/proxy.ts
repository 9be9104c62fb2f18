// A proxy on loopback that leads to this emulator and nowhere else. Clients that are told of a proxy do not resolve
// names themselves: so `<vault>.vault.localhost`, and the public cloud's names, need no line in a hosts file.

import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Listener } from './listener.ts';

export interface ProxyOptions {
  /** 0 takes any free port. */
  port: number;
  /** Where a tunnel to this host and port leads; undefined: it is refused. */
  tunnel(host: string, port: number): number | undefined;
  /** Where a plain HTTP request to this host leads; undefined: it is refused. */
  forward(host: string, port: number): number | undefined;
}

const LOOPBACK = '127.0.0.1';

/** Every tunnel ends on loopback: nothing that runs behind this proxy can reach the network through it. */
export async function listenAsProxy(options: ProxyOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  let closed = false;
  const keep = (socket: Socket) => {
    // One that was accepted in the very moment of closing would be waited for without end.
    if (closed) socket.destroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((message, response) => forward(message, response, options));
  server.on('connection', keep);
  server.on('connect', (message: IncomingMessage, client: Socket, head: Buffer) => {
    const target = parseAuthority(message.url ?? '');
    const port = target && options.tunnel(target.host, target.port);
    if (port === undefined) {
      client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const upstream = connect(port, LOOPBACK, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    keep(upstream);
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: LOOPBACK }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      closed = true;
      const end = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await end;
    },
  };
}

/** `http://169.254.169.254/…` in absolute form (RFC 9112 3.2.2). */
function forward(message: IncomingMessage, response: ServerResponse, options: ProxyOptions): void {
  const url = URL.canParse(message.url ?? '') ? new URL(message.url ?? '') : undefined;
  const port =
    url?.protocol === 'http:' ? options.forward(url.hostname, Number(url.port || '80')) : undefined;
  if (url === undefined || port === undefined) {
    message.resume();
    response.writeHead(403, { 'content-type': 'text/plain' });
    response.end('This proxy leads to the local Azure alone.\n');
    return;
  }
  const { 'proxy-connection': _, 'proxy-authorization': __, ...headers } = message.headers;
  const upstream = httpRequest(
    {
      host: LOOPBACK,
      port,
      method: message.method,
      path: `${url.pathname}${url.search}`,
      headers,
      agent: false,
    },
    (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    },
  );
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  message.pipe(upstream);
}

/** `host:port` of a CONNECT request, IPv6 in brackets. */
function parseAuthority(text: string): { host: string; port: number } | undefined {
  const [, host, port] = /^(\[[0-9a-f:]+\]|[^:/@\s]+):(\d{1,5})$/i.exec(text) ?? [];
  return host === undefined ? undefined : { host: host.toLowerCase(), port: Number(port) };
}
