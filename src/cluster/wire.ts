// What both ends of the cluster's own connection agree on: HTTP/2 inside TLS 1.3, a stream for each message.

import { type ErrorCode, LatchkeyError } from '../base/errors.ts';

/** In the TLS handshake (RFC 7301), so that no HTTP client or server of another kind ever gets through it. */
export const CLUSTER_PROTOCOL = 'latchkey-cluster/1';
/** The name that a standby asks for by SNI and that the certificate carries. */
export const CLUSTER_SERVER_NAME = 'latchkey-cluster';

/** Largest request or answer, bytes: a body of 32 MiB and what the core puts around it. */
export const MESSAGE_BYTES_MAX = 34 * 1024 * 1024;
/** Largest heartbeat, bytes. */
export const HEARTBEAT_BYTES_MAX = 4 * 1024;

/** Messages that one connection carries at once; more wait at the sender. */
export const STREAMS_MAX = 256;
/** HTTP/2 flow control: bytes under way for one message, and for the whole connection. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Node's own cap on what a session may buffer, in megabytes; its default of 10 is below one large message. */
export const SESSION_MEMORY_MB_MAX = 512;

export const REQUEST_PATH = '/request';
export const HEARTBEAT_PATH = '/heartbeat';

/** What a status of the cluster's protocol means. What is not even looked at gets none: its stream is refused. */
export const Status = {
  answered: 200,
  notUnderstood: 400,
  handlerFailed: 500,
  handlerTimedOut: 504,
} as const;

/**
 * `not_delivered`: the active node certainly did not act on it; it may be sent again.
 * `unknown`: it may have acted; only a repeatable request may be sent again.
 */
export type Delivery = 'not_delivered' | 'unknown';

/** The only error that sending throws, besides the reason of the caller's own signal. */
export class ForwardFault extends LatchkeyError {
  readonly delivery: Delivery;

  constructor(
    delivery: Delivery,
    code: ErrorCode,
    message: string,
    options: { detail?: string; cause?: unknown },
  ) {
    super(code, message, options);
    this.name = 'ForwardFault';
    this.delivery = delivery;
  }
}
