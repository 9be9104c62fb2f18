// What an engine is: a list of routes over a view of storage. An engine sees no node, no token store and no HTTP.

import type { Clock } from '../base/clock.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Fields } from './fields.ts';
import type { TtlLimits } from './lifetime.ts';

/** `create` and `update` are told apart by the route's `exists`; without one, every write is `update`, as in Vault. */
export type Operation = 'read' | 'create' | 'update' | 'patch' | 'delete' | 'list';

/** Who asks, as the token room found out. Undefined on routes that are open. */
export interface Caller {
  readonly accessor: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly entityId: string;
  readonly isRoot: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Of the metadata, what a login found out; empty for a token that another token made, whose metadata its maker chose.
   * Rights may hang on this and never on `metadata`.
   */
  readonly loginMetadata: Readonly<Record<string, string>>;
  /** Names this token's cubbyhole and nothing else: random, made with the token, unrelated to its id. */
  readonly cubbyhole: string;
}

/** What the listener that took a request lets it see and do. */
export interface ListenerTraits {
  /** Bound to a loopback address. */
  readonly loopback: boolean;
  /** `unauthenticated_seal_detail`: seal-status may name identity, action, resource and remedy. */
  readonly sealDetail: boolean;
  /** `unauthenticated_metrics_access`: sys/metrics asks for no token. */
  readonly openMetrics?: boolean;
  /** `unauthenticated_in_flight_requests_access`: sys/in-flight-req asks for no token. */
  readonly openInFlight?: boolean;
}

export interface Request {
  /** RFC 9562 UUID, the same in the audit log and in the answer. */
  readonly id: string;
  readonly operation: Operation;
  /** Below the mount, without leading slash: `data/app/db`. */
  readonly path: string;
  /** Named parts of the path, by the route's pattern. */
  readonly params: Readonly<Record<string, string>>;
  /** The body's object, or the query for reads and lists. Checked against the route's fields. */
  readonly input: JsonObject;
  readonly caller: Caller | undefined;
  /** Seconds for which the answer is to be wrapped; undefined if it is not. */
  readonly wrapTtlSeconds?: number;
  /** Address of the client, without port. */
  readonly remoteAddress: string;
  /** Undefined grants nothing. */
  readonly listener?: ListenerTraits;
  /** Aborts when the client went away, the time is up, or the node stops leading. */
  readonly signal: AbortSignal;
}

/**
 * What a login asks the token room to issue. Seconds; 0 or undefined takes the mount's, then the system's value.
 * Vault's "token_*" parameters of the auth methods.
 */
export interface LoginGrant {
  readonly policies: readonly string[];
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlSeconds?: number;
  readonly maxTtlSeconds?: number;
  readonly explicitMaxTtlSeconds?: number;
  readonly periodSeconds?: number;
  /** 0 or undefined: without limit. */
  readonly numUses?: number;
  /** CIDR blocks from which the token may be used; empty or undefined: from anywhere. */
  readonly boundCidrs?: readonly string[];
  readonly tokenType?: 'service' | 'batch' | 'default-service' | 'default-batch' | 'default';
  readonly noDefaultPolicy?: boolean;
  /** False if the login must not be renewed. Default true. */
  readonly renewable?: boolean;
  /** Kept with the token and given back to `Engine.renewLogin`; no secrets. */
  readonly renewData?: JsonObject;
}

/** A secret that ends: what the lease room keeps, and gives back to `Engine.renew` and `Engine.revoke`. */
export interface LeaseGrant {
  readonly ttlSeconds: number;
  readonly maxTtlSeconds?: number;
  readonly renewable: boolean;
  readonly internal: JsonObject;
}

/** What a login or token route hands out; the token itself is made by the token room. */
export interface AuthAnswer {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly token_policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly entity_id: string;
  readonly token_type: string;
  readonly orphan: boolean;
  /** Uses that the token has; 0 and undefined are without limit. */
  readonly num_uses?: number;
}

/** `wrap_info` of an answer: the token that holds what was asked for. */
export interface WrapAnswer {
  readonly token: string;
  readonly accessor: string;
  /** Seconds. */
  readonly ttl: number;
  /** RFC 3339. */
  readonly creation_time: string;
  readonly creation_path: string;
  /** Accessor of the token inside; empty if there is none. */
  readonly wrapped_accessor: string;
}

/**
 * How the answer is dressed:
 * `envelope` – Vault's usual eight members around `data`;
 * `injected` – the same, and the members of `data` once more at top level (server-api of Vault: sys/mounts and kin);
 * `raw` – `data` alone (sys/init, seal-status, health, leader, …).
 */
export type Dress = 'envelope' | 'injected' | 'raw';

