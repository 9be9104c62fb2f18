// Which resources (audiences) tokens can be had for. One table for Entra, IMDS, ARM, Graph and Key Vault.

export type ResourceKind = 'arm' | 'graph' | 'key-vault';

/** Well-known application ids stand for their URLs. */
const AUDIENCES: Record<ResourceKind, readonly string[]> = {
  arm: ['https://management.azure.com', 'https://management.core.windows.net'],
  graph: ['https://graph.microsoft.com', '00000003-0000-0000-c000-000000000000'],
  'key-vault': ['https://vault.azure.net', 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093'],
};

/** The service that a resource names, with or without a trailing slash; undefined: Entra does not know it. */
export function resourceKind(resource: string, httpsPort: number): ResourceKind | undefined {
  const bare = resource.toLowerCase().replace(/\/$/, '');
  const local: Record<ResourceKind, string> = {
    arm: `https://localhost:${httpsPort}`,
    graph: `https://localhost:${httpsPort}/graph`,
    'key-vault': `https://vault.localhost:${httpsPort}`,
  };
  return (['arm', 'graph', 'key-vault'] as const).find(
    (kind) => bare === local[kind] || AUDIENCES[kind].includes(bare),
  );
}
