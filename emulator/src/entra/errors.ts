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
