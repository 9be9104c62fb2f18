// What an unmodified client must be told to find and trust a running emulator: environment variables, and the files in
// which `az` keeps its clouds.

/** What `start` prints: nothing in it is secret. */
export interface Addresses {
  authorityUrl: string;
  armUrl: string;
  keyVaultAudience: string;
  /** What stands after a vault's name and a dot, with port. */
  keyVaultDnsSuffix: string;
  imdsUrl: string;
  proxyUrl: string;
  adminUrl: string;
  aksIssuerUrl: string;
  tenantId: string;
  subscriptionId: string;
  operatorClientId: string;
  operatorObjectId: string;
  caFile: string;
  /** Where az keeps its state; made by `start`, gone with it. */
  azConfigDir: string;
  /** Whether the public cloud's host names are played as well. */
  intercept: boolean;
  pid: number;
}

const AZ_CLOUD = 'LocalAzure';

/**
 * Variables for any client. Without interception the authority has the form of AD FS, which the SDKs take from the
 * tenant's name, so that they do not ask Microsoft whether they may trust it.
 */
export function clientEnvironment(addresses: Addresses): Record<string, string> {
  const { caFile, proxyUrl, intercept } = addresses;
  // Loopback by number needs no name to be resolved, and programs' own servers are there.
  const direct = '127.0.0.1,::1';
  return {
    NODE_EXTRA_CA_CERTS: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    CURL_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    HTTPS_PROXY: proxyUrl,
    https_proxy: proxyUrl,
    HTTP_PROXY: proxyUrl,
    http_proxy: proxyUrl,
    NO_PROXY: direct,
    no_proxy: direct,
    NODE_USE_ENV_PROXY: '1',
    AZURE_CONFIG_DIR: addresses.azConfigDir,
    AZURE_CORE_COLLECT_TELEMETRY: 'no',
    AZURE_SUBSCRIPTION_ID: addresses.subscriptionId,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: addresses.imdsUrl,
    ...(intercept
      ? { AZURE_TENANT_ID: addresses.tenantId }
      : {
          AZURE_AUTHORITY_HOST: addresses.authorityUrl,
          AZURE_TENANT_ID: 'adfs',
          AZURE_AD_RESOURCE: addresses.keyVaultDnsSuffix,
        }),
  };
}

/** Who az is signed in as; the secret is one. */
export interface Account {
  clientId: string;
  clientSecret: string;
}

/**
 * File name → content for AZURE_CONFIG_DIR: what `az cloud register`, `az cloud set` and `az login` write (az 2.91).
 * With an account they hold its secret.
 */
export function azConfigFiles(addresses: Addresses, account?: Account): Record<string, string> {
  const files: Record<string, string> = {
    config: `[cloud]\nname = ${cloudName(addresses)}\n\n[core]\ncollect_telemetry = no\nsurvey_message = no\nfirst_run = no\n`,
    ...(addresses.intercept ? {} : { 'clouds.config': cloudsFile(addresses) }),
  };
  if (!account) return files;
  const { clientId, clientSecret } = account;
  const { subscriptionId, tenantId } = addresses;
  const subscription = {
    id: subscriptionId,
    name: 'Local Azure',
    state: 'Enabled',
    user: { name: clientId, type: 'servicePrincipal' },
    isDefault: true,
    tenantId,
    environmentName: cloudName(addresses),
    homeTenantId: tenantId,
    managedByTenants: null,
  };
  const entry = { client_id: clientId, tenant: tenantId, client_secret: clientSecret };
  return {
    ...files,
    'azureProfile.json': JSON.stringify({ subscriptions: [subscription] }),
    'service_principal_entries.json': JSON.stringify([entry]),
  };
}

function cloudName({ intercept }: Addresses): string {
  return intercept ? 'AzureCloud' : AZ_CLOUD;
}

function cloudsFile({ armUrl, authorityUrl, keyVaultDnsSuffix, subscriptionId }: Addresses): string {
  const audience = 'https://management.core.windows.net/';
  const cloud = {
    endpoint_resource_manager: armUrl,
    endpoint_management: audience,
    endpoint_active_directory: `${authorityUrl}/adfs`,
    endpoint_active_directory_resource_id: audience,
    endpoint_active_directory_graph_resource_id: `${authorityUrl}/graph/`,
    endpoint_microsoft_graph_resource_id: `${authorityUrl}/graph/`,
    suffix_keyvault_dns: `.${keyVaultDnsSuffix}`,
    suffix_mhsm_dns: `.${keyVaultDnsSuffix.replace(/^vault/, 'managedhsm')}`,
    subscription: subscriptionId,
  };
  const lines = Object.entries(cloud).map(([name, value]) => `${name} = ${value}`);
  return `[${AZ_CLOUD}]\n${lines.join('\n')}\n`;
}

/** Lines for `eval` in a POSIX shell. */
export function shellExports(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('');
}
