// Who exists in the tenant: service principals of applications (with secrets) and of managed identities.

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

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
  readonly #principals = new Map<string, ServicePrincipal>();
  /** By object id: SHA-256 of each valid client secret. The secrets themselves are not kept. */
  readonly #secretHashes = new Map<string, Buffer[]>();

  add(entry: Omit<ServicePrincipal, 'objectId' | 'clientId'>): ServicePrincipal {
    const principal = { objectId: randomUUID(), clientId: randomUUID(), ...entry };
    this.#principals.set(principal.objectId, principal);
    return principal;
  }

  remove(objectId: string): void {
    this.#principals.delete(objectId);
    this.#secretHashes.delete(objectId);
  }

  /** Makes a client secret; this return value is the only place where it can be read. */
  addSecret(objectId: string): string {
    const secret = randomBytes(30).toString('base64url');
    this.#secretHashes.set(objectId, [...(this.#secretHashes.get(objectId) ?? []), hash(secret)]);
    return secret;
  }

  /** Compares in constant time per secret. */
  secretMatches(objectId: string, secret: string): boolean {
    const given = hash(secret);
    return (this.#secretHashes.get(objectId) ?? []).some((kept) => timingSafeEqual(kept, given));
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

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
