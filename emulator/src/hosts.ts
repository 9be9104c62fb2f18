// Which host name is which service: the emulator's own names under localhost, and those of the public cloud, for
// clients whose traffic is intercepted. Ids and addresses in answers stand on the names that the request came by.

import type { Request } from './http/message.ts';

export type Place =
  | { service: 'entra' | 'arm' | 'graph' | 'aks' }
  | { service: 'vault'; name: string }
  | { service: 'none' };

/** Names of the public cloud that an interception must cover; vaults are one label below the last. */
export const PUBLIC_HOSTS = {
  entra: ['login.microsoftonline.com', 'login.microsoft.com', 'login.windows.net'],
  arm: 'management.azure.com',
  graph: 'graph.microsoft.com',
  vaultSuffix: 'vault.azure.net',
} as const;

const LOCAL_VAULT_SUFFIX = 'vault.localhost';

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** On localhost the first segment of the path tells the services apart. */
export function placeOf({ host, segments }: Pick<Request, 'host' | 'segments'>): Place {
  const vault = /^([^.]+)\.vault\.(?:localhost|azure\.net)$/.exec(host)?.[1];
  if (vault) return { service: 'vault', name: vault };
  if (host === PUBLIC_HOSTS.arm) return { service: 'arm' };
  if (host === PUBLIC_HOSTS.graph) return { service: 'graph' };
  if (PUBLIC_HOSTS.entra.some((name) => name === host)) return { service: 'entra' };
  if (!LOCAL_HOSTS.includes(host)) return { service: 'none' };
  switch (segments[0]?.toLowerCase()) {
    case 'aks':
      return { service: 'aks' };
    case 'graph':
      return { service: 'graph' };
    case 'subscriptions':
    case 'providers':
    case 'tenants':
    case 'metadata':
      return { service: 'arm' };
    default:
      return { service: 'entra' };
  }
}

/** Whether the request came by a name of the public cloud. */
export function isPublic({ host }: Pick<Request, 'host'>): boolean {
  return !host.endsWith('localhost') && !LOCAL_HOSTS.includes(host);
}

/** The addresses of the services as the sender of this request knows them. */
export function addressesFor(request: Pick<Request, 'host'>, httpsPort: number) {
  if (isPublic(request)) {
    const authority = `https://${PUBLIC_HOSTS.entra[0]}`;
    return {
      authority,
      loginEndpoint: `${authority}/`,
      arm: `https://${PUBLIC_HOSTS.arm}`,
      graph: `https://${PUBLIC_HOSTS.graph}/`,
      vaultSuffix: PUBLIC_HOSTS.vaultSuffix as string,
    };
  }
  const origin = `https://localhost:${httpsPort}`;
  return {
    authority: origin,
    // The path says AD FS, so that clients do not ask Microsoft whether they may trust this authority.
    loginEndpoint: `${origin}/adfs`,
    arm: origin,
    graph: `${origin}/graph/`,
    vaultSuffix: `${LOCAL_VAULT_SUFFIX}:${httpsPort}`,
  };
}

export interface Target {
  host: string;
  port: number;
}

/** Where the proxy leads a TLS connection: to the emulator's HTTPS port, or nowhere. */
export function tunnelTarget(
  { host, port }: Target,
  httpsPort: number,
  intercept: boolean,
): number | undefined {
  const place = placeOf({ host, segments: [] });
  if (place.service === 'none') return undefined;
  const wanted = isPublic({ host }) ? 443 : httpsPort;
  return port === wanted && (intercept || !isPublic({ host })) ? httpsPort : undefined;
}

/** Where the proxy leads a plain HTTP request: the metadata service's fixed address and the emulator's own are one. */
export function forwardTarget({ host, port }: Target, imdsPort: number): number | undefined {
  const isFixed = host === '169.254.169.254' && port === 80;
  const isOwn = LOCAL_HOSTS.includes(host) && port === imdsPort;
  return isFixed || isOwn ? imdsPort : undefined;
}
