// What the sys/* engine needs of the node. Declared here, so that the core knows the engine and not the reverse.

import type { SecretBytes } from '../base/bytes.ts';
import type { JsonObject } from '../base/json.ts';
import type { Caller, Request, Response, Route } from '../engine/engine.ts';

/** Why a node is sealed, and what it is doing about it. */
export type UnsealState =
  | 'starting'
  | 'not_initialized'
  | 'awaiting_shares'
  | 'unsealing'
  | 'fault'
  | 'operator'
  | 'unsealed';

/** The cause of the last failed attempt to unseal. */
export interface FaultView {
  readonly stage: string;
  readonly class: string;
  readonly httpStatus: number | undefined;
  readonly seal: string;
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly nextAttemptAt: number | undefined;
  readonly sentence: string;
  readonly remedy: string | undefined;
}

export interface SealView {
  readonly sealKind: string;
  readonly storageType: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** People hold the KEK: `recoveryShares` and `recoveryThreshold` are those of the KEK itself. */
  readonly isManual: boolean;
  readonly recoveryShares: number;
  readonly recoveryThreshold: number;
  readonly clusterId: string;
  readonly clusterName: string;
  /** Recovery shares given so far after an operator's seal. */
  readonly progress: number;
  readonly nonce: string;
  readonly unsealState: UnsealState;
  readonly fault: FaultView | undefined;
  /** Full id of the KEK that wraps the copy this node opened. */
  readonly sealKey: string;
  readonly sealWarnings: readonly string[];
}

export interface LeaderView {
  readonly isSelf: boolean;
  /** Milliseconds since the epoch; undefined on a standby. */
  readonly activeSince: number | undefined;
  readonly apiAddress: string;
  readonly clusterAddress: string;
  /** On a standby: the active node answered lately. */
  readonly reachable: boolean;
}

export interface InitRequest {
  readonly recoveryShares: number;
  readonly recoveryThreshold: number;
  /** Start over, when the first answer was lost and no token was ever used. */
  readonly restart: boolean;
  /** Aborts when whoever asked has gone: nobody would get the keys. */
  readonly signal?: AbortSignal;
  /** Only for `server -dev`, which promises a known token; no route sets it. */
  readonly rootToken?: string;
}

export interface InitResult {
  /** Of the recovery key, or of the KEK if people hold it. */
  readonly keyShares: readonly SecretBytes[];
  readonly rootToken: string;
  readonly warnings: readonly string[];
}

export interface InFlightView {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly remoteAddress: string;
  readonly verb: string;
  /** Below `/v1/`, without the query. */
  readonly path: string;
}

/** `public`: only what `sys/seal-status` says to everybody as well. */
export type MetricsScope = 'all' | 'public';

export interface MetricsPort {
  /** Undefined if the configuration switches it off. */
  prometheus(
    scope: MetricsScope,
  ): Promise<{ readonly contentType: string; readonly text: string } | undefined>;
  /** As go-metrics shows it. */
  json(scope: MetricsScope): JsonObject;
}

