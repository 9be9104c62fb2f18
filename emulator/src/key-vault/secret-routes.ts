// The secrets API: one line per route.

import { epochSeconds } from '../clock.ts';
import { type Reply, ServiceError } from '../http/message.ts';
import { SECRET_OPERATIONS as RIGHTS } from './access.ts';
import { readBackup, seal } from './backup.ts';
import { readNewSecret, readSecretChange } from './bodies.ts';
import { newest } from './objects.ts';
import { deletedBundle, listPage, secretBundle, secretItem } from './render.ts';
import { type Context, checkPurgeable, type KeyVaultParts, ok, type Route } from './routes.ts';
import type { Secret, SecretVersion } from './secrets.ts';

/** Also read by the test that tries each operation without token, with the wrong audience, role and scope. */
export const SECRET_ROUTES: readonly Route[] = [
  { method: 'PUT', pattern: 'secrets/:name', operation: RIGHTS.set, run: setSecret },
  { method: 'GET', pattern: 'secrets', operation: RIGHTS.list, run: listSecrets },
  { method: 'GET', pattern: 'secrets/:name', operation: RIGHTS.get, run: getSecret },
  { method: 'GET', pattern: 'secrets/:name/versions', operation: RIGHTS.list, run: listVersions },
  { method: 'GET', pattern: 'secrets/:name/:version', operation: RIGHTS.get, run: getSecret },
  { method: 'PATCH', pattern: 'secrets/:name', operation: RIGHTS.update, run: updateSecret },
  { method: 'PATCH', pattern: 'secrets/:name/:version', operation: RIGHTS.update, run: updateSecret },
  { method: 'POST', pattern: 'secrets/:name/backup', operation: RIGHTS.backup, run: backupSecret },
  { method: 'POST', pattern: 'secrets/restore', operation: RIGHTS.restore, run: restoreSecret },
  { method: 'DELETE', pattern: 'secrets/:name', operation: RIGHTS.delete, run: deleteSecret },
  { method: 'GET', pattern: 'deletedsecrets', operation: RIGHTS.list, run: listDeleted },
  { method: 'GET', pattern: 'deletedsecrets/:name', operation: RIGHTS.getDeleted, run: getDeleted },
  { method: 'POST', pattern: 'deletedsecrets/:name/recover', operation: RIGHTS.recover, run: recoverSecret },
  { method: 'DELETE', pattern: 'deletedsecrets/:name', operation: RIGHTS.purge, run: purgeSecret },
];

function setSecret({ request, vault, name }: Context): Reply {
  const { object, version } = vault.secrets.set(name, readNewSecret(request.body));
  return ok(secretBundle(request, vault, object.name, version));
}

function getSecret({ parts, request, vault, name, version }: Context): Reply {
  const found = vault.secrets.find(name, version);
  checkReadable(parts, found.version);
  return ok(secretBundle(request, vault, found.object.name, found.version));
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
  const { value: _, ...bundle } = secretBundle(request, vault, found.object.name, found.version);
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

function backupSecret({ parts, vault, name }: Context): Reply {
  return ok({ value: seal(parts.backupKey(), 'secrets', vault.secrets.versions(name)) });
}

function restoreSecret({ parts, request, vault }: Context): Reply {
  // The blob is authentic, so its form is ours.
  const secret = vault.secrets.restore(readBackup(parts.backupKey(), 'secrets', request.body) as Secret);
  const { value: _, ...bundle } = secretBundle(request, vault, secret.name, newest(secret));
  return ok(bundle);
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
  checkPurgeable(vault);
  vault.secrets.purge(name);
  return { status: 204 };
}