/** What Vault's `sys/health` tells by its HTTP status. */
export type HealthCondition = 'active' | 'standby' | 'standby_unreachable' | 'sealed' | 'uninitialized';

export interface Response {
  readonly dress?: Dress;
  readonly data?: JsonValue;
  /** The body as it is, in place of JSON: sys/metrics for Prometheus. */
  readonly text?: { readonly contentType: string; readonly body: string };
  readonly auth?: AuthAnswer;
  /** The pipeline turns it into a token and fills `auth`. */
  readonly login?: LoginGrant;
  /** The pipeline binds it to the caller's token and fills lease id and duration. */
  readonly lease?: LeaseGrant;
  readonly warnings?: readonly string[];
  /** `accepted` is 202; `absent` is 404 with a body (kv v2's deleted version). Default: 200, or 204 without a body. */
  readonly outcome?: 'accepted' | 'absent';
  /** A lease as it is bound, for the envelope. Made by the core, not by engines. */
  readonly bound?: { readonly leaseId: string; readonly seconds: number; readonly renewable: boolean };
  /** The answer is inside a wrapping token. Made by the core, not by engines. */
  readonly wrapped?: WrapAnswer;
  /** `lease_duration` of an envelope without a lease, seconds: kv version 1's advice when to read again. Default 0. */
  readonly leaseSeconds?: number;
  /** `sys/health` alone: the server turns the condition into a status, unless `codes` overrides it. */
  readonly health?: {
    readonly condition: HealthCondition;
    readonly codes: Readonly<Partial<Record<HealthCondition, number>>>;
  };
}

export type Handler = (request: Request) => Promise<Response>;

/**
 * `open` needs no token; `token` is decided by policies; `sudo` needs the sudo capability besides.
 * The pipeline enforces it, and the coverage test walks every route with every kind of bad token.
 */
export type Access = 'open' | 'token' | 'sudo';

export interface Route {
  /**
   * Segments separated by `/`; `{name}` is one segment, `{name*}` none, one or many. There is one of those at most; what
   * stands after it ends the path.
   */
  readonly pattern: string;
  readonly operations: Readonly<Partial<Record<Operation, Handler>>>;
  readonly fields?: Fields;
  readonly access?: Access;
  /** Answered by the node that was asked, in every state, and never forwarded. */
  readonly local?: boolean;
  /** Of a local route: the listeners on which it asks for no token. */
  readonly openOn?: (listener: ListenerTraits) => boolean;
  /** Of a local route: its answer while nobody can check a token. Without it the node refuses then. */
  readonly unchecked?: Handler;
  /** Tells create from update. */
  readonly exists?: (request: Request) => Promise<boolean>;
  readonly help: string;
  /** Answers with a hint alone: it is no path of the engine, and not shown as one. */
  readonly hidden?: boolean;
}

/** One change through a view. */
export type ViewChange =
  | { readonly kind: 'put'; readonly path: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly path: string };

/**
 * All that an engine ever sees of storage: its own prefix, in plain text, encrypted and fenced underneath.
 * Paths are relative to the prefix.
 */
export interface View {
  get(path: string): Promise<Uint8Array | undefined>;
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<string[]>;
  put(path: string, value: Uint8Array): Promise<void>;
  delete(path: string): Promise<void>;
  /** All or nothing. */
  write(changes: readonly ViewChange[]): Promise<void>;
  /** A view of what lies under `prefix` (ending in `/`) of this one. */
  sub(prefix: string): View;
}

export interface EngineContext {
  readonly view: View;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The mount's options, e.g. `{version: "2"}`. */
  readonly options: Readonly<Record<string, string>>;
  /** Ends in `/`, e.g. `auth/approle/`. */
  readonly mountPath: string;
  /** Lifetimes as the mount is tuned now, seconds. */
  leaseTtl(): TtlLimits;
}

export interface Engine {
  readonly routes: readonly Route[];
  /** Asks an auth method whether a login still stands, with its `renewData`; throws to refuse the renewal. */
  renewLogin?(renewData: JsonObject): Promise<Partial<LoginGrant>>;
  /** Lengthens a lease; throws to refuse. */
  renew?(internal: JsonObject): Promise<Partial<LeaseGrant>>;
  /** Ends what a lease stands for. Idempotent: it is repeated after a crash. */
  revoke?(internal: JsonObject): Promise<void>;
  [Symbol.asyncDispose]?(): Promise<void>;
}

export interface EngineType {
  /** `kv`, `system`, `token`, … as in sys/mounts. */
  readonly type: string;
  readonly kind: 'secret' | 'auth' | 'system';
  open(context: EngineContext): Promise<Engine>;
}