/** What the process knows beside the node; main.ts brings it. */
export interface ProcessPort {
  readonly metrics: MetricsPort;
  readonly log: LogPort;
  /** In the members of sys/config/state/sanitized; nothing secret. */
  config(): JsonObject;
  /** In the members of sys/host-info. */
  hostInfo(): Promise<JsonObject>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Changes last until the process ends, or reads its configuration again. Undefined is the level of the configuration. */
export interface LogPort {
  /** Of every logger, by name. */
  levels(): ReadonlyMap<string, LogLevel>;
  setAll(level: LogLevel | undefined): void;
  /** False if there is no such logger. */
  setRoom(room: string, level: LogLevel | undefined): boolean;
}

/** Which pages of other origins may call from a browser. */
export interface CorsRules {
  /** As browsers send them; `*` alone for all. */
  readonly origins: readonly string[];
  readonly headers: readonly string[];
  readonly credentials: boolean;
}

export interface CorsPort {
  read(): Promise<CorsRules | undefined>;
  /** Undefined takes them away. */
  write(rules: CorsRules | undefined): Promise<void>;
}

export interface VersionView {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly installedAt: number;
  /** RFC 3339. */
  readonly buildDate: string;
}

/** Answered by the node that was asked, in every state. */
export interface NodePort {
  readonly process: ProcessPort;
  inFlight(): readonly InFlightView[];
  /** @throws LatchkeyError storage_unavailable while the storage was never read. */
  sealView(): Promise<SealView>;
  /** @throws LatchkeyError sealed, or storage_unavailable. */
  leader(): Promise<LeaderView>;
  initialize(request: InitRequest): Promise<InitResult>;
  /** Takes one recovery share; at the threshold checks them and unseals. The port wipes the share. */
  submitShare(share: SecretBytes): Promise<void>;
  resetShares(): void;
  /** Seals this node until it is restarted or given its recovery shares. */
  sealByOperator(): Promise<void>;
}

export interface MemberView {
  readonly hostname: string;
  readonly apiAddress: string;
  readonly clusterAddress: string;
  readonly active: boolean;
  /** Milliseconds since the epoch; undefined for the active node itself. */
  readonly lastEchoAt: number | undefined;
  readonly version: string;
}

export interface KeyStatusView {
  readonly term: number;
  readonly installedAt: number;
  readonly encryptions: number;
}

export interface MountView {
  readonly path: string;
  readonly kind: 'secret' | 'auth' | 'system';
  /** As `sys/mounts` shows it. */
  readonly info: JsonObject;
  /** As `sys/mounts/…/tune` shows it. */
  readonly tuning: JsonObject;
}

/** Settings of a mount; what is undefined stays as it is. Lengths in seconds, 0 for the system's own. */
export interface MountTuning {
  readonly description?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly defaultLeaseTtlSeconds?: number | undefined;
  readonly maxLeaseTtlSeconds?: number | undefined;
  readonly listingVisibility?: string | undefined;
  readonly auditNonHmacRequestKeys?: readonly string[] | undefined;
  readonly auditNonHmacResponseKeys?: readonly string[] | undefined;
  readonly passthroughRequestHeaders?: readonly string[] | undefined;
  readonly allowedResponseHeaders?: readonly string[] | undefined;
  readonly tokenType?: 'default-service' | 'default-batch' | 'service' | 'batch' | undefined;
  readonly forceNoCache?: boolean | undefined;
}

export interface MountRequest extends MountTuning {
  /** Ends in `/`; an auth method's begins with `auth/`. */
  readonly path: string;
  readonly type: string;
  readonly local: boolean;
  readonly sealWrap: boolean;
}

export interface MoveView {
  readonly from: string;
  readonly to: string;
  readonly status: 'in-progress' | 'success' | 'failure';
}

/** @throws LatchkeyError bad_request from each, in Vault's words where it has some. */
export interface MountPort {
  list(): readonly MountView[];
  mount(request: MountRequest): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Gives warnings. */
  tune(path: string, tuning: MountTuning): Promise<readonly string[]>;
  /** In the background; the id under which `moveStatus` knows it. */
  move(from: string, to: string): string;
  moveStatus(id: string): MoveView | undefined;
}

export interface AuditDeviceView {
  /** Ends in `/`. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly local: boolean;
}

export interface AuditPort {
  list(): readonly AuditDeviceView[];
  enable(device: AuditDeviceView): Promise<void>;
  disable(path: string): Promise<void>;
  hash(path: string, value: string): string;
}

export interface PolicyPort {
  list(): Promise<readonly string[]>;
  read(name: string): Promise<{ readonly name: string; readonly text: string } | undefined>;
  /** @throws LatchkeyError bad_request if the text is no policy, or the name is reserved. */
  write(name: string, text: string): Promise<{ readonly name: string; readonly warnings: readonly string[] }>;
  delete(name: string): Promise<void>;
}

/** Whose rights are asked for: a caller's, or another token's. */
export type Subject = Pick<Caller, 'policies' | 'loginMetadata'>;

export interface RightsPort {
  /** Sorted; `["root"]`, or `["deny"]` if there is none. */
  capabilities(subject: Subject, path: string): Promise<readonly string[]>;
  /** True if the subject may do anything at `mountPath` (which ends in `/`) or below it. */
  reaches(subject: Subject, mountPath: string): Promise<boolean>;
  /** All rights, in the members of Vault's sys/internal/ui/resultant-acl. */
  resultantAcl(subject: Subject): Promise<JsonObject>;
  /** Undefined if there is no such token. */
  subjectOfToken(token: string): Promise<Subject | undefined>;
  subjectOfAccessor(accessor: string): Promise<Subject | undefined>;
}

export interface DescribedMount {
  /** Ends in `/`. */
  readonly path: string;
  readonly type: string;
  readonly tag: 'secrets' | 'auth' | 'system';
  /** `listing_visibility` is `unauth`: shown without a token. */
  readonly isPublic: boolean;
  readonly routes: readonly Route[];
}

/** Times in milliseconds since the epoch, 0 for never. */
export interface LeaseView {
  readonly id: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewedAt: number;
  readonly renewable: boolean;
  /** Why it could not be ended; empty while it is an ordinary lease. */
  readonly irrevocable: string;
}

export interface LeasePort {
  find(id: string): Promise<LeaseView | undefined>;
  /** Names of one folder of lease ids; folders end in `/`. */
  list(prefix: string): Promise<readonly string[]>;
  renew(
    id: string,
    incrementSeconds: number,
  ): Promise<NonNullable<Response['bound']> & Pick<Response, 'warnings'>>;
  /** `sync`: over when it resolves, or it throws. Unknown leases are no error. */
  revoke(id: string, sync: boolean): Promise<void>;
  revokePrefix(prefix: string, sync: boolean): Promise<void>;
  revokeForce(prefix: string): Promise<void>;
  /** In the background; false if it is under way already. */
  tidy(): boolean;
  /** Leases that could not be ended, and accessors of their mounts. */
  irrevocable(): readonly { readonly leaseId: string; readonly mountAccessor: string }[];
}

export interface WrappingPort {
  /** With the token in the body, or with the caller's own. */
  unwrap(request: Request): Promise<Response>;
  lookup(request: Request): Promise<JsonObject>;
  rewrap(request: Request): Promise<Response>;
}

export interface RotationConfig {
  readonly enabled: boolean;
  /** Encryptions, by one process since it opened the key. */
  readonly maxOperations: number;
  /** 0 for never. */
  readonly intervalSeconds: number;
}

export interface RotationPort {
  config(): RotationConfig;
  /** @throws LatchkeyError bad_request for values that are out of range. */
  configure(config: RotationConfig): Promise<void>;
}

export interface GenerateRootView {
  /** Of the attempt under way; empty if there is none. */
  readonly nonce: string;
  readonly started: boolean;
  readonly progress: number;
  readonly required: number;
  readonly complete: boolean;
  /** Token XOR one-time password, base64 without padding; empty until it is complete. */
  readonly encodedToken: string;
  /** Only in the answer to a start for which the server made it. */
  readonly otp: string;
  readonly otpLength: number;
}

/** One attempt at a time. Every method throws LatchkeyError bad_request with Vault's texts. */
export interface GenerateRootPort {
  status(): Promise<GenerateRootView>;
  /** With the caller's one-time password, or one that the server makes. */
  start(otp: string | undefined): Promise<GenerateRootView>;
  /** No attempt is no error. */
  cancel(): Promise<void>;
  /** Takes the share over; the last that is needed gives the token. */
  submit(share: SecretBytes, nonce: string): Promise<GenerateRootView>;
}

/** Answered by the active node alone. */
export interface TenurePort {
  members(): readonly MemberView[];
  stepDown(): void;
  keyStatus(): KeyStatusView;
  rotate(): Promise<void>;
  readonly audit: AuditPort;
  readonly policies: PolicyPort;
  readonly rights: RightsPort;
  /** All mounts with their routes, the server's own as well. */
  described(): readonly DescribedMount[];
  readonly leases: LeasePort;
  readonly wrapping: WrappingPort;
  readonly generateRoot: GenerateRootPort;
  readonly rotation: RotationPort;
  readonly mounts: MountPort;
  readonly cors: CorsPort;
  /** Those that have led the cluster, oldest first. */
  versions(): Promise<readonly VersionView[]>;
  /** Service tokens that are kept. */
  countTokens(): Promise<number>;
}
