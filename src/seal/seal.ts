// What a seal is: it wraps a few bytes (the root key) under a KEK that lies elsewhere. Shares, thresholds and
// records belong to the core; a seal knows none of them.

import type { SecretBytes } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';

/** Bound into every wrapped copy as associated data, so that a copy cannot be moved to another place. */
export interface WrapContext {
  readonly clusterId: string;
  readonly sealName: string;
  /** Generation of the root key, from 1. */
  readonly generation: number;
}

/** What `wrap` returns and the root-key record keeps. Nothing in it is secret without the KEK. */
export interface WrappedCopy {
  /** Which way this seal keeps its KEK, e.g. `secret` or `key`; a copy opens only with the same variant. */
  readonly variant: string;
  /** Full id of the KEK: vault URI, name and version. */
  readonly keyId: string;
  /** Hex SHA-256 that tells two KEKs of one id apart; for a secret KEK a keyed digest, never of the bare value. */
  readonly fingerprint: string;
  /** Self-describing: its first byte is a format version. At most 8 KiB. */
  readonly blob: Uint8Array;
}

/** Where on the way to the KEK it stopped. */
export type SealStage = 'config' | 'dns' | 'tcp' | 'tls' | 'token' | 'key' | 'wrap' | 'unwrap';

/**
 * When to try again. `backoff`: transient, soon and with jitter. `slow`: needs somebody's hand, which may come at
 * any time (a grant, an identity); about once a minute. `rare`: will not mend by itself; every ten minutes.
 */
export type SealRetry = 'backoff' | 'slow' | 'rare';

export interface SealFaultFacts {
  readonly sealName: string;
  readonly stage: SealStage;
  /** Stable snake_case name of the cause, e.g. `keyvault_forbidden_rbac`. Documented in docs/errors.md. */
  readonly class: string;
  readonly retry: SealRetry;
  /** One sentence a person can act on: who was refused what on which thing. May name ids, never secrets. */
  readonly sentence: string;
  /** A command that mends it, with real ids where they are known and <placeholders> where not. */
  readonly remedy?: string;
  readonly httpStatus?: number;
  /** Milliseconds the service asked to wait (Retry-After). */
  readonly retryAfterMs?: number;
  /** True if the far side certainly did nothing (a 4xx); false if the outcome is unknown (time-out, reset, 5xx). */
  readonly definite: boolean;
}

/** The only error that a seal's methods throw. Its message is the sentence. */
export class SealFault extends LatchkeyError {
  readonly facts: SealFaultFacts;

  constructor(facts: SealFaultFacts, cause?: unknown) {
    super('seal_unavailable', facts.sentence, cause === undefined ? {} : { cause });
    this.name = 'SealFault';
    this.facts = facts;
  }
}

export interface ProbeReport {
  /** Full id of the newest usable KEK. */
  readonly keyId: string;
  /** Things that are not wrong yet, one sentence each (newer version, purge protection off, …). */
  readonly warnings: readonly string[];
}

/**
 * Every method has its own deadline and also obeys `signal`. None retries: that is the unsealer's work alone.
 * Every method throws SealFault and nothing else.
 */
export interface Seal {
  /** The stanza's name, unique among the seals of a node. */
  readonly name: string;
  /** `azurekeyvault`, … as it stands in the config and in seal-status. */
  readonly kind: string;
  /** For the first log line and `status`, before any call: where the KEK lies and as whom it is asked for. */
  readonly describe: { readonly summary: string; readonly warnings: readonly string[] };

  /** Wraps at most 64 bytes under the newest KEK. */
  wrap(secret: SecretBytes, context: WrapContext, signal: AbortSignal): Promise<WrappedCopy>;

  /** Opens a copy made by `wrap` with an equal context. The caller owns and wipes what it gets. */
  unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes>;

  /** Looks at the KEK without touching anything. */
  probe(signal: AbortSignal): Promise<ProbeReport>;

  /**
   * Makes the KEK ready for a new cluster, if this variant makes its own; idempotent for one cluster id, so that
   * an initialisation that died can be repeated. Refuses a KEK that belongs to another cluster and names it. A variant
   * whose KEK is made by somebody else makes nothing, and refuses one that is not fit, with all that is wrong with it.
   * Before its first write it checks all that can be checked by reading.
   */
  prepare?(clusterId: string, signal: AbortSignal): Promise<void>;

  /**
   * Only of a seal whose KEK (32 bytes) people hold: the core lends it for one act and makes the seal forget it again.
   * A seal with this member never opens a node by itself. `offer` takes the bytes over.
   */
  readonly manual?: { offer(kek: SecretBytes): void; forget(): void };

  close(): Promise<void>;
}
