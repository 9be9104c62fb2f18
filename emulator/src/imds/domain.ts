// The machine and the managed identities attached to it.

import { randomBytes } from 'node:crypto';
import type { Directory, ServicePrincipal } from '../entra/directory.ts';
import { ServiceError } from '../http/message.ts';

/** How a caller names the identity it wants; none of them means "the machine's own". */
export interface IdentitySelector {
  clientId?: string;
  objectId?: string;
  resourceId?: string;
}

export class Machine {
  readonly #directory: Directory;
  readonly #attached = new Set<string>();
  systemAssigned: ServicePrincipal;

  /** What an App Service's programs prove with that they run on it. */
  readonly identityHeader = randomBytes(18).toString('base64url');

  constructor(directory: Directory, name = 'machine') {
    this.#directory = directory;
    this.systemAssigned = directory.add({
      displayName: `${name} (system-assigned)`,
      kind: 'ManagedIdentity',
    });
    this.attach(this.systemAssigned.objectId);
  }

  attach(objectId: string): void {
    this.#attached.add(objectId.toLowerCase());
  }

  /** Returns whether it was attached. */
  detach(objectId: string): boolean {
    return this.#attached.delete(objectId.toLowerCase());
  }

  dump() {
    return { attached: [...this.#attached], systemAssigned: this.systemAssigned.objectId };
  }

  /** After the directory has been loaded. */
  load(state: ReturnType<Machine['dump']>): void {
    const own = this.#directory.byObjectId(state.systemAssigned);
    if (!own) throw new Error("the machine's own identity is not in the directory");
    this.systemAssigned = own;
    this.#attached.clear();
    for (const objectId of state.attached) this.#attached.add(objectId);
  }

  /** Attached identities that still exist. */
  attached(): ServicePrincipal[] {
    return [...this.#attached].flatMap((objectId) => this.#directory.byObjectId(objectId) ?? []);
  }

  /**
   * Picks the identity of a token request; throws ServiceError 400. Without a selector: the system-assigned one,
   * else the only user-assigned one, else it cannot be told.
   */
  select(selector: IdentitySelector): ServicePrincipal {
    const given = [selector.clientId, selector.objectId, selector.resourceId].filter(
      (value) => value !== undefined,
    );
    if (given.length > 1) {
      throw badRequest('Only one of client_id, object_id and msi_res_id may be given');
    }
    const attached = this.attached();
    if (given.length === 0) {
      const own = attached.find((identity) => identity.objectId === this.systemAssigned.objectId);
      if (own) return own;
      const [first, second] = attached;
      if (second)
        throw badRequest(
          'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
        );
      if (first) return first;
      throw badRequest('Identity not found');
    }
    const found = attached.find(
      (identity) =>
        identity.clientId === selector.clientId?.toLowerCase() ||
        identity.objectId === selector.objectId?.toLowerCase() ||
        (selector.resourceId !== undefined &&
          identity.resourceId?.toLowerCase() === selector.resourceId.toLowerCase()),
    );
    if (!found) throw badRequest('Identity not found');
    return found;
  }
}

function badRequest(description: string): ServiceError {
  return new ServiceError(400, 'invalid_request', description);
}
