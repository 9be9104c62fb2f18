// What the seal asks of whoever brings its tokens, and what such a one is given.

import type { TokenCredential } from '@azure/core-auth';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { SealFaultFacts } from '../seal.ts';

/** What the official clients ask for tokens, plus what our log and our faults want to know of it. */
export interface AzureCredential extends TokenCredential {
  /** For the first log line and `status`, e.g. `managed identity <client id> (IMDS)`. */
  readonly label: string;
  /** Origin of what hands out the tokens. */
  readonly endpoint: string;
  /** Class of the fault when a token comes too late. */
  readonly timeoutClass: SealFaultFacts['class'];
  /** Drops every cached token; after Key Vault refused one. */
  forget(): void;
  close(): void;
}

export interface CredentialParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** The process's environment; of it only what Azure itself sets is read, and what `env://` names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for each of DNS, TCP connect, TLS handshake. */
  readonly stageMs: number;
  /** Milliseconds for one token. */
  readonly tokenMs: number;
}
