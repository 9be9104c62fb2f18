// Who asks what, read off a request before it is handled: for faults alone. Nothing is checked here, so nothing may be
// granted by it.

import type { Subscription } from './arm/domain.ts';
import { operationFor } from './arm/handler.ts';
import type { Entra } from './entra/domain.ts';
import { bearerToken, jsonObject, queryValue, type Request } from './http/message.ts';
import type { Machine } from './imds/domain.ts';
import { findRoute } from './key-vault/handler.ts';

export interface Peek {
  /** Object id of who seems to ask. */
  principalId(target: string, request: Request): string | undefined;
  /** The action that seems to be asked for; of Entra and IMDS, the resource. */
  action(target: string, request: Request): string | undefined;
}

export function peeker(parts: { entra: Entra; machine: Machine; subscription: Subscription }): Peek {
  const { entra, machine } = parts;
  const byClientId = (clientId: string | null | undefined) =>
    clientId ? entra.directory.byClientId(clientId)?.objectId : undefined;
  return {
    principalId(target, request) {
      if (target === 'imds') {
        const clientId = queryValue(request, 'client_id');
        return clientId ? byClientId(clientId) : machine.systemAssigned.objectId;
      }
      if (target === 'entra') return byClientId(formOf(request).get('client_id'));
      const oid = claimsOf(request)?.['oid'];
      return typeof oid === 'string' ? oid.toLowerCase() : undefined;
    },
    action(target, request) {
      if (target === 'imds') return queryValue(request, 'resource');
      if (target === 'entra')
        return formOf(request).get('scope') ?? formOf(request).get('resource') ?? undefined;
      if (target === 'arm') return operationFor(request)?.action;
      if (target === 'graph' || target === 'aks') return request.path;
      try {
        return `Microsoft.KeyVault/vaults/${findRoute(request).route.operation.action}`;
      } catch {
        return undefined;
      }
    },
  };
}

function formOf(request: Request): URLSearchParams {
  return new URLSearchParams(request.body.toString('utf8'));
}

function claimsOf(request: Request): Record<string, unknown> | undefined {
  const payload = bearerToken(request)?.split('.')[1];
  return payload === undefined ? undefined : jsonObject(Buffer.from(payload, 'base64url'));
}
