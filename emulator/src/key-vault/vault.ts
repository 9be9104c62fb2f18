// A key vault as both sides see it: a resource for ARM, a place for secrets and keys to the data plane.

import type { KeyStore } from './keys.ts';
import type { SecretStore } from './secrets.ts';

export interface AccessPolicy {
  tenantId: string;
  objectId: string;
  /** Lists of permission names as given; compared without regard to case. */
  permissions: { keys: string[]; secrets: string[]; certificates: string[]; storage: string[] };
}

/** The firewall: whose address may reach the data. */
export interface NetworkRules {
  /** `AzureServices` or `None`; trusted services are not played, so it decides nothing here. */
  bypass: string;
  defaultAction: 'Allow' | 'Deny';
  /** IPv4 networks in CIDR form. */
  ipRules: string[];
  /** Ids of subnets; kept, but nothing on loopback is in one. */
  virtualNetworkRules: string[];
}

export interface Vault {
  name: string;
  /** ARM resource id. */
  id: string;
  resourceGroup: string;
  location: string;
  tags: Record<string, string>;
  /** Tokens must come from this tenant. */
  tenantId: string;
  sku: string;
  /** true: role assignments decide and policies are ignored; false: the other way round. */
  rbac: boolean;
  accessPolicies: AccessPolicy[];
  retentionDays: number;
  purgeProtection: boolean;
  /** undefined: none were ever set. */
  network: NetworkRules | undefined;
  publicAccess: 'Enabled' | 'Disabled';
  /** enabledForDeployment and its like, as given. */
  enabledFor: Record<string, boolean>;
  /** Milliseconds since the Unix epoch. */
  createdAt: number;
  deletedAt?: number;
  secrets: SecretStore;
  keys: KeyStore;
}

/** Azure's name rule: 3–24 letters, digits and hyphens, a letter first, no hyphen last, none doubled. */
export function isVaultName(name: string): boolean {
  return /^[a-z][a-z0-9-]{1,22}[a-z0-9]$/i.test(name) && !name.includes('--');
}
