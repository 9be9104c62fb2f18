// Key Vault's data plane over HTTP: one line per route, one order of steps: vault, token, right, input, act.

import { randomUUID } from 'node:crypto';
import { type Clock, epochSeconds } from '../clock.ts';
import type { Entra } from '../entra/domain.ts';
import { type Answer, queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import type { RoleBook } from '../rbac/domain.ts';
import type { Settings } from '../settings.ts';
import { authorize, SECRET_OPERATIONS } from './access.ts';
import { authenticate } from './authenticate.ts';
import { badParameter, checkSecretName, readNewSecret, readSecretChange } from './bodies.ts';
import { deletedBundle, listPage, secretBundle, secretItem } from './render.ts';
import { newest, type SecretVersion } from './secrets.ts';
import type { Vault } from './vault.ts';

export interface KeyVaultParts {
  vaults: { byName(name: string): Vault | undefined };
  roles: RoleBook;
  entra: Entra;
  settings: Settings;
  clock: Clock;
}

interface Context {
  parts: KeyVaultParts;
  request: Request;
  vault: Vault;
  /** Empty for lists. */
  name: string;
  version: string | undefined;
}

interface Route {
  method: string;
  /** `:name` and `:version` match any segment; words match without regard to case. */
  pattern: string;
  operation: keyof typeof SECRET_OPERATIONS;
  run(context: Context): Reply;
}

/** Also read by the test that tries each operation without token, with the wrong audience, role and scope. */
export const SECRET_ROUTES: readonly Route[] = [
  { method: 'PUT', pattern: 'secrets/:name', operation: 'set', run: setSecret },
  { method: 'GET', pattern: 'secrets', operation: 'list', run: listSecrets },
  { method: 'GET', pattern: 'secrets/:name', operation: 'get', run: getSecret },
  { method: 'GET', pattern: 'secrets/:name/versions', operation: 'list', run: listVersions },
  { method: 'GET', pattern: 'secrets/:name/:version', operation: 'get', run: getSecret },
  { method: 'PATCH', pattern: 'secrets/:name', operation: 'update', run: updateSecret },
  { method: 'PATCH', pattern: 'secrets/:name/:version', operation: 'update', run: updateSecret },
  { method: 'DELETE', pattern: 'secrets/:name', operation: 'delete', run: deleteSecret },
  { method: 'GET', pattern: 'deletedsecrets', operation: 'list', run: listDeleted },
  { method: 'GET', pattern: 'deletedsecrets/:name', operation: 'getDeleted', run: getDeleted },
  { method: 'POST', pattern: 'deletedsecrets/:name/recover', operation: 'recover', run: recoverSecret },
  { method: 'DELETE', pattern: 'deletedsecrets/:name', operation: 'purge', run: purgeSecret },
];

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
  const caller = await authenticate(request, vault, parts.entra.tokens, parts.entra.httpsPort);
  if (!queryValue(request, 'api-version')) throw badParameter('api-version must be specified');
  const { route, name, version } = findRoute(request);
  const operation = SECRET_OPERATIONS[route.operation];
  request.trace.action = `Microsoft.KeyVault/vaults/${operation.action}`;
  authorize(vault, parts.roles, caller, operation, name ? `secrets/${name}` : undefined);
  if (name) checkSecretName(name);
  return route.run({ parts, request, vault, name, version });
}

function findRoute(request: Request): { route: Route; name: string; version: string | undefined } {
  const [first = ''] = request.segments;
  const matching = SECRET_ROUTES.filter((route) => matches(route.pattern, request.segments));
  if (matching.length === 0) {
    const later = /^(deleted)?(keys|certificates|storage)$|^rng$/i.test(first) || request.segments.length > 1;
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
  const [, name = '', third] = request.segments;
  return { route, name, version: route.pattern.endsWith(':version') ? third : undefined };
}

function matches(pattern: string, segments: string[]): boolean {
  const parts = pattern.split('/');
  return (
    parts.length === segments.length &&
    parts.every((part, index) => part.startsWith(':') || part === segments[index]?.toLowerCase())
  );
}

function setSecret({ request, vault, name }: Context): Reply {
  const { secret, version } = vault.secrets.set(name, readNewSecret(request.body));
  return ok(secretBundle(request, vault, secret.name, version));
}

function getSecret({ parts, request, vault, name, version }: Context): Reply {
  const found = vault.secrets.find(name, version);
  checkReadable(parts, found.version);
  return ok(secretBundle(request, vault, found.secret.name, found.version));
}

function checkReadable({ settings, clock }: KeyVaultParts, { attributes }: SecretVersion): void {
  const forbid = (state: string, innerCode: string) =>
    new ServiceError(403, 'Forbidden', `Operation get is not allowed on ${state} secret.`, { innerCode });
  if (!attributes.enabled) throw forbid('a disabled', 'SecretDisabled');
  if (settings.secretValidity !== 'enforced') return;
  const now = epochSeconds(clock);
  if (attributes.nbf !== undefined && now < attributes.nbf)
    throw forbid('a not yet valid', 'SecretNotYetValid');
  if (attributes.exp !== undefined && now >= attributes.exp) throw forbid('an expired', 'SecretExpired');
}

function updateSecret({ request, vault, name, version }: Context): Reply {
  const found = vault.secrets.update(name, version, readSecretChange(request.body));
  const { value: _, ...bundle } = secretBundle(request, vault, found.secret.name, found.version);
  return ok(bundle);
}

function listSecrets({ request, vault }: Context): Reply {
  const items = vault.secrets.list().map((secret) => secretItem(request, vault, secret.name, newest(secret)));
  return ok(listPage(request, items));
}

function listVersions({ request, vault, name }: Context): Reply {
  const secret = vault.secrets.versions(name);
  const items = secret.versions.map((version) => ({
    ...secretItem(request, vault, secret.name, version),
    id: secretBundle(request, vault, secret.name, version).id,
  }));
  return ok(listPage(request, items));
}

function deleteSecret({ request, vault, name }: Context): Reply {
  return ok(deletedBundle(request, vault, vault.secrets.delete(name, vault.retentionDays)));
}

function getDeleted({ request, vault, name }: Context): Reply {
  return ok(deletedBundle(request, vault, vault.secrets.deleted(name)));
}

function listDeleted({ request, vault }: Context): Reply {
  const items = vault.secrets.listDeleted().map((secret) => ({
    ...deletedBundle(request, vault, secret),
    id: secretItem(request, vault, secret.name, newest(secret)).id,
  }));
  return ok(listPage(request, items));
}

function recoverSecret({ request, vault, name }: Context): Reply {
  const secret = vault.secrets.recover(name);
  const { value: _, ...bundle } = secretBundle(request, vault, secret.name, newest(secret));
  return ok(bundle);
}

function purgeSecret({ vault, name }: Context): Reply {
  if (vault.purgeProtection) {
    throw new ServiceError(
      403,
      'Forbidden',
      'Operation "purge" is not allowed because purge protection is enabled for this vault.',
      {
        innerCode: 'ForbiddenByPolicy',
      },
    );
  }
  vault.secrets.purge(name);
  return { status: 204 };
}

function ok(body: unknown): Reply {
  return { status: 200, body };
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
