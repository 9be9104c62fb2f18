// Federated credentials: what they must look like, and the limits of one identity or application.

import { type CredentialBook, FEDERATED_MAX, type FederatedCredential } from '../entra/credentials.ts';
import { asObject, ServiceError } from '../http/message.ts';
import { readBody } from './bodies.ts';

/** Azure's limit for issuer, subject and audience. */
const CHARS_MAX = 600;

export function readFederated(body: Buffer): Omit<FederatedCredential, 'name'> {
  const properties = asObject(readBody(body)['properties']);
  if (!properties) throw invalid("The parameter 'properties' is missing.");
  const { audiences } = properties;
  if (!Array.isArray(audiences) || audiences.length !== 1) {
    throw invalid("'audiences' must be a list with exactly one entry.");
  }
  return {
    issuer: readText(properties['issuer'], 'issuer'),
    subject: readText(properties['subject'], 'subject'),
    audiences: [readText(audiences[0], 'audiences')],
  };
}

/** Adds or replaces; true when it is new. Throws ServiceError. */
export function putFederated(
  credentials: CredentialBook,
  clientId: string,
  credential: FederatedCredential,
): boolean {
  const { name, issuer, subject } = credential;
  if (!/^[a-z0-9][\w-]{2,119}$/i.test(name)) {
    throw invalid(`The name '${name}' must have 3 to 120 letters, digits, hyphens and underscores.`);
  }
  // Entra wants https; http is let through here for issuers that tests run on loopback.
  if (!URL.canParse(issuer) || !/^https?:\/\//.test(issuer)) throw invalid("'issuer' must be a URL.");
  const others = credentials
    .federated(clientId)
    .filter((other) => other.name.toLowerCase() !== name.toLowerCase());
  if (others.some((other) => other.issuer === issuer && other.subject === subject)) {
    throw new ServiceError(
      409,
      'Conflict',
      'Issuer and subject combination already exists for this Managed Identity.',
    );
  }
  if (others.length >= FEDERATED_MAX) {
    throw invalid(`At most ${FEDERATED_MAX} federated identity credentials are allowed.`);
  }
  const created = others.length === credentials.federated(clientId).length;
  credentials.putFederated(clientId, credential);
  return created;
}

function readText(given: unknown, name: string): string {
  if (typeof given !== 'string' || given === '' || given.length > CHARS_MAX) {
    throw invalid(`'${name}' must be a text of 1 to ${CHARS_MAX} characters.`);
  }
  return given;
}

function invalid(message: string): ServiceError {
  return new ServiceError(400, 'BadRequest', message);
}
