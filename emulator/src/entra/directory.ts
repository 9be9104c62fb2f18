// Who exists in the tenant: service principals of applications and of managed identities.

import { randomUUID } from 'node:crypto';
import { CredentialBook } from './credentials.ts';

export interface ServicePrincipal {
  /** The `oid` of its tokens; role assignments and access policies name this one. */
  objectId: string;
  /** The application (client) id: the `appid` of its tokens. */
  clientId: string;
  displayName: string;
  kind: 'Application' | 'ManagedIdentity';
  /** ARM id of a user-assigned identity. */
  resourceId?: string;
}

export class Directory {
  readonly credentials = new CredentialBook();
  readonly #principals = new Map<string, ServicePrincipal>();

  add(entry: Omit<ServicePrincipal, 'objectId' | 'clientId'>): ServicePrincipal {
    const principal = { objectId: randomUUID(), clientId: randomUUID(), ...entry };
    this.#principals.set(principal.objectId, principal);
    return principal;
  }

  remove(objectId: string): void {
    this.#principals.delete(objectId);
    this.credentials.forget(objectId);
  }

  byObjectId(objectId: string): ServicePrincipal | undefined {
    return this.#principals.get(objectId.toLowerCase());
  }

  byClientId(clientId: string): ServicePrincipal | undefined {
    const wanted = clientId.toLowerCase();
    return [...this.#principals.values()].find((principal) => principal.clientId === wanted);
  }

  byResourceId(resourceId: string): ServicePrincipal | undefined {
    const wanted = resourceId.toLowerCase();
    return [...this.#principals.values()].find((principal) => principal.resourceId?.toLowerCase() === wanted);
  }
}
