// The cluster's issuer over HTTP: discovery and key set, readable by anyone.

import type { Reply, Request } from '../http/message.ts';
import type { AksIssuer } from './issuer.ts';

export function aksHandler(issuer: AksIssuer): (request: Request) => Promise<Reply> {
  return async (request) => {
    if (request.method !== 'GET') return refusal(405, 'method not allowed');
    switch (request.segments.join('/').toLowerCase()) {
      case `${issuer.path}/.well-known/openid-configuration`:
        return { status: 200, body: issuer.discoveryDocument() };
      case `${issuer.path}/openid/v1/jwks`:
        return { status: 200, body: await issuer.keySet() };
      default:
        return refusal(404, 'there is no such issuer');
    }
  };
}

function refusal(status: number, error: string): Reply {
  return { status, body: { error } };
}
