// One TLS agent per attempt that knows how far each connection came, ends one that hangs at any stage,
// never goes through a proxy, and finds *.localhost.

import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { Agent, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** How far the newest connection came; `key` once TLS is up and HTTP can flow. */
export type ConnectionStage = 'dns' | 'tcp' | 'tls' | 'key';

/** What happened on the wire, for a sentence that says where it stopped. Never holds a body of a good answer. */
export interface Trace {
  stage: ConnectionStage;
  /** `address:port` of the newest connection, once known. */
  peer?: string;
}

/** A stage took longer than it may. Its code travels through the SDK, which keeps nothing else of an error. */
export const STAGE_TIMEOUT_CODE = 'LATCHKEY_STAGE_TIMEOUT';

class StageTimeout extends Error {
  readonly code = STAGE_TIMEOUT_CODE;
}

export interface AgentOptions {
  readonly caCertPem: string | undefined;
  /** Milliseconds that each of DNS, TCP connect and TLS handshake may take. */
  readonly stageMs: number;
  readonly trace: Trace;
}

export class TracedAgent extends Agent {
  readonly #stageMs: number;
  readonly #trace: Trace;

  constructor(options: AgentOptions) {
    super({
      keepAlive: true,
      maxSockets: 2,
      minVersion: 'TLSv1.2',
      lookup: lookupWithLocalhost,
      ...(options.caCertPem === undefined ? {} : { ca: options.caCertPem }),
    });
    this.#stageMs = options.stageMs;
    this.#trace = options.trace;
  }

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const trace = this.#trace;
    trace.stage = isIP(options.host ?? '') === 0 ? 'dns' : 'tcp';
    delete trace.peer;
    const socket = super.createConnection(options, callback) as Socket;
    let timer = this.#watch(socket);
    const enter = (stage: ConnectionStage) => {
      trace.stage = stage;
      clearTimeout(timer);
      if (stage !== 'key') timer = this.#watch(socket);
    };
    // Several addresses give several of these events; the deadline is for all of them together.
    socket.on('connectionAttempt', (address, port) => {
      trace.peer = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
      if (trace.stage === 'dns') enter('tcp');
    });
    socket.once('connect', () => enter('tls'));
    socket.once('secureConnect', () => enter('key'));
    socket.once('close', () => clearTimeout(timer));
    return socket;
  }

  #watch(socket: Socket): NodeJS.Timeout {
    return setTimeout(() => socket.destroy(new StageTimeout('too slow')), this.#stageMs);
  }
}

/** The system's resolver, except that `*.localhost` is this machine (RFC 6761 6.3; glibc does not do it). */
const lookupWithLocalhost: LookupFunction = (hostname, options, callback) => {
  if (!hostname.toLowerCase().endsWith('.localhost')) {
    resolve(hostname, options, callback);
    return;
  }
  const address: LookupAddress = { address: '127.0.0.1', family: 4 };
  // A resolver never answers in the same turn; neither may this.
  setImmediate(() => {
    if (options.all) callback(null, [address]);
    else callback(null, address.address, address.family);
  });
};

function resolve(hostname: string, options: LookupOptions, callback: Parameters<LookupFunction>[2]): void {
  lookup(hostname, options, callback);
}
