// The keys API: one line per route.

import { epochSeconds } from '../clock.ts';
import { type Reply, ServiceError } from '../http/message.ts';
import { KEY_OPERATIONS as RIGHTS } from './access.ts';
import { readBackup, seal } from './backup.ts';
import { badParameter } from './bodies.ts';
import {
  readImport,
  readKeyChange,
  readKeyOperation,
  readNewKey,
  readNothing,
  readSignature,
} from './key-bodies.ts';
import { rsaDecrypt, rsaEncrypt } from './key-crypto.ts';
import {
  deletedKeyBundle,
  deletedKeyItem,
  keyBundle,
  keyItem,
  keyVersionItem,
  versionId,
} from './key-render.ts';
import type { Key, KeyVersion } from './keys.ts';
import { newest } from './objects.ts';
import { listPage } from './render.ts';
import { readRotationPolicy, renderRotationPolicy } from './rotation.ts';
import { type Context, checkPurgeable, type KeyVaultParts, ok, type Route } from './routes.ts';
import { signDigest, verifyDigest } from './signatures.ts';

type Verb = 'encrypt' | 'decrypt' | 'wrapKey' | 'unwrapKey';
type AnyVerb = Verb | 'sign' | 'verify';

/** Also read by the test that tries each operation without token, with the wrong audience, role and scope. */
export const KEY_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: 'keys/:name/create', operation: RIGHTS.create, run: createKey },
  { method: 'PUT', pattern: 'keys/:name', operation: RIGHTS.import, run: importKey },
  { method: 'GET', pattern: 'keys', operation: RIGHTS.list, run: listKeys },
  { method: 'POST', pattern: 'keys/restore', operation: RIGHTS.restore, run: restoreKey },
  { method: 'GET', pattern: 'keys/:name', operation: RIGHTS.get, run: getKey },
  { method: 'GET', pattern: 'keys/:name/versions', operation: RIGHTS.list, run: listVersions },
  { method: 'GET', pattern: 'keys/:name/rotationpolicy', operation: RIGHTS.getPolicy, run: getPolicy },
  { method: 'PUT', pattern: 'keys/:name/rotationpolicy', operation: RIGHTS.setPolicy, run: setPolicy },
  { method: 'GET', pattern: 'keys/:name/:version', operation: RIGHTS.get, run: getKey },
  { method: 'PATCH', pattern: 'keys/:name', operation: RIGHTS.update, run: updateKey },
  { method: 'PATCH', pattern: 'keys/:name/:version', operation: RIGHTS.update, run: updateKey },
  { method: 'POST', pattern: 'keys/:name/rotate', operation: RIGHTS.rotate, run: rotateKey },
  { method: 'POST', pattern: 'keys/:name/backup', operation: RIGHTS.backup, run: backupKey },
  { method: 'DELETE', pattern: 'keys/:name', operation: RIGHTS.delete, run: deleteKey },
  ...operationRoutes('encrypt', (context) => transform(context, 'encrypt')),
  ...operationRoutes('decrypt', (context) => transform(context, 'decrypt')),
  ...operationRoutes('wrapKey', (context) => transform(context, 'wrapKey')),
  ...operationRoutes('unwrapKey', (context) => transform(context, 'unwrapKey')),
  ...operationRoutes('sign', (context) => signature(context, 'sign')),
  ...operationRoutes('verify', (context) => signature(context, 'verify')),
  { method: 'GET', pattern: 'deletedkeys', operation: RIGHTS.list, run: listDeleted },
  { method: 'GET', pattern: 'deletedkeys/:name', operation: RIGHTS.getDeleted, run: getDeleted },
  { method: 'POST', pattern: 'deletedkeys/:name/recover', operation: RIGHTS.recover, run: recoverKey },
  { method: 'DELETE', pattern: 'deletedkeys/:name', operation: RIGHTS.purge, run: purgeKey },
];

/** With a version in the path, and without one: then the newest key works. */
function operationRoutes(verb: AnyVerb, run: Route['run']): Route[] {
  const word = verb.toLowerCase();
  const operation = RIGHTS[verb];
  return [
    { method: 'POST', pattern: `keys/:name/:version/${word}`, operation, run },
    { method: 'POST', pattern: `keys/:name/${word}`, operation, run },
  ];
}

async function createKey({ request, vault, name }: Context): Promise<Reply> {
  const { object, version } = await vault.keys.create(name, readNewKey(request.body));
  return ok(keyBundle(request, vault, object.name, version));
}

function importKey({ request, vault, name }: Context): Reply {
  const { request: asked, pair } = readImport(request.body);
  const { object, version } = vault.keys.import(name, pair, asked);
  return ok(keyBundle(request, vault, object.name, version));
}

function getKey({ parts, request, vault, name, version }: Context): Reply {
  const found = vault.keys.find(name, version);
  if (parts.settings.getOnDisabledKey === 'refused' && !found.version.attributes.enabled) {
    throw forbidden('get', 'is not allowed on a disabled key.', 'KeyDisabled');
  }
  return ok(keyBundle(request, vault, found.object.name, found.version));
}

function listKeys({ request, vault }: Context): Reply {
  return ok(
    listPage(
      request,
      vault.keys.list().map((key) => keyItem(request, vault, key)),
    ),
  );
}

