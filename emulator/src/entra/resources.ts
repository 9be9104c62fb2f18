// Which resources (audiences) tokens can be had for. One table for Entra, IMDS, ARM and Key Vault.

export type ResourceKind = 'arm' | 'key-vault';

const ARM_AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'];
/** Key Vault's well-known application id stands for its URL. */
const KEY_VAULT_AUDIENCES = ['https://vault.azure.net', 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093'];

/** The service that a resource names, with or without a trailing slash; undefined: Entra does not know it. */
export function resourceKind(resource: string, httpsPort: number): ResourceKind | undefined {
  const bare = resource.toLowerCase().replace(/\/$/, '');
  if ([...ARM_AUDIENCES, `https://localhost:${httpsPort}`].includes(bare)) return 'arm';
  if ([...KEY_VAULT_AUDIENCES, `https://vault.localhost:${httpsPort}`].includes(bare)) return 'key-vault';
  return undefined;
}
