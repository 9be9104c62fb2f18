// What Graph answers: objects of the directory.

import type {
  ClientCertificate,
  CredentialBook,
  FederatedCredential,
  SecretNote,
} from '../entra/credentials.ts';
import type { Application, ServicePrincipal } from '../entra/directory.ts';

export function renderPrincipal(principal: ServicePrincipal, tenantId: string) {
  return {
    id: principal.objectId,
    appId: principal.clientId,
    accountEnabled: true,
    alternativeNames: principal.resourceId ? ['isExplicit=True', principal.resourceId] : [],
    appDisplayName: principal.kind === 'Application' ? principal.displayName : null,
    appOwnerOrganizationId: principal.kind === 'Application' ? tenantId : null,
    displayName: principal.displayName,
    servicePrincipalNames: principalNames(principal),
    servicePrincipalType: principal.kind,
    keyCredentials: [],
    passwordCredentials: [],
    tags: [],
  };
}

/** A managed identity has a URL of its own as well. */
export function principalNames({ clientId, kind }: ServicePrincipal): string[] {
  return kind === 'ManagedIdentity' ? [clientId, `https://identity.azure.net/${clientId}`] : [clientId];
}

export function renderApplication(application: Application, credentials: CredentialBook) {
  const { clientId } = application;
  return {
    id: application.objectId,
    appId: clientId,
    displayName: application.displayName,
    identifierUris: application.identifierUris,
    signInAudience: 'AzureADMyOrg',
    passwordCredentials: credentials.secrets(clientId).map(renderSecret),
    keyCredentials: credentials.certificates(clientId).map(renderCertificate),
    requiredResourceAccess: [],
    tags: [],
  };
}

export function renderSecret(note: SecretNote) {
  return {
    customKeyIdentifier: null,
    displayName: note.displayName ?? null,
    endDateTime: time(note.expires),
    hint: note.hint,
    keyId: note.id,
    secretText: null,
    startDateTime: time(note.created),
  };
}

export function renderFederated(credential: FederatedCredential) {
  return { id: credential.name, description: null, ...credential };
}

function renderCertificate(certificate: ClientCertificate) {
  return {
    customKeyIdentifier: certificate.thumbprint,
    displayName: null,
    endDateTime: time(certificate.notAfter),
    key: null,
    keyId: certificate.thumbprint,
    startDateTime: time(certificate.notBefore),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  };
}

function time(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString();
}
