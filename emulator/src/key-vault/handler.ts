// Key Vault's data plane over HTTP: one order of steps: vault, token, route, right, input, act.

import { randomUUID } from 'node:crypto';
import { type Answer, queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import { authorize, neededRight, type Operation } from './access.ts';
import { authenticate } from './authenticate.ts';
import { badParameter, checkObjectName } from './bodies.ts';
import { KEY_ROUTES } from './key-routes.ts';
import { checkNetwork } from './network.ts';
import { checkFailover, checkRegion } from './region.ts';
import type { KeyVaultParts, Route } from './routes.ts';
import { SECRET_ROUTES } from './secret-routes.ts';
import { costOf } from './throttle.ts';
import type { Vault } from './vault.ts';

export const VAULT_ROUTES: readonly Route[] = [...SECRET_ROUTES, ...KEY_ROUTES];

/** Handles one request for the vault of that name. */
export function keyVaultHandler(
  parts: KeyVaultParts,
): (request: Request, vaultName: string) => Promise<Answer> {
  return async (request, vaultName) => {
    const vault = parts.vaults.byName(vaultName);
    if (!vault) {
      request.trace.reason = 'no such vault';
      if (parts.settings.unknownVault === 'drop') return 'drop';
      return {
        status: 404,
        body: { error: { code: 'VaultNotFound', message: `No vault ${vaultName} is known here.` } },
      };
    }
    const headers = responseHeaders(request, vault);
    try {
      checkRegion(parts.settings);
      const reply = await answer(parts, request, vault);
      return { ...reply, headers: { ...headers, ...reply.headers } };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      request.trace.reason = error.innerCode ?? error.code;
      return { status: error.status, headers: { ...headers, ...error.headers }, body: errorBody(error) };
    }
  };
}

async function answer(parts: KeyVaultParts, request: Request, vault: Vault): Promise<Reply> {
  const caller = await authenticate(request, vault, parts);
  checkNetwork(vault, caller);
  if (!queryValue(request, 'api-version')) throw badParameter('api-version must be specified');
  const { route, name, version } = findRoute(request);
  const { operation } = route;
  request.trace.action = `Microsoft.KeyVault/vaults/${operation.action}`;
  authorize(vault, parts.roles, caller, neededRight(operation, parts.settings), name || undefined);
  checkFailover(parts.settings, operation);
  checkThrottle(parts, vault, { operation, name, version });
  if (name) checkObjectName(name);
  if (operation.kind === 'keys' && (await vault.keys.rotateDue()) > 0) parts.save();
  return route.run({ parts, request, vault, name, version });
}

function checkThrottle(
  { throttle, clock }: KeyVaultParts,
  vault: Vault,
  asked: { operation: Operation; name: string; version: string | undefined },
): void {
  const key = vault.keys.lookup(asked.name, asked.version);
  const wait = throttle.take(vault.name, costOf(asked.operation, key), clock.now());
  if (wait === undefined) return;
  throw new ServiceError(
    429,
    'Throttled',
    'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached',
    { headers: { 'retry-after': String(wait) } },
  );
}

export function findRoute(request: Request): { route: Route; name: string; version: string | undefined } {
  const [first = ''] = request.segments;
  const matching = VAULT_ROUTES.filter((route) => matches(route.pattern, request.segments));
  if (matching.length === 0) {
    const later = /^(deleted)?(certificates|storage)$|^rng$/i.test(first) || request.segments.length > 1;
    throw later
      ? new ServiceError(
          501,
          'NotImplemented',
          `This emulator does not have ${request.method} ${request.path} yet.`,
        )
      : new ServiceError(404, 'NotFound', `There is nothing at ${request.path}.`);
  }
  const route = matching.find((candidate) => candidate.method === request.method);
  if (!route) throw new ServiceError(405, 'MethodNotAllowed', `${request.method} is not allowed here.`);
  const at = (part: string) => {
    const index = route.pattern.split('/').indexOf(part);
    return index < 0 ? undefined : request.segments[index];
  };
  return { route, name: at(':name') ?? '', version: at(':version') };
}

function matches(pattern: string, segments: string[]): boolean {
  const parts = pattern.split('/');
  return (
    parts.length === segments.length &&
    parts.every((part, index) => part.startsWith(':') || part === segments[index]?.toLowerCase())
  );
}

function errorBody(error: ServiceError) {
  const inner = error.innerCode ? { innererror: { code: error.innerCode } } : {};
  return { error: { code: error.code, message: error.message, ...inner } };
}

/** The headers that every answer of the data plane carries. */
export function responseHeaders(request: Request, vault: Vault): Record<string, string> {
  const clientRequestId = request.headers['x-ms-client-request-id'];
  return {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    'x-ms-keyvault-region': vault.location,
    'x-ms-request-id': randomUUID(),
    ...(clientRequestId ? { 'x-ms-client-request-id': clientRequestId } : {}),
    'x-ms-keyvault-service-version': '0.0.0.0-emulator',
    'x-ms-keyvault-network-info': `conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;`,
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000;includeSubDomains',
  };
}
