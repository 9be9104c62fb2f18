// What a handler sees of a request and what it gives back: no sockets, so that a handler runs in-process as well.

export interface Request {
  method: string;
  /** Host header as sent, lower case, with port. Ids in answers are built from it. */
  authority: string;
  /** Host without port, lower case. */
  host: string;
  /** Path as sent, without query. */
  path: string;
  /** Decoded path segments, empty ones dropped: `//a/b/` is ['a', 'b'] (clients send both). */
  segments: string[];
  /** Names and values decoded (`api%2Dversion` is `api-version`). */
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  body: Buffer;
  /** Filled in by the handlers, read by the journal. */
  trace: Trace;
}

export interface Trace {
  /** Object id (oid) of the caller, when a token named one. */
  principalId?: string;
  /** The action that was decided on, e.g. Microsoft.KeyVault/vaults/secrets/getSecret/action. */
  action?: string;
  /** Why it was refused, in a few words. */
  reason?: string;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON; absent means an empty body. */
  body?: unknown;
}

/** A handler may also decide that the connection is dropped without an answer. */
export type Answer = Reply | 'drop';

export type Handler = (request: Request) => Promise<Answer>;

/** How each Azure service says no: the domain throws it, the service's own handler renders its envelope. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly code: string;
  readonly innerCode: string | undefined;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { innerCode?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.innerCode = extra.innerCode;
    this.headers = extra.headers ?? {};
  }
}

/** `Authorization: Bearer x` → x; anything else → undefined. */
export function bearerToken(request: Request): string | undefined {
  return /^bearer +([^\s]+) *$/i.exec(request.headers['authorization'] ?? '')?.[1];
}

/** The first query value whose name matches without regard to case. */
export function queryValue(request: Request, name: string): string | undefined {
  for (const [key, value] of request.query) {
    if (key.toLowerCase() === name) return value;
  }
  return undefined;
}

/** The body as a JSON object; undefined when it is anything else. */
export function jsonObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
