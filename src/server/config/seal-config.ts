// Reads the seal: its stanza first, then the environment, and says which of the two a value came from.

import type { HclBody } from '../../base/hcl/hcl-tree.ts';
import { parseUrl } from './addresses.ts';
import type { AzureEnvironment, AzureKeyVaultSealConfig } from './config.ts';
import { AZURE_KEY_VAULT_SEAL, BELONGS_IN_LISTENER } from './known-keys.ts';
import { readSignIn } from './seal-sign-in.ts';
import { type Instead, SEAL_TITLE, type SealInputs, type SealValue, SealValues } from './seal-values.ts';
import { quote, Stanza } from './stanza.ts';

const SECRET_NAME = 'vault-unseal-key';

const PUBLIC_CLOUD: AzureEnvironment = {
  name: 'AzurePublicCloud',
  keyVaultSuffix: 'vault.azure.net',
  authorityHost: 'https://login.microsoftonline.com',
};
const US_GOVERNMENT: AzureEnvironment = {
  name: 'AzureUSGovernment',
  keyVaultSuffix: 'vault.usgovcloudapi.net',
  authorityHost: 'https://login.microsoftonline.us',
};
const CHINA: AzureEnvironment = {
  name: 'AzureChinaCloud',
  keyVaultSuffix: 'vault.azure.cn',
  authorityHost: 'https://login.chinacloudapi.cn',
};
const ENVIRONMENTS: Readonly<Record<string, AzureEnvironment>> = {
  azurepubliccloud: PUBLIC_CLOUD,
  azurecloud: PUBLIC_CLOUD,
  azureusgovernment: US_GOVERNMENT,
  azureusgovernmentcloud: US_GOVERNMENT,
  azurechinacloud: CHINA,
};

/**
 * Keys and variables are those of Vault's azurekeyvault page and its wrapper, and ours. Nothing is asked of Azure here:
 * a wrong name that Azure alone can know leaves the node up and sealed, with its class.
 * `body` has no entries where the environment alone asks for the seal.
 */
export async function readAzureKeyVaultSeal(
  body: HclBody,
  inputs: SealInputs,
): Promise<AzureKeyVaultSealConfig> {
  const stanza = new Stanza(SEAL_TITLE, body, AZURE_KEY_VAULT_SEAL, inputs.findings, {
    elsewhere: BELONGS_IN_LISTENER,
  });
  const values = new SealValues(stanza, inputs, stanza.boolean('disallow_env_vars') ?? false);
  const tenantId = identifier(values, await values.text('tenant_id', ['AZURE_TENANT_ID']));
  const clientId = identifier(values, await values.text('client_id', ['AZURE_CLIENT_ID']));
  const signIn = await readSignIn(stanza, values, inputs, { tenantId, clientId });
  const environment = await readEnvironment(values);
  const vault = await readVault(stanza, values, environment);
  const names = await readKekName(stanza, values);
  const authorityHost = await readAuthorityHost(values, environment);
  const imdsEndpoint = readUrl(stanza, 'imds_endpoint', ['http:', 'https:'], true);
  return {
    type: 'azurekeyvault',
    name: stanza.string('name') ?? 'azurekeyvault',
    tenantId: tenantId?.text,
    clientId: clientId?.text,
    ...signIn,
    ...vault,
    ...names,
    environment,
    authorityHost,
    audience: stanza.string('audience'),
    caCertFile: stanza.string('ca_cert'),
    imdsEndpoint,
    adopt: stanza.boolean('adopt') ?? false,
    disabled: stanza.boolean('disabled') ?? false,
  };
}

/** Ids are GUIDs or domain names. A wrong one is not shown: it may be a secret in the wrong place. */
function identifier(values: SealValues, value: SealValue | undefined): SealValue | undefined {
  if (value && !/^[0-9A-Za-z.-]{1,256}$/.test(value.text)) {
    values.fault(value, 'not an id: letters, digits, dots and dashes alone');
  }
  return value;
}

/** Vault's names of the clouds, whatever their case. The German cloud closed in 2021. */
async function readEnvironment(values: SealValues): Promise<AzureEnvironment> {
  const value = await values.text('environment', ['AZURE_ENVIRONMENT']);
  if (!value) return PUBLIC_CLOUD;
  const name = value.text.toLowerCase();
  const found = Object.hasOwn(ENVIRONMENTS, name) ? ENVIRONMENTS[name] : undefined;
  if (!found) {
    const names = [PUBLIC_CLOUD, US_GOVERNMENT, CHINA].map((each) => each.name).join(', ');
    values.fault(value, `${quote(value.text)} is no Azure environment; there are: ${names}`);
  }
  return found ?? PUBLIC_CLOUD;
}

