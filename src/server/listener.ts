// One address on which the node answers HTTP: sockets, limits and life cycle around one handler.

import { createServer, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { LatchkeyError } from '../base/errors.ts';
import { REQUEST_BODY_BYTES_MAX, REQUEST_DURATION_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { CallHandler, ListenerTraits } from '../core/call.ts';
import { bindAddress, isLoopback } from './address.ts';
import { Connections } from './connections.ts';
import { openEdge } from './edge.ts';
import { ListVerb } from './list-verb.ts';
import { loadTls, type TlsFiles } from './tls-files.ts';

export interface ListenerOptions {
  /** `host:port`, `[v6]:port` or `:port`; port 0 takes a free one. */
  readonly address: string;
  /** Plain HTTP without it. */
  readonly tls?: TlsFiles;
  /** May seal-status name identity, action and resource here? Default: on loopback addresses alone. */
  readonly sealDetail?: boolean;
  /** Default 32 MiB, Vault's `max_request_size`. */
  readonly bodyBytesMax?: number;
  /** All headers together. Default 64 KiB. */
  readonly headerBytesMax?: number;
  /** From the whole request to its answer. Default 90 s, Vault's `max_request_duration`. */
  readonly requestMsMax?: number;
  /** From the first byte to the last header. Default 10 s, Vault's `http_read_header_timeout`. */
  readonly headerMsMax?: number;
  /** From the first byte to the last of the body. Default 30 s, Vault's `http_read_timeout`. */
  readonly readMsMax?: number;
  /** Between two requests. Default 5 min, Vault's `http_idle_timeout`. */
  readonly idleMsMax?: number;
  /** Further connections are closed at once. Default 8192. */
  readonly connectionsMax?: number;
}

export interface Listener {
  /** `host:port` as bound. */
  readonly address: string;
  readonly port: number;
  readonly traits: ListenerTraits;
  /**
   * Reads certificate, key and client CA again; new connections use them.
   * @throws LatchkeyError config_invalid, and the old ones stay in use.
   */
  reload(): Promise<void>;
  /** Takes no more connections, lets answers under way finish for `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** @throws LatchkeyError config_invalid if the address cannot be bound or the TLS files cannot be used. */
export async function openListener(
  options: ListenerOptions,
  handler: CallHandler,
  log: Logger,
): Promise<Listener> {
  const bind = bindAddress(options.address);
  const server = await makeServer(options);
  const standingHeaders = headersFor(options);
  const connections = new Connections(standingHeaders);
  const listVerb = watch(server, connections, options);
  let traits: ListenerTraits = { loopback: false, sealDetail: false };
  const edge = await openEdge({
    server,
    connections,
    listVerb,
    handler,
    log,
    traits: () => traits,
    bodyBytesMax: options.bodyBytesMax ?? REQUEST_BODY_BYTES_MAX,
    durationMsMax: options.requestMsMax ?? REQUEST_DURATION_MS_MAX,
    standingHeaders,
  });
  const bound = await listen(server, bind.host, bind.port, options.address);
  const loopback = isLoopback(bound.address);
  traits = { loopback, sealDetail: options.sealDetail ?? loopback };
  server.on('error', (error) =>
    log.error('listener failed', { address: options.address, cause: error.message }),
  );
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return {
    address: `${host}:${bound.port}`,
    port: bound.port,
    traits,
    async reload() {
      if (options.tls !== undefined) server.setSecureContext(await loadTls(options.tls));
    },
    async close(graceMs) {
      await closeServer(server, connections, graceMs);
      await edge.close();
    },
  };
}

/** Both kinds have one type here: the TLS server is the plain one with a secure context. */
async function makeServer(options: ListenerOptions): Promise<TlsServer> {
  const readMs = options.readMsMax ?? 30_000;
  // Node insists that the headers' share is no longer than the whole.
  const headersMs = Math.min(options.headerMsMax ?? 10_000, readMs);
  const common: ServerOptions = {
    maxHeaderSize: options.headerBytesMax ?? 64 * 1024,
    headersTimeout: headersMs,
    requestTimeout: readMs,
    connectionsCheckingInterval: Math.max(50, Math.min(1_000, headersMs / 4)),
    keepAliveTimeout: options.idleMsMax ?? 300_000,
    // Answered by the edge, with a body.
    requireHostHeader: false,
  };
  const server =
    options.tls === undefined
      ? (createServer(common) as TlsServer)
      : createTlsServer({
          ...common,
          ...(await loadTls(options.tls)),
          requestCert: options.tls.clientCa !== undefined,
          rejectUnauthorized: options.tls.requireClientCert ?? false,
          handshakeTimeout: headersMs,
        });
  server.maxConnections = options.connectionsMax ?? 8_192;
  // Their bytes are limited; Node's default would drop headers beyond a number without a word.
  server.maxHeadersCount = 0;
  return server;
}

function headersFor(options: ListenerOptions): Readonly<Record<string, string>> {
  const always = { 'Cache-Control': 'no-store' };
  if (options.tls === undefined) return always;
  return { ...always, 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' };
}

function watch(server: TlsServer, connections: Connections, options: ListenerOptions): ListVerb {
  const event = options.tls === undefined ? 'connection' : 'secureConnection';
  const listVerb = new ListVerb(server, {
    event,
    whenIdle: (socket, act) => connections.whenIdle(socket, act),
    refuse: (socket) =>
      connections.refuse(Object.assign(new Error('no method'), { code: 'HPE_INVALID_METHOD' }), socket),
    holdMs: options.headerMsMax ?? 10_000,
  });
  // Prepended last, so it runs first: its own listeners are then not taken for the parser's.
  server.prependListener(event, (socket: Socket) => connections.add(socket));
  if (event === 'secureConnection') {
    server.prependListener('connection', (socket: Socket) => connections.expectHandshake(socket));
  }
  return listVerb;
}

async function listen(
  server: TlsServer,
  host: string | undefined,
  port: number,
  address: string,
): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw new LatchkeyError('config_invalid', `cannot listen on ${address} (${code})`, { cause: error });
  } finally {
    server.off('error', reject);
  }
  return server.address() as AddressInfo;
}

async function closeServer(server: TlsServer, connections: Connections, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  connections.beginClose();
  const timer = setTimeout(() => connections.destroyAll(), graceMs);
  await promise;
  clearTimeout(timer);
}
