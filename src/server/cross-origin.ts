// CORS at the edge: what a browser is told about a request of another origin's page.
// https://fetch.spec.whatwg.org/#http-cors-protocol, Vault's API page /api-docs/system/config-cors.

import type { IncomingMessage } from 'node:http';
import { LatchkeyError } from '../base/errors.ts';
import type { CorsRules } from '../core/call.ts';
import { BareRefusal } from './status.ts';

const METHODS = ['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'LIST'];
/** How long a browser may remember the answer to a preflight, seconds. */
const REMEMBER_SECONDS = 300;

export interface CrossOrigin {
  readonly headers: Readonly<Record<string, string>>;
  /** The browser only asks; there is nothing to carry out. */
  readonly isPreflight: boolean;
}

/**
 * @throws LatchkeyError forbidden for an origin that the rules do not name.
 * @throws BareRefusal 405 for a preflight that asks for no method of ours.
 */
export function crossOrigin(
  rules: CorsRules,
  request: Pick<IncomingMessage, 'method' | 'headers'>,
): CrossOrigin {
  const { origin = '' } = request.headers;
  if (!isAllowed(rules, origin)) throw new LatchkeyError('forbidden', 'origin not allowed');
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': origin,
    Vary: 'Origin',
    ...(rules.credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
  };
  if (request.method !== 'OPTIONS') return { headers, isPreflight: false };
  const asked = request.headers['access-control-request-method'] ?? '';
  if (!METHODS.includes(asked)) throw new BareRefusal(405);
  return {
    headers: {
      ...headers,
      'Access-Control-Allow-Methods': METHODS.join(','),
      'Access-Control-Allow-Headers': rules.headers.join(','),
      'Access-Control-Max-Age': String(REMEMBER_SECONDS),
    },
    isPreflight: true,
  };
}

function isAllowed({ origins }: CorsRules, origin: string): boolean {
  return origins.includes('*') || origins.includes(origin);
}
