// The settings of one `seal "azurekeyvault"` stanza and the checks that need no network.

import { X509Certificate } from 'node:crypto';
import { LatchkeyError } from '../../base/errors.ts';
import type { SecretSource } from './credential-material.ts';

/** Ways to sign in, in the order in which they are looked at. */
export const AUTH_METHODS = [
  'client_secret',
  'certificate',
  'workload_identity',
  'managed_identity',
] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export interface AzureSealConfig {
  /** The stanza's name, unique among the seals of a node. */
  readonly name: string;
  /** Entra tenant of the vault. With a managed identity it only has to agree with what the vault says. */
  readonly tenantId?: string;
  /** Of the application, or of a user-assigned managed identity; without it the system-assigned one is asked for. */
  readonly clientId?: string;
  /** Undefined: the first of `AUTH_METHODS` that is set. */
  readonly authMethod?: AuthMethod;
  readonly clientSecret?: SecretSource;
  /** PEM file with a certificate and its private key. */
  readonly certificatePath?: string;
  /** Of an encrypted private key. */
  readonly certificatePassword?: SecretSource;
  /** A JWT that Entra takes in place of a secret; AKS keeps one in each pod that asks for it. */
  readonly federatedTokenFile?: string;
  /** By which of the two ids a managed identity is asked for, if both are set. */
  readonly managedIdentityKind?: 'client_id' | 'resource_id';
  /** ARM id of a user-assigned identity. */
  readonly resourceId?: string;
  /** `https://<vault name>.<suffix>[:port]`; a slash at the end is accepted. */
  readonly vaultUri: string;
  /** 1 to 127 of 0-9 a-z A-Z and hyphen (Key Vault's rule for object names). */
  readonly secretName: string;
  /** Chooses the key variant. */
  readonly keyName?: string;
  /** Take over a secret of that name though another cluster's tag, or none, is on it. */
  readonly adopt: boolean;
  /** `https://…`, where Entra is; undefined: the public cloud's. A managed identity does not log in there. */
  readonly authorityHost?: string;
  /** Audience of the token, if it is not what the vault's challenge names. */
  readonly audience?: string;
  /** PEM. Where set, these certificates alone are trusted for Key Vault and Entra, in place of the built-in roots. */
  readonly caCertPem?: string;
  /** `http://host[:port]` in place of http://169.254.169.254. */
  readonly imdsEndpoint?: string;
}

/** A stanza that passed every check. */
export interface CheckedConfig extends AzureSealConfig {
  /** Lower-case origin without a slash at the end. */
  readonly vaultUri: string;
  /** Host of the vault, without port. */
  readonly vaultHost: string;
  /** First label of the host: what `az … --vault-name` takes. */
  readonly vaultName: string;
}

export const OBJECT_NAME = /^[0-9A-Za-z-]{1,127}$/;
const ID = /^[0-9A-Za-z.-]{1,128}$/;

/** @throws LatchkeyError config_invalid, naming the key and what it takes. */
export function checkConfig(config: AzureSealConfig): CheckedConfig {
  const vault = originOf('vault_uri', config.vaultUri, ['https:']);
  if (!vault.hostname.includes('.') || /^[\d.]+$|^\[/.test(vault.hostname)) {
    refuse('vault_uri must name the vault in its host, as in https://my-vault.vault.azure.net');
  }
  if (!OBJECT_NAME.test(config.secretName)) {
    refuse('secret_name must be 1 to 127 characters of 0-9, a-z, A-Z and hyphen');
  }
  if (config.keyName !== undefined && !OBJECT_NAME.test(config.keyName)) {
    refuse('key_name must be 1 to 127 characters of 0-9, a-z, A-Z and hyphen');
  }
  checkId('tenant_id', config.tenantId);
  checkId('client_id', config.clientId);
  if (
    config.resourceId !== undefined &&
    !/^\/subscriptions\/[A-Za-z0-9._()/-]{1,500}$/.test(config.resourceId)
  ) {
    refuse('resource_id must be an ARM id such as /subscriptions/…/userAssignedIdentities/my-identity');
  }
  if (config.authorityHost !== undefined) originOf('authority_host', config.authorityHost, ['https:'], true);
  if (config.imdsEndpoint !== undefined) originOf('imds_endpoint', config.imdsEndpoint, ['http:', 'https:']);
  if (config.audience !== undefined && !/^[\x21-\x7e]{1,512}$/.test(config.audience)) {
    refuse('audience must be a URL or an application id without spaces');
  }
  if (config.caCertPem !== undefined) checkCertificates(config.caCertPem);
  return {
    ...config,
    vaultUri: vault.origin,
    vaultHost: vault.hostname,
    vaultName: vault.hostname.split('.', 1)[0] ?? vault.hostname,
  };
}

function checkId(key: string, value: string | undefined): void {
  if (value !== undefined && !ID.test(value)) {
    refuse(`${key} must be a GUID such as 00000000-0000-0000-0000-000000000000`);
  }
}

function originOf(key: string, text: string, protocols: readonly string[], pathAllowed = false): URL {
  const url = URL.parse(text);
  const plain =
    url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!plain || !protocols.includes(url.protocol) || (!pathAllowed && url.pathname !== '/')) {
    refuse(
      `${key} must be ${protocols.map((protocol) => `${protocol}//`).join(' or ')}host[:port]` +
        `${pathAllowed ? '' : ' without a path'}`,
    );
  }
  return url;
}

function checkCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) refuse('ca_cert holds no PEM certificate');
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw new LatchkeyError('config_invalid', 'ca_cert holds a certificate that cannot be read', { cause });
    }
  }
}

function refuse(message: string): never {
  throw new LatchkeyError('config_invalid', `seal "azurekeyvault": ${message}`);
}
