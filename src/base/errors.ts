// The one error family. Every failure that crosses a room's border is one of these; `server/status.ts`
// alone turns a code into an HTTP status.

/** What went wrong, in a word. The union is closed so that a `switch` over it is exhaustive. */
export type ErrorCode =
  | 'bad_request' // the caller's input is wrong; the message says what to send instead
  | 'payload_too_large' // the body is over the listener's limit
  | 'unsupported_media_type'
  | 'headers_too_large'
  | 'permission_denied'
  | 'invalid_token'
  | 'forbidden' // refused like permission_denied, but with a text of its own that clients match
  | 'not_found' // nothing is stored there
  | 'no_route' // no mount answers this path
  | 'unsupported_path' // the engine has no such route
  | 'unsupported_operation' // the route lacks this operation
  | 'rate_limited'
  | 'already_initialized'
  | 'not_initialized'
  | 'init_elsewhere' // another node holds the lock and is initialising
  | 'sealed'
  | 'cannot_comply' // this node cannot do that in its state; the message says which node or what can
  | 'no_active_node'
  | 'fenced' // this node lost leadership before the write took effect
  | 'storage_unavailable'
  | 'storage_corrupt' // bytes that do not authenticate or do not parse
  | 'seal_unavailable' // the seal's service refused or did not answer; see SealFault
  | 'audit_refused'
  | 'timeout'
  | 'config_invalid'
  | 'internal';

export interface ErrorOptions {
  /** Kept for the log, never rendered to a caller. */
  readonly cause?: unknown;
  /** Private words for the log, beside the public message. Never key material. */
  readonly detail?: string;
}

/**
 * A failure with a public text and a private detail.
 * `message` may be shown to any caller; it never holds secrets, shares, tokens or key bytes.
 */
export class LatchkeyError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LatchkeyError';
    this.code = code;
    this.detail = options.detail;
  }
}

/** True if `error` is one of ours with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is LatchkeyError {
  return error instanceof LatchkeyError && error.code === code;
}

/** The whole chain of messages on one line, outermost first, for the log. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 8; depth += 1) {
    if (!(current instanceof Error)) {
      parts.push(String(current));
      break;
    }
    const detail = current instanceof LatchkeyError && current.detail ? ` (${current.detail})` : '';
    parts.push(`${current.message}${detail}`);
    current = current.cause;
  }
  return parts.join(': ');
}