/** From `vault_uri`, or from `vault_name` and a suffix: `resource`, else the environment's. */
async function readVault(
  stanza: Stanza,
  values: SealValues,
  environment: AzureEnvironment,
): Promise<{ vaultUri: string; vaultName: string }> {
  const uri = readUrl(stanza, 'vault_uri', ['https:']);
  const variables = ['AZUREKEYVAULT_WRAPPER_VAULT_NAME', 'VAULT_AZUREKEYVAULT_VAULT_NAME'];
  const uriHost = uri === undefined ? '' : new URL(uri).host;
  const insteadOf = (agrees: Instead['agrees']) =>
    stanza.has('vault_uri') ? { key: 'vault_uri', agrees } : undefined;
  const sameName = insteadOf((text) => uriHost.startsWith(`${text.toLowerCase()}.`));
  const sameSuffix = insteadOf((text) => uriHost.endsWith(`.${text.toLowerCase()}`));
  const name = await values.text('vault_name', variables, sameName);
  const resource = await values.text('resource', ['AZURE_AD_RESOURCE'], sameSuffix);
  if (name && !/^(?=.{3,24}$)[A-Za-z](?:-?[A-Za-z0-9])+$/.test(name.text)) {
    values.fault(
      name,
      `${quote(name.text)} is no vault's name: 3 to 24 letters, digits and dashes, no https://`,
    );
  }
  if (resource && !/^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d{1,5})?$/.test(resource.text)) {
    values.fault(
      resource,
      `${quote(resource.text)} is no host suffix such as vault.azure.net (no https://, no path)`,
    );
  }
  if (!stanza.has('vault_uri')) {
    if (!name && !stanza.has('vault_name')) stanza.fault('vault_name', 'vault_name or vault_uri is missing');
    const host = `${name?.text.toLowerCase() ?? ''}.${resource?.text ?? environment.keyVaultSuffix}`;
    return { vaultUri: `https://${host}/`, vaultName: name?.text.toLowerCase() ?? '' };
  }
  const vaultName = uriHost.split('.')[0] ?? '';
  checkVaultUri(stanza, { host: uriHost, vaultName, name, resource, environment });
  return { vaultUri: `${uri ?? ''}/`, vaultName };
}

interface VaultFacts {
  readonly host: string;
  readonly vaultName: string;
  readonly name: SealValue | undefined;
  readonly resource: SealValue | undefined;
  readonly environment: AzureEnvironment;
}

function checkVaultUri(stanza: Stanza, { host, vaultName, name, resource, environment }: VaultFacts): void {
  if (host === '') return;
  if (name && name.text.toLowerCase() !== vaultName) {
    stanza.fault(
      'vault_name',
      `vault_name = ${quote(name.text)}, but vault_uri names the vault ${quote(vaultName)}`,
    );
  }
  if (resource && !host.endsWith(`.${resource.text.toLowerCase()}`)) {
    stanza.fault('resource', `resource = ${quote(resource.text)}, but vault_uri points to ${quote(host)}`);
  }
  const cloud = [PUBLIC_CLOUD, US_GOVERNMENT, CHINA].find((each) => host.endsWith(`.${each.keyVaultSuffix}`));
  if (cloud && cloud !== environment) {
    const place = stanza.has('environment') ? 'environment' : 'vault_uri';
    stanza.fault(
      place,
      `vault_uri is in ${cloud.name}, but the environment is ${environment.name}; set environment`,
    );
  }
  if (host.includes('.privatelink.')) {
    stanza.warn(
      'vault_uri',
      "a privatelink name fails the audience check; use the vault's own name, DNS leads it there",
    );
  }
}

/** Which variant of the seal is asked for: a secret, unless `key_name` is set. */
async function readKekName(
  stanza: Stanza,
  values: SealValues,
): Promise<{ secretName: string; keyName?: string }> {
  const secretName = stanza.string('secret_name');
  const variables = ['AZUREKEYVAULT_WRAPPER_KEY_NAME', 'VAULT_AZUREKEYVAULT_KEY_NAME'];
  const secretStands = { key: 'secret_name', agrees: () => false };
  const key = await values.text('key_name', variables, stanza.has('secret_name') ? secretStands : undefined);
  if (stanza.has('secret_name') && stanza.has('key_name')) {
    stanza.fault(
      'key_name',
      'key_name and secret_name are both set; the KEK is either a key or a secret, keep one',
    );
  }
  const rule = 'Azure allows 1 to 127 letters, digits and dashes';
  const allowed = /^[0-9A-Za-z-]{1,127}$/;
  if (secretName !== undefined && !allowed.test(secretName)) {
    stanza.fault('secret_name', `secret_name = ${quote(secretName)}: ${rule}`);
  }
  if (key && !allowed.test(key.text)) values.fault(key, `${quote(key.text)}: ${rule}`);
  return { secretName: secretName ?? SECRET_NAME, ...(key ? { keyName: key.text } : {}) };
}

/** The AKS webhook sets the variable to the cloud's own host, which overrides nothing and must not look so. */
async function readAuthorityHost(
  values: SealValues,
  environment: AzureEnvironment,
): Promise<string | undefined> {
  const value = await values.text('authority_host', ['AZURE_AUTHORITY_HOST']);
  if (!value) return undefined;
  const parsed = parseUrl(value.text, ['https:']);
  if ('fault' in parsed) {
    values.fault(value, parsed.fault);
    return undefined;
  }
  const { origin } = parsed.value;
  return origin === environment.authorityHost ? undefined : origin;
}

/** Without a slash at its end. */
function readUrl(
  stanza: Stanza,
  key: string,
  protocols: readonly string[],
  path = false,
): string | undefined {
  const text = stanza.string(key);
  if (text === undefined) return undefined;
  const parsed = parseUrl(text, protocols, { path });
  if ('value' in parsed) return parsed.value.href.replace(/\/+$/, '');
  // Not quoted: what is refused may be a URL with a password in it.
  stanza.fault(key, `${key}: ${parsed.fault}`);
  return undefined;
}
