// One address on which the node answers HTTP: sockets, limits and life cycle around one handler.

import { createServer, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { REQUEST_BODY_BYTES_MAX, REQUEST_DURATION_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { CallHandler, ListenerTraits } from '../core/call.ts';
import { bindAddress, isLoopback } from './address.ts';
import { Connections } from './connections.ts';
import { openEdge } from './edge.ts';
import { ForwardedFor, type ForwardedForRules } from './forwarded-for.ts';
import type { JsonLimits } from './json-limits.ts';
import { ListVerb } from './list-verb.ts';
import type { MetricsAccess } from './metrics-access.ts';
import { PARSE_LIMITS } from './parse.ts';
import { type CustomHeaders, ResponseHeaders } from './response-headers.ts';
import { certificateEnd, loadTls, type TlsFiles } from './tls-files.ts';
import { TlsWatch } from './tls-watch.ts';

export interface ListenerOptions {
  /** `host:port`, `[v6]:port` or `:port`; port 0 takes a free one. */
  readonly address: string;
  /** Plain HTTP without it. */
  readonly tls?: TlsFiles;
  /** May seal-status name identity, action and resource here? Default: on loopback addresses alone. */
  readonly sealDetail?: boolean;
  /** Do sys/metrics and sys/in-flight-req ask for no token here? Default: they do. */
  readonly openMetrics?: boolean;
  readonly openInFlight?: boolean;
  /** Default: metrics beside all else. */
  readonly metricsAccess?: MetricsAccess;
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
  /** From the request to the last byte of its answer; then the connection is cut. Default 0: no limit, as in Vault. */
  readonly writeMsMax?: number;
  /** Further connections are closed at once. Default 8192. */
  readonly connectionsMax?: number;
  /** Default: Vault's, with our depth. */
  readonly jsonLimits?: JsonLimits;
  /** Default 8 KiB, Vault's `max_token_header_size`. */
  readonly tokenHeaderBytesMax?: number;
  /** Undefined: X-Forwarded-For is not looked at. */
  readonly forwardedFor?: ForwardedForRules | undefined;
  readonly responseHeaders?: readonly CustomHeaders[];
  /** Paths below `/v1/`, ending in `/`, that are not served here. */
  readonly closedPaths?: readonly string[];
  /** How often the TLS files are looked at, milliseconds; 0 for never. Default 5 s. */
  readonly tlsLookMs?: number;
  readonly clock?: Clock;
  /** Is told when the certificate runs out. */
  readonly metrics?: Metrics;
}

const TLS_LOOK_MS = 5_000;

export interface Listener {
  /** `host:port` as bound. */
  readonly address: string;
  readonly port: number;
  readonly traits: ListenerTraits;
  readonly isTls: boolean;
  /**
   * Reads certificate, key and client CA again; new connections use them.
   * @throws LatchkeyError config_invalid, and the old ones stay in use.
   */
  reload(): Promise<void>;
  /** For all answers from now on. */
  setResponseHeaders(headers: readonly CustomHeaders[]): void;
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
  const { server, watch, expiry } = await makeServer(options, log);
  const headers = new ResponseHeaders(standingHeaders(options), options.responseHeaders ?? []);
  const connections = new Connections(headers);
  const listVerb = attend(server, connections, options);
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
    writeMsMax: options.writeMsMax ?? 0,
    parseLimits: {
      json: options.jsonLimits ?? PARSE_LIMITS.json,
      tokenHeaderBytesMax: options.tokenHeaderBytesMax ?? PARSE_LIMITS.tokenHeaderBytesMax,
    },
    forwardedFor: options.forwardedFor && new ForwardedFor(options.forwardedFor),
    closedPaths: options.closedPaths ?? [],
    metricsAccess: options.metricsAccess ?? { serves: 'all' },
    headers,
  });
  const bound = await listen(server, bind.host, bind.port, options.address);
  const loopback = isLoopback(bound.address);
  traits = {
    loopback,
    sealDetail: options.sealDetail ?? loopback,
    ...(options.openMetrics ? { openMetrics: true } : {}),
    ...(options.openInFlight ? { openInFlight: true } : {}),
  };
  server.on('error', (error) =>
    log.error('listener failed', { address: options.address, cause: error.message }),
  );
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  const lookMs = options.tlsLookMs ?? TLS_LOOK_MS;
  if (watch !== undefined && lookMs > 0) void watch.run(lookMs);
  return {
    address: `${host}:${bound.port}`,
    port: bound.port,
    traits,
    isTls: watch !== undefined,
    reload: async () => watch?.reload(),
    setResponseHeaders: (custom) => headers.set(custom),
    async close(graceMs) {
      watch?.close();
      expiry?.[Symbol.dispose]();
      await closeServer(server, connections, graceMs);
      await edge.close();
    },
  };
}

interface MadeServer {
  /** Both kinds have one type here: the TLS server is the plain one with a secure context. */
  readonly server: TlsServer;
  /** Undefined without TLS. */
  readonly watch: TlsWatch | undefined;
  /** The gauge of the certificate's end; undefined without TLS or metrics. */
  readonly expiry: Disposable | undefined;
}

async function makeServer(options: ListenerOptions, log: Logger): Promise<MadeServer> {
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
  const { tls } = options;
  const server =
    tls === undefined
      ? (createServer(common) as TlsServer)
      : createTlsServer({
          ...common,
          requestCert: tls.clientCert !== 'ignore',
          rejectUnauthorized: tls.clientCert === 'require',
          handshakeTimeout: headersMs,
        });
  server.maxConnections = options.connectionsMax ?? 8_192;
  // Their bytes are limited; Node's default would drop headers beyond a number without a word.
  server.maxHeadersCount = 0;
  if (tls === undefined) return { server, watch: undefined, expiry: undefined };
  return { server, ...(await watchTls(server, tls, options, log)) };
}

async function watchTls(
  server: TlsServer,
  tls: TlsFiles,
  { address, clock = systemClock, metrics }: ListenerOptions,
  log: Logger,
): Promise<Pick<MadeServer, 'watch' | 'expiry'>> {
  const files = [tls.cert, tls.key, ...(tls.clientCa === undefined ? [] : [tls.clientCa])];
  let expiresAt = Number.NaN;
  const use = async () => {
    const context = await loadTls(tls);
    server.setSecureContext(context);
    expiresAt = certificateEnd(context);
  };
  const watch = await TlsWatch.open({ files, use, clock, log: log.child(address) });
  const expiry = metrics?.watch(() => {
    const value = (expiresAt - clock.now()) / 1_000;
    return [{ name: 'latchkey.tls.certificate_expiry_seconds', value, labels: { listener: address } }];
  });
  return { watch, expiry };
}

function standingHeaders(options: ListenerOptions): Readonly<Record<string, string>> {
  const always = { 'Cache-Control': 'no-store' };
  if (options.tls === undefined) return always;
  return { ...always, 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' };
}

function attend(server: TlsServer, connections: Connections, options: ListenerOptions): ListVerb {
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
