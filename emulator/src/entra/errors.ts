// AADSTS errors: numbers and texts that clients match. Source: Microsoft's list of AADSTS error codes.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/message.ts';

export class AadstsError extends Error {
  override readonly name = 'AadstsError';
  readonly number: number;
  /** The OAuth error (RFC 6749 5.2). */
  readonly error: string;
  readonly status: number;

  constructor(number: number, error: string, status: number, message: string) {
    super(message);
    this.number = number;
    this.error = error;
    this.status = status;
  }
}

const FEDERATED_NUMBERS = { issuer: 700211, audience: 700212, subject: 700213 } as const;

export const aadsts = {
  tenantNotFound: (tenant: string) =>
    new AadstsError(
      90002,
      'invalid_request',
      400,
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`,
    ),
  missingParameter: (name: string) =>
    new AadstsError(
      900144,
      'invalid_request',
      400,
      `The request body must contain the following parameter: '${name}'.`,
    ),
  unsupportedGrant: (grant: string) =>
    new AadstsError(
      70003,
      'unsupported_grant_type',
      400,
      `The app requested an unsupported grant type '${grant}'.`,
    ),
  unknownApplication: (clientId: string, tenant: string) =>
    new AadstsError(
      700016,
      'unauthorized_client',
      400,
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'.`,
    ),
  noServicePrincipal: (clientId: string, tenant: string) =>
    new AadstsError(
      7000229,
      'unauthorized_client',
      400,
      `The client application ${clientId} is missing service principal in the tenant ${tenant}.`,
    ),
  noCredential: () =>
    new AadstsError(
      7000218,
      'invalid_client',
      401,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
  wrongSecret: (clientId: string) =>
    new AadstsError(
      7000215,
      'invalid_client',
      401,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    ),
  expiredSecret: (clientId: string) =>
    new AadstsError(
      7000222,
      'invalid_client',
      401,
      `The provided client secret keys for app '${clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    ),
  malformedAssertion: () =>
    new AadstsError(50027, 'invalid_request', 400, 'JWT token is invalid or malformed.'),
  assertionForOtherApplication: (subject: string, clientId: string) =>
    new AadstsError(
      700021,
      'invalid_client',
      401,
      `Client assertion application identifier '${subject}' doesn't match 'client_id' parameter '${clientId}'.`,
    ),
  wrongAssertionAudience: (audience: string) =>
    new AadstsError(
      700023,
      'invalid_client',
      401,
      `Client assertion audience claim '${audience}' does not match Realm issuer.`,
    ),
  assertionOutsideTime: (nowSeconds: number, notBefore: number, expires: number) =>
    new AadstsError(
      700024,
      'invalid_client',
      401,
      `Client assertion is not within its valid time range. Current time: ${iso(nowSeconds)}, assertion valid from ${iso(notBefore)}, expiry time of assertion ${iso(expires)}.`,
    ),
  badSignature: (reason: string, thumbprint: string) =>
    new AadstsError(
      700027,
      'invalid_client',
      401,
      `The certificate with identifier used to sign the client assertion is not registered on application or is not usable. [Reason - ${reason}, Thumbprint of key used by client: '${thumbprint}']`,
    ),
  noFederatedRecord: (issuer: string, subject: string, audience: string) =>
    new AadstsError(
      70021,
      'invalid_request',
      400,
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${issuer}'. Assertion Subject: '${subject}'. Assertion Audience: '${audience}'.`,
    ),
  federatedMismatch: (claim: keyof typeof FEDERATED_NUMBERS, value: string) =>
    new AadstsError(
      FEDERATED_NUMBERS[claim],
      'invalid_client',
      401,
      `No matching federated identity record found for presented assertion ${claim} '${value}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.`,
    ),
  subjectDiffersByCase: (subject: string) =>
    new AadstsError(
      7002138,
      'invalid_client',
      401,
      `No matching federated identity record found for presented assertion subject '${subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison.`,
    ),
  issuerUnreachable: (detail: string) =>
    new AadstsError(90061, 'invalid_request', 400, `Request to External OIDC endpoint failed: ${detail}.`),
  badFederatedSignature: () =>
    new AadstsError(
      50013,
      'invalid_client',
      401,
      'Assertion failed signature validation. [Reason - The key was not found or does not fit.]',
    ),
  badScope: (scope: string) =>
    new AadstsError(
      1002012,
      'invalid_scope',
      400,
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    ),
  unknownResource: (resource: string, tenant: string) =>
    new AadstsError(
      500011,
      'invalid_resource',
      400,
      `The resource principal named ${resource} was not found in the tenant named ${tenant}.`,
    ),
};

/** The error body of the token endpoint. */
export function renderAadsts(error: AadstsError, clock: Clock): Reply {
  const traceId = randomUUID();
  const correlationId = randomUUID();
  const timestamp = new Date(clock.now()).toISOString().replace('T', ' ').replace(/\.\d+/, '');
  return {
    status: error.status,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    body: {
      error: error.error,
      error_description: `AADSTS${error.number}: ${error.message}\r\nTrace ID: ${traceId}\r\nCorrelation ID: ${correlationId}\r\nTimestamp: ${timestamp}`,
      error_codes: [error.number],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${error.number}`,
    },
  };
}

/** Claims are foreign input: a time that no calendar has is shown as the number it is. */
function iso(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}
