// The cluster address of a node. It listens for as long as the process lives, so that its port is known and firewalls
// can be tried; only while a tenure serves does anybody get through the handshake.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { REQUEST_DURATION_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { ClusterIdentity } from './certificate.ts';
import { type ClusterHandlers, Serving, type ServingLimits } from './serving.ts';

export type { ClusterHandlers, Peer } from './serving.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface ClusterListener {
  /** Where it really listens. */
  readonly address: ListenAddress;
  /**
   * From now on, members that hold this tenure's certificate are served. An earlier tenure's connections are dropped.
   * The identity may be wiped once this returns.
   */
  serve(identity: ClusterIdentity, handlers: ClusterHandlers): void;
  /** Refuses new messages at once and gives those under way `graceMs` (default 0) to be answered. Idempotent. */
  stopServing(graceMs?: number): Promise<void>;
  close(): Promise<void>;
}

const DEFAULT_LIMITS: ServingLimits = {
  handshakeMsMax: 5_000,
  requestMsMax: REQUEST_DURATION_MS_MAX + 5_000,
  idleMsMax: 30_000,
  heldBytesMax: 256 * 1024 * 1024,
};
/** A cluster has a handful of nodes with one connection each; the rest is somebody else. */
const CONNECTIONS_MAX = 128;

/** @throws LatchkeyError config_invalid if the address cannot be listened on. */
export async function openClusterListener(
  address: ListenAddress,
  log: Logger,
  options: Partial<ServingLimits> & { readonly clock?: Clock } = {},
): Promise<ClusterListener> {
  const { clock = systemClock, ...limits } = options;
  const server = createServer({ noDelay: true });
  server.maxConnections = CONNECTIONS_MAX;
  const bound = await listening(server, address);
  const listener = new Listener(server, bound, { ...DEFAULT_LIMITS, ...limits }, log, clock);
  server.on('error', (error) => log.error('cluster listener failed', { cause: error.message }));
  return listener;
}

class Listener implements ClusterListener {
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #limits: ServingLimits;
  readonly #log: Logger;
  readonly #clock: Clock;
  #serving: Serving | undefined;

  constructor(server: Server, address: ListenAddress, limits: ServingLimits, log: Logger, clock: Clock) {
    this.#server = server;
    this.address = address;
    this.#limits = limits;
    this.#log = log;
    this.#clock = clock;
    server.on('connection', (socket) => this.#accept(socket));
  }

  serve(identity: ClusterIdentity, handlers: ClusterHandlers): void {
    const before = this.#serving;
    this.#serving = new Serving({
      identity,
      handlers,
      limits: this.#limits,
      log: this.#log,
      clock: this.#clock,
    });
    before?.stop(0);
  }

  async stopServing(graceMs = 0): Promise<void> {
    const serving = this.#serving;
    this.#serving = undefined;
    await serving?.stop(graceMs);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    await this.stopServing();
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#serving === undefined) socket.destroy();
    else this.#serving.accept(socket);
  }
}

function listening(server: Server, { host, port }: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the cluster address ${host}:${port} cannot be listened on`;
      reject(new LatchkeyError('config_invalid', message, { cause, detail: cause.message }));
    });
    server.listen({ host, port }, () => {
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}
