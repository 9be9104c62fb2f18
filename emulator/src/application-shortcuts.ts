// Shortcuts for tests: applications and what they prove themselves with, federated credentials, tokens of the AKS issuer.

import { randomUUID } from 'node:crypto';
import type { AksIssuer, AksTokenRequest } from './aks/issuer.ts';
import { putFederated } from './arm/federated.ts';
import { type Clock, epochSeconds } from './clock.ts';
import { FEDERATED_AUDIENCE, type NewSecret } from './entra/credentials.ts';
import type { Directory, ServicePrincipal } from './entra/directory.ts';

export interface Application {
  clientId: string;
  /** Object id of its service principal: what role assignments name. */
  principalId: string;
  /** The first secret, made with it. */
  clientSecret: string;
  /** Without a lifetime it does not expire; 0 makes one that has expired already. */
  addSecret(options?: { lifetimeSeconds?: number }): NewSecret;
  /** By id or by the secret itself; false when there is none. */
  removeSecret(idOrSecret: string): boolean;
  /** PEM of a certificate with an RSA key, see makeClientCertificate(). Returns its SHA-1 thumbprint in hex. */
  addCertificate(certificatePem: string): string;
  removeCertificate(thumbprint: string): boolean;
}

export interface NewFederatedCredential {
  /** Object id of an application's service principal or of a managed identity. */
  principal: string;
  /** Compared byte by byte; AKS issuers end in a slash. */
  issuer: string;
  /** For a service account: system:serviceaccount:namespace:name */
  subject: string;
  /** Default: api://AzureADTokenExchange. */
  audience?: string;
  /** Default: a fresh one. */
  name?: string;
}

export interface ApplicationShortcuts {
  /** Makes an application with one secret: a service principal without any right. */
  createApplication(name: string): Application;
  /** Deletes it: its id is unknown from then on. */
  deleteApplication(principalId: string): void;
  /** Returns its name. */
  addFederatedCredential(credential: NewFederatedCredential): string;
  removeFederatedCredential(principal: string, name: string): boolean;
  /** A service account's token as AKS projects it into a pod; its issuer is `aksIssuerUrl`. */
  aksToken(request: AksTokenRequest): Promise<string>;
  /** The AKS issuer gets a new signing key; tokens of the old one are no longer believed. */
  rotateAksKey(): void;
}

export function applicationShortcuts(parts: {
  directory: Directory;
  aks: AksIssuer;
  clock: Clock;
}): ApplicationShortcuts {
  const { directory, aks, clock } = parts;
  return {
    createApplication: (name) => createApplication(directory, clock, name),
    deleteApplication: (principalId) => directory.remove(principalId),
    addFederatedCredential({ principal, issuer, subject, audience, name }) {
      const { clientId } = existing(directory, principal);
      const credential = {
        name: name ?? `credential-${randomUUID().slice(0, 8)}`,
        issuer,
        subject,
        audiences: [audience ?? FEDERATED_AUDIENCE],
      };
      putFederated(directory.credentials, clientId, credential);
      return credential.name;
    },
    removeFederatedCredential: (principal, name) =>
      directory.credentials.removeFederated(existing(directory, principal).clientId, name),
    aksToken: (request) => aks.token(request),
    rotateAksKey: () => aks.rotateKey(),
  };
}

function existing(directory: Directory, principalId: string): ServicePrincipal {
  const found = directory.byObjectId(principalId);
  if (!found) throw new Error(`no principal ${principalId}`);
  return found;
}

export function createApplication(directory: Directory, clock: Clock, name: string): Application {
  const { objectId, clientId } = directory.add({ displayName: name, kind: 'Application' });
  const { credentials } = directory;
  return {
    clientId,
    principalId: objectId,
    clientSecret: credentials.addSecret(clientId).secret,
    addSecret({ lifetimeSeconds } = {}) {
      const expires = lifetimeSeconds === undefined ? undefined : epochSeconds(clock) + lifetimeSeconds;
      return credentials.addSecret(clientId, { expires });
    },
    removeSecret: (idOrSecret) => credentials.removeSecret(clientId, idOrSecret),
    addCertificate: (pem) => credentials.addCertificate(clientId, pem).thumbprint,
    removeCertificate: (thumbprint) => credentials.removeCertificate(clientId, thumbprint),
  };
}
