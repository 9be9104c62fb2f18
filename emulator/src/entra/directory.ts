// Who exists in the tenant: applications, and the service principals of applications and of managed identities.

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

/** An application's registration: it holds the credentials, its service principal holds the rights. */
export interface Application {
  /** Of the registration; not that of its service principal. */
  objectId: string;
  clientId: string;
  displayName: string;
  identifierUris: string[];
}

export class Directory {
  readonly credentials = new CredentialBook();
  /** Object ids of who may read and change the directory by Graph. */
  readonly administrators = new Set<string>();
  readonly #principals = new Map<string, ServicePrincipal>();
  readonly #applications = new Map<string, Application>();

  /** For an application the registration is made with it. */
  add(entry: Omit<ServicePrincipal, 'objectId' | 'clientId'>): ServicePrincipal {
    const clientId = entry.kind === 'Application' ? this.register(entry.displayName).clientId : randomUUID();
    return this.#put({ objectId: randomUUID(), clientId, ...entry });
  }

  /** A registration alone: without a service principal it can neither sign in nor hold a role. */
  register(displayName: string, identifierUris: string[] = []): Application {
    const application = { objectId: randomUUID(), clientId: randomUUID(), displayName, identifierUris };
    this.#applications.set(application.objectId, application);
    return application;
  }

  /** The service principal of a registration; there must be none yet. */
  instantiate({ clientId, displayName }: Application): ServicePrincipal {
    return this.#put({ objectId: randomUUID(), clientId, displayName, kind: 'Application' });
  }

  /** Takes the principal, its registration and its credentials. */
  remove(objectId: string): void {
    const principal = this.byObjectId(objectId);
    if (!principal) return;
    this.removePrincipal(objectId);
    const application = this.applicationOf(principal.clientId);
    if (application) this.#applications.delete(application.objectId);
    this.credentials.forget(principal.clientId);
  }

  /** The service principal alone: its application and the credentials stay. */
  removePrincipal(objectId: string): void {
    this.#principals.delete(objectId.toLowerCase());
    this.administrators.delete(objectId.toLowerCase());
  }

  removeApplication({ objectId, clientId }: Application): void {
    this.#applications.delete(objectId);
    const principal = this.byClientId(clientId);
    if (principal) this.removePrincipal(principal.objectId);
    this.credentials.forget(clientId);
  }

  principals(): ServicePrincipal[] {
    return [...this.#principals.values()];
  }

  applications(): Application[] {
    return [...this.#applications.values()];
  }

  byObjectId(objectId: string): ServicePrincipal | undefined {
    return this.#principals.get(objectId.toLowerCase());
  }

  byClientId(clientId: string): ServicePrincipal | undefined {
    const wanted = clientId.toLowerCase();
    return this.principals().find((principal) => principal.clientId === wanted);
  }

  byResourceId(resourceId: string): ServicePrincipal | undefined {
    const wanted = resourceId.toLowerCase();
    return this.principals().find((principal) => principal.resourceId?.toLowerCase() === wanted);
  }

  /** By the object id of the registration. */
  application(objectId: string): Application | undefined {
    return this.#applications.get(objectId.toLowerCase());
  }

  applicationOf(clientId: string): Application | undefined {
    const wanted = clientId.toLowerCase();
    return this.applications().find((application) => application.clientId === wanted);
  }

  dump() {
    return {
      principals: this.principals(),
      applications: this.applications(),
      administrators: [...this.administrators],
      credentials: this.credentials.dump(),
    };
  }

  load(state: ReturnType<Directory['dump']>): void {
    this.#principals.clear();
    for (const principal of state.principals) this.#put(principal);
    this.#applications.clear();
    for (const application of state.applications) this.#applications.set(application.objectId, application);
    this.administrators.clear();
    for (const objectId of state.administrators) this.administrators.add(objectId);
    this.credentials.load(state.credentials);
  }

  #put(principal: ServicePrincipal): ServicePrincipal {
    this.#principals.set(principal.objectId, principal);
    return principal;
  }
}
