// The settings of one `seal "azurekeyvault"` stanza and the checks that need no network.

import { X509Certificate } from 'node:crypto';
import { LatchkeyError } from '../../base/errors.ts';

export interface AzureSealConfig {
  /** The stanza's name, unique among the seals of a node. */
  readonly name: string;
  /** Entra tenant of the vault. With a managed identity it only has to agree with what the vault says. */
  readonly tenantId?: string;
  /** Client id of a user-assigned identity; without it the system-assigned one is asked for. */
  readonly clientId?: string;
  readonly useManagedIdentity: boolean;
  /** `https://<vault name>.<suffix>[:port]`; a slash at the end is accepted. */
  readonly vaultUri: string;
  /** 1 to 127 of 0-9 a-z A-Z and hyphen (Key Vault's rule for object names). */
  readonly secretName: string;
  /** Chooses the variant with a Key Vault key, which this version does not have. */
  readonly keyName?: string;
  /** Take over a secret of that name though another cluster's tag, or none, is on it. */
  readonly adopt: boolean;
  /** `https://…`, where Entra is; used by credentials that log in there. A managed identity does not. */
  readonly authorityHost?: string;
  /** Audience of the token, if it is not what the vault's challenge names. */
  readonly audience?: string;
  /** PEM. Where set, these certificates alone are trusted for Key Vault, in place of the built-in roots. */
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
  if (config.keyName !== undefined) {
    refuse(
      'key_name is set, but this version keeps the KEK as a Key Vault secret only: ' +
        'take key_name out and, if you like, set secret_name',
    );
  }
  const vault = originOf('vault_uri', config.vaultUri, ['https:']);
  if (!vault.hostname.includes('.') || /^[\d.]+$|^\[/.test(vault.hostname)) {
    refuse('vault_uri must name the vault in its host, as in https://my-vault.vault.azure.net');
  }
  if (!OBJECT_NAME.test(config.secretName)) {
    refuse('secret_name must be 1 to 127 characters of 0-9, a-z, A-Z and hyphen');
  }
  checkId('tenant_id', config.tenantId);
  checkId('client_id', config.clientId);
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