function listVersions({ request, vault, name }: Context): Reply {
  const key = vault.keys.versions(name);
  const items = key.versions.map((version) => keyVersionItem(request, vault, key.name, version));
  return ok(listPage(request, items));
}

function updateKey({ request, vault, name, version }: Context): Reply {
  const found = vault.keys.update(name, version, readKeyChange(request.body));
  return ok(keyBundle(request, vault, found.object.name, found.version));
}

async function rotateKey({ request, vault, name }: Context): Promise<Reply> {
  readNothing(request.body);
  const { object, version } = await vault.keys.rotate(name);
  return ok(keyBundle(request, vault, object.name, version));
}

/** encrypt and wrapKey are one and the same computation, as are decrypt and unwrapKey: only the rights differ. */
function transform({ parts, request, vault, name, version: asked }: Context, verb: Verb): Reply {
  const { algorithm, value } = readKeyOperation(request.body);
  const { object, version } = vault.keys.find(name, asked);
  checkUsable(parts, version, verb);
  const forward = verb === 'encrypt' || verb === 'wrapKey';
  const result = forward
    ? rsaEncrypt(version.publicKey, version.size, algorithm, value)
    : rsaDecrypt(version.privateKey, version.size, algorithm, value);
  if (!result) throw badParameter('The parameter is incorrect.');
  return ok({ kid: versionId(request, object.name, version), value: result.toString('base64url') });
}

function signature({ parts, request, vault, name, version: asked }: Context, verb: 'sign' | 'verify'): Reply {
  const { algorithm, digest, signature } = readSignature(request.body, verb);
  const { object, version } = vault.keys.find(name, asked);
  checkUsable(parts, version, verb);
  const { publicKey, privateKey, size } = version;
  const result = signature
    ? verifyDigest(publicKey, size, algorithm, { digest, signature })
    : signDigest(privateKey, size, algorithm, digest);
  if (result === undefined) throw badParameter(`The digest is not as long as ${algorithm} wants it.`);
  if (typeof result === 'boolean') return ok({ value: result });
  return ok({ kid: versionId(request, object.name, version), value: result.toString('base64url') });
}

function getPolicy({ request, vault, name }: Context): Reply {
  const { object } = vault.keys.find(name);
  return ok(renderRotationPolicy(request.authority, object.name, object.rotation));
}

function setPolicy({ parts, request, vault, name }: Context): Reply {
  const { object } = vault.keys.find(name);
  object.rotation = readRotationPolicy(request.body, object.rotation, epochSeconds(parts.clock));
  return ok(renderRotationPolicy(request.authority, object.name, object.rotation));
}

function backupKey({ parts, vault, name }: Context): Reply {
  return ok({ value: seal(parts.backupKey(), 'keys', vault.keys.versions(name)) });
}

function restoreKey({ parts, request, vault }: Context): Reply {
  // The blob is authentic, so its form is ours.
  const key = vault.keys.restore(readBackup(parts.backupKey(), 'keys', request.body) as Key);
  return ok(keyBundle(request, vault, key.name, newest(key)));
}

/**
 * Throws 403 unless this version may be used so now. Source: Azure's "About keys": key_ops always count; outside nbf
 * and exp only what opens old data still works.
 */
function checkUsable({ settings, clock }: KeyVaultParts, version: KeyVersion, verb: AnyVerb): void {
  const { enabled, nbf, exp } = version.attributes;
  // What makes new data, against what opens or checks old.
  const forward = verb === 'encrypt' || verb === 'wrapKey' || verb === 'sign';
  if (!enabled && !(forward && verb !== 'sign' && settings.wrapOnDisabledKey === 'allowed')) {
    throw forbidden(verb, 'is not allowed on a disabled key.', 'KeyDisabled');
  }
  if (!version.operations.includes(verb)) {
    throw forbidden(verb, 'is not permitted on this key.', 'KeyOperationForbidden');
  }
  if (!forward && settings.unwrapOutsideValidity === 'allowed') return;
  const now = epochSeconds(clock);
  if (nbf !== undefined && now < nbf) {
    throw forbidden(verb, 'is not allowed on a key that is not yet valid.', 'KeyNotYetValid');
  }
  if (exp !== undefined && now >= exp) {
    throw forbidden(verb, 'is not allowed on an expired key.', 'KeyExpired');
  }
}

function forbidden(verb: string, problem: string, innerCode: string): ServiceError {
  return new ServiceError(403, 'Forbidden', `Operation ${verb} ${problem}`, { innerCode });
}

function deleteKey({ request, vault, name }: Context): Reply {
  return ok(deletedKeyBundle(request, vault, vault.keys.delete(name, vault.retentionDays)));
}

function getDeleted({ request, vault, name }: Context): Reply {
  return ok(deletedKeyBundle(request, vault, vault.keys.deleted(name)));
}

function listDeleted({ request, vault }: Context): Reply {
  return ok(
    listPage(
      request,
      vault.keys.listDeleted().map((key) => deletedKeyItem(request, vault, key)),
    ),
  );
}

function recoverKey({ request, vault, name }: Context): Reply {
  const key = vault.keys.recover(name);
  return ok(keyBundle(request, vault, key.name, newest(key)));
}

function purgeKey({ vault, name }: Context): Reply {
  checkPurgeable(vault);
  vault.keys.purge(name);
  return { status: 204 };
}
