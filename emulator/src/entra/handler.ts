// Entra over HTTP: discovery, key set and the token endpoints v2.0 and v1.

import type { Clock } from '../clock.ts';
import type { Reply, Request } from '../http/message.ts';
import { ASSERTION_TYPE } from './assertions.ts';
import type { Entra } from './domain.ts';
import { AadstsError, aadsts, renderAadsts } from './errors.ts';

/** Stands for the tenant's id wherever that is asked for. */
export const DEFAULT_DOMAIN = 'local.onmicrosoft.com';
/** The tenant of the AD FS form. */
const ADFS = 'adfs';

export function entraHandler(entra: Entra, clock: Clock): (request: Request) => Promise<Reply> {
  return async (request) => {
    try {
      return await route(entra, request);
    } catch (error) {
      if (!(error instanceof AadstsError)) throw error;
      request.trace.reason = `AADSTS${error.number}`;
      return renderAadsts(error, clock);
    }
  };
}

async function route(entra: Entra, request: Request): Promise<Reply> {
  const [tenant = '', ...rest] = request.segments.map((segment) => segment.toLowerCase());
  const path = rest.join('/');
  if (request.method === 'GET' && `${tenant}/${path}` === 'common/discovery/instance')
    return instanceDiscovery(request);
  if (tenant === ADFS) return routeAdfs(entra, request, path);
  switch (`${request.method} ${path}`) {
    case 'GET v2.0/.well-known/openid-configuration':
      return ok(discoveryDocument(entra, request, checkTenant(entra, tenant), '/v2.0'));
    case 'GET .well-known/openid-configuration':
      return ok(discoveryDocument(entra, request, checkTenant(entra, tenant), ''));
    case 'GET discovery/v2.0/keys':
    case 'GET discovery/keys':
      // The real key set is also served under `common`; keys are the tenant's either way.
      if (tenant !== 'common') checkTenant(entra, tenant);
      return ok(await entra.tokens.keySet());
    case 'POST oauth2/v2.0/token':
      checkTenant(entra, tenant);
      return token(entra, request, 'v2');
    case 'POST oauth2/token':
      checkTenant(entra, tenant);
      return token(entra, request, 'v1');
    default:
      return notFound();
  }
}

/**
 * The same authority in the form of AD FS, which names no tenant: clients of an authority of that form do not ask
 * Microsoft whether they may trust it. Its one token endpoint takes a scope or a resource.
 */
async function routeAdfs(entra: Entra, request: Request, path: string): Promise<Reply> {
  switch (`${request.method} ${path}`) {
    case 'GET .well-known/openid-configuration':
      return ok(discoveryDocument(entra, request, ADFS, ''));
    case 'GET discovery/keys':
      return ok(await entra.tokens.keySet());
    case 'POST oauth2/token':
    case 'POST oauth2/v2.0/token':
      return token(entra, request, 'adfs');
    default:
      return notFound();
  }
}

function checkTenant(entra: Entra, tenant: string): string {
  if (tenant !== entra.tenantId && tenant !== DEFAULT_DOMAIN) throw aadsts.tenantNotFound(tenant);
  return entra.tenantId;
}

/** Issuer and endpoints stand on the request's own host: MSAL refuses an issuer of another origin. */
function discoveryDocument(entra: Entra, request: Request, tenant: string, version: '' | '/v2.0') {
  const base = `https://${request.authority}/${tenant}`;
  return {
    token_endpoint: `${base}/oauth2${version}/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/discovery${version}/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: `${base}${version || '/'}`,
    authorization_endpoint: `${base}/oauth2${version}/authorize`,
    device_authorization_endpoint: `${base}/oauth2${version}/devicecode`,
    end_session_endpoint: `${base}/oauth2${version}/logout`,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'tid', 'ver', 'oid'],
    tenant_region_scope: null,
    cloud_instance_name: request.authority,
    access_token_issuer: entra.tokens.issuer,
  };
}

function instanceDiscovery(request: Request): Reply {
  const endpoint = request.query.get('authorization_endpoint') ?? '';
  const tenant = URL.canParse(endpoint) ? new URL(endpoint).pathname.split('/')[1] : undefined;
  return ok({
    tenant_discovery_endpoint: `https://${request.authority}/${tenant || 'common'}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [
      {
        preferred_network: request.authority,
        preferred_cache: request.authority,
        aliases: [request.authority],
      },
    ],
  });
}

async function token(entra: Entra, request: Request, version: 'v1' | 'v2' | 'adfs'): Promise<Reply> {
  const form = new URLSearchParams(request.body.toString('utf8'));
  const basic = basicCredentials(request);
  const grant = form.get('grant_type');
  if (!grant) throw aadsts.missingParameter('grant_type');
  if (grant !== 'client_credentials') throw aadsts.unsupportedGrant(grant);
  const clientId = form.get('client_id') ?? basic?.id;
  if (!clientId) throw aadsts.missingParameter('client_id');
  const byScope = version === 'v2' || (version === 'adfs' && !form.has('resource'));
  const resource = byScope ? resourceOfScope(form.get('scope')) : form.get('resource');
  if (!resource) throw aadsts.missingParameter('resource');
  const { principal, issued } = await entra.clientToken({
    clientId,
    clientSecret: form.get('client_secret') ?? basic?.secret,
    clientAssertion: readAssertion(form),
    resource,
  });
  request.trace.principalId = principal.objectId;
  const common = { token_type: 'Bearer', access_token: issued.token };
  const headers = { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' };
  if (version !== 'v1') {
    return ok({ ...common, expires_in: issued.expiresIn, ext_expires_in: issued.expiresIn }, headers);
  }
  return ok(
    {
      ...common,
      // The v1 endpoint sends its numbers as strings.
      expires_in: String(issued.expiresIn),
      ext_expires_in: String(issued.expiresIn),
      expires_on: String(issued.expiresOn),
      not_before: String(issued.notBefore),
      resource,
    },
    headers,
  );
}

function readAssertion(form: URLSearchParams): string | undefined {
  const assertion = form.get('client_assertion');
  if (!assertion) return undefined;
  if (form.get('client_assertion_type') !== ASSERTION_TYPE)
    throw aadsts.missingParameter('client_assertion_type');
  return assertion;
}

/**
 * The resource of a `.default` scope. Go adds ` openid offline_access profile`; exactly `/.default` is taken off,
 * because the double slash of `https://management.core.windows.net//.default` is meant.
 */
function resourceOfScope(scope: string | null): string {
  if (!scope) throw aadsts.missingParameter('scope');
  const wanted = scope.split(' ').filter((part) => part.endsWith('/.default'));
  const [only] = wanted;
  if (wanted.length !== 1 || only === undefined) throw aadsts.badScope(scope);
  return only.slice(0, -'/.default'.length);
}

/** RFC 6749 2.3.1: id and secret are form-encoded before they are joined. */
function basicCredentials(request: Request): { id: string; secret: string } | undefined {
  const encoded = /^basic +(\S+)$/i.exec(request.headers['authorization'] ?? '')?.[1];
  if (!encoded) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) return undefined;
  try {
    return {
      id: decodeURIComponent(pair.slice(0, colon).replaceAll('+', ' ')),
      secret: decodeURIComponent(pair.slice(colon + 1).replaceAll('+', ' ')),
    };
  } catch {
    return undefined;
  }
}

function notFound(): Reply {
  return {
    status: 404,
    body: { error: 'not_found', error_description: 'No such endpoint in this emulator.' },
  };
}

function ok(body: unknown, headers: Record<string, string> = {}): Reply {
  return { status: 200, headers: { 'access-control-allow-origin': '*', ...headers }, body };
}
