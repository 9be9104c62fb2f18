// As whom Azure is asked. One credential, chosen by what is set and in a fixed order, never by probing what may be there;
// which it is, and why each other is not, is logged once.

import { LatchkeyError } from '../../base/errors.ts';
import type { AzureCredential, CredentialParts } from './azure-credential.ts';
import { AUTH_METHODS, type AuthMethod, type CheckedConfig } from './config.ts';
import { EntraCredential, type Proof } from './entra-credential.ts';
import { ManagedIdentityCredential } from './managed-identity.ts';

/** A way to sign in, as far as it is set. */
interface Way {
  readonly method: AuthMethod;
  /** What sets it, if it is; else why it is not, for the log. */
  readonly setBy: string | undefined;
  readonly unset: string;
  /** Keys that it needs as well and that are missing. */
  readonly missing: readonly string[];
}

/** @throws LatchkeyError config_invalid if the way that is asked for is not complete. */
export function openCredential(config: CheckedConfig, parts: CredentialParts): AzureCredential {
  const ways = waysOf(config);
  const chosen = choose(config, ways);
  if (chosen.missing.length > 0) {
    throw new LatchkeyError(
      'config_invalid',
      `seal "azurekeyvault": to sign in by ${chosen.method}${because(chosen)}, ${chosen.missing.join(' and ')} must be set too`,
    );
  }
  const credential = open(config, chosen.method, parts);
  const others = ways.filter((way) => way !== chosen);
  parts.log.info(`signing in to Azure as ${credential.label}`, {
    seal: config.name,
    [chosen.method]: `chosen: ${config.authMethod === undefined ? reasonOf(chosen) : 'auth_method says so'}`,
    ...Object.fromEntries(others.map((way) => [way.method, `not chosen: ${reasonNot(config, way, chosen)}`])),
  });
  return credential;
}

/** In the order in which they are looked at. */
function waysOf(config: CheckedConfig): readonly Way[] {
  const { clientSecret, certificatePath, federatedTokenFile } = config;
  const missing = (
    [
      ['tenant_id', config.tenantId],
      ['client_id', config.clientId],
    ] as const
  ).flatMap(([key, value]) => (value === undefined ? [key] : []));
  const way = (method: AuthMethod, key: string, value: unknown): Way => ({
    method,
    setBy: value === undefined ? undefined : key,
    unset: `${key} is not set`,
    missing: value === undefined ? [key, ...missing] : missing,
  });
  return [
    way('client_secret', 'client_secret', clientSecret),
    way('certificate', 'client_certificate_path', certificatePath),
    way('workload_identity', 'federated_token_file', federatedTokenFile),
    { method: 'managed_identity', setBy: undefined, unset: '', missing: missingOfIdentity(config) },
  ];
}

function missingOfIdentity({ managedIdentityKind, clientId, resourceId }: CheckedConfig): string[] {
  if (managedIdentityKind === 'resource_id' && resourceId === undefined) return ['resource_id'];
  return managedIdentityKind === 'client_id' && clientId === undefined ? ['client_id'] : [];
}

/** `auth_method`; else the first that is set; else the managed identity. A client id alone chooses nothing. */
function choose({ authMethod }: CheckedConfig, ways: readonly Way[]): Way {
  const asked = ways.find(({ method }) => method === authMethod);
  const first = asked ?? ways.find(({ setBy }) => setBy !== undefined) ?? ways.at(-1);
  if (first === undefined) throw new LatchkeyError('internal', 'there is no way to sign in to Azure');
  return first;
}

function because({ setBy }: Way): string {
  return setBy === undefined ? '' : ` (${setBy} is set)`;
}

function reasonOf({ setBy }: Way): string {
  return setBy === undefined ? 'nothing else is set' : `${setBy} is set`;
}

function reasonNot(config: CheckedConfig, way: Way, chosen: Way): string {
  if (way.setBy === undefined && way.unset !== '') return way.unset;
  if (config.authMethod !== undefined) return `auth_method is ${config.authMethod}`;
  return `${chosen.method} comes first (order: ${AUTH_METHODS.join(', ')})`;
}

function open(config: CheckedConfig, method: AuthMethod, parts: CredentialParts): AzureCredential {
  const proof = proofOf(config, method);
  const { tenantId, clientId } = config;
  if (proof === undefined || tenantId === undefined || clientId === undefined) {
    return new ManagedIdentityCredential(config, parts);
  }
  return new EntraCredential(config, { tenantId, clientId, proof }, parts);
}

function proofOf(config: CheckedConfig, method: AuthMethod): Proof | undefined {
  const { clientSecret, certificatePath, certificatePassword, federatedTokenFile } = config;
  if (method === 'client_secret' && clientSecret !== undefined) {
    return { kind: 'client_secret', source: clientSecret };
  }
  if (method === 'certificate' && certificatePath !== undefined) {
    return { kind: 'certificate', path: certificatePath, password: certificatePassword };
  }
  if (method === 'workload_identity' && federatedTokenFile !== undefined) {
    return { kind: 'workload_identity', tokenFile: federatedTokenFile };
  }
  return undefined;
}
