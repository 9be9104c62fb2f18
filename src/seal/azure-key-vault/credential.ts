// As whom Azure is asked. One credential, chosen by the stanza alone: no chain that probes what may be there.

import type { TokenCredential } from '@azure/core-auth';
import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { CheckedConfig } from './config.ts';
import { ManagedIdentityCredential } from './managed-identity.ts';

/** What the official clients ask for tokens, plus what our log and our faults want to know of it. */
export interface AzureCredential extends TokenCredential {
  /** For the first log line and `status`, e.g. `managed identity <client id> (IMDS)`. */
  readonly label: string;
  /** Origin of what hands out the tokens. */
  readonly endpoint: string;
  /** Drops every cached token; after Key Vault refused one. */
  forget(): void;
  close(): void;
}

export interface CredentialParts {
  readonly clock: Clock;
  /** The process's environment; of it only what Azure itself sets is read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for one token. */
  readonly tokenMs: number;
}

/** @throws LatchkeyError config_invalid if the stanza asks for a way that this version does not have. */
export function openCredential(config: CheckedConfig, parts: CredentialParts): AzureCredential {
  if (config.useManagedIdentity) return new ManagedIdentityCredential(config, parts);
  throw new LatchkeyError(
    'config_invalid',
    'seal "azurekeyvault": set use_managed_identity = true; this version knows no other credential',
  );
}
