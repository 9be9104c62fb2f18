// The document that says where a cloud's services are: `az cloud register` reads it, before anybody has signed in.

import { addressesFor } from '../hosts.ts';
import type { Reply, Request } from '../http/message.ts';

export function isMetadataRequest({ method, segments }: Request): boolean {
  return method === 'GET' && segments.join('/').toLowerCase() === 'metadata/endpoints';
}

/** Source: the shape that az 2.74 to 2.91 reads at api-version 2022-09-01. */
export function cloudMetadata(request: Request, tenantId: string, httpsPort: number): Reply {
  const { loginEndpoint, arm, graph, vaultSuffix } = addressesFor(request, httpsPort);
  return {
    status: 200,
    body: {
      name: 'LocalAzure',
      portal: arm,
      authentication: {
        loginEndpoint,
        audiences: ['https://management.core.windows.net/', 'https://management.azure.com/'],
        tenant: tenantId,
        identityProvider: 'AAD',
      },
      graph,
      graphAudience: graph,
      microsoftGraphResourceId: graph,
      resourceManager: `${arm}/`,
      suffixes: {
        keyVaultDns: vaultSuffix,
        // No Managed HSM is here; a name that leads nowhere keeps its clients from asking Microsoft.
        mhsmDns: `managedhsm.localhost:${httpsPort}`,
        storage: 'storage.localhost',
      },
    },
  };
}
