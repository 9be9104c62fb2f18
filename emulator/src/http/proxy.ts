// A proxy on loopback that leads to this emulator and nowhere else. Clients that are told of a proxy do not resolve
// names themselves: so `<vault>.vault.localhost`, and the public cloud's names, need no line in a hosts file.

import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Listener } from './listener.ts';
import { bind, LOOPBACK, OpenSockets } from './sockets.ts';

export interface ProxyOptions {
  /** 0 takes any free port. */
  port: number;
  /** Where a tunnel to this host and port leads; undefined: it is refused. */
  tunnel(host: string, port: number): number | undefined;
  /** Where a plain HTTP request to this host leads; undefined: it is refused. */
  forward(host: string, port: number): number | undefined;
}

/** Every tunnel ends on loopback: nothing that runs behind this proxy can reach the network through it. */
export async function listenAsProxy(options: ProxyOptions): Promise<Listener> {
  const sockets = new OpenSockets();
  const server = createServer((message, response) => forward(message, response, options));
  server.on('connection', (socket: Socket) => sockets.keep(socket));
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
    sockets.keep(upstream);
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await bind(server, options.port);
  return { port: (server.address() as AddressInfo).port, close: () => sockets.close(server) };
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
