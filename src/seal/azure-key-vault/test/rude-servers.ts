// Small real servers that behave badly: they hang, refuse, reset, or show a certificate that nobody signed.

import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import * as x509 from '@peculiar/x509';

export interface RudeServer extends AsyncDisposable {
  readonly port: number;
  /** Connections made so far. */
  readonly connections: () => number;
}

/** Accepts and never says a word. */
export function hangingServer(): Promise<RudeServer> {
  return serve(createServer((socket) => socket.resume()));
}

/** Accepts and sends a reset at the first byte. */
export function resettingServer(): Promise<RudeServer> {
  return serve(createServer((socket) => socket.once('data', () => socket.resetAndDestroy())));
}

/** Speaks, but not TLS. */
export function plainTextServer(): Promise<RudeServer> {
  return serve(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
}

export function httpServer(listener: RequestListener): Promise<RudeServer> {
  return serve(createHttpServer(listener));
}

export interface TlsServer extends RudeServer {
  readonly certPem: string;
}

/** HTTPS with a certificate of its own for `name`. */
export async function tlsServer(name: string, listener: RequestListener): Promise<TlsServer> {
  const identity = await selfSigned(name);
  const server = await serve(createHttpsServer({ key: identity.keyPem, cert: identity.certPem }, listener));
  return Object.assign(server, { certPem: identity.certPem });
}

/** A port on which nobody listens: one that was just given back. */
export async function refusingPort(): Promise<number> {
  await using server = await hangingServer();
  return server.port;
}

async function serve(server: Server): Promise<RudeServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function selfSigned(name: string): Promise<{ keyPem: string; certPem: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
    certPem: certificate.toString('pem'),
  };
}
