// Keys through the official client: import, signatures, rotation that acts, backup and restore, the end of a deletion.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { JsonWebKey as AzureKey, KeyClient } from '@azure/keyvault-keys';
import { type Azure, startAzure } from '../src/index.ts';
import {
  collect,
  cryptographyClient,
  keyClient,
  refusal,
  secretClient,
  secretCredential,
} from './clients.ts';

const DAY = 86_400;
let azure: Azure;
let client: KeyClient;

before(async () => {
  azure = await startAzure();
  for (const name of ['first', 'second']) {
    const { id } = azure.createVault(name);
    azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Administrator', scope: id });
  }
  client = keyClient(azure, 'first', fresh());
});

after(() => azure.close());

/** The clock is moved on here by months: a token does not outlive that. */
function fresh() {
  return secretCredential(azure);
}

function jwk(bits: number): AzureKey {
  const parts = generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ format: 'jwk' });
  const bytes = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi') =>
    Uint8Array.from(Buffer.from(String(parts[name]), 'base64url'));
  const names = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const;
  return {
    kty: 'RSA',
    keyOps: ['sign', 'verify'],
    ...Object.fromEntries(names.map((name) => [name, bytes(name)])),
  };
}

test('an imported key signs, and its signatures are verified', async () => {
  const key = await client.importKey('imported', jwk(2048));
  assert.deepEqual(key.keyOperations, ['sign', 'verify']);
  const crypto = cryptographyClient(azure, key.id ?? '', fresh());
  const digest = createHash('sha256').update('message').digest();
  for (const algorithm of ['RS256', 'PS256'] as const) {
    const { result } = await crypto.sign(algorithm, digest);
    assert.equal((await crypto.verify(algorithm, digest, result)).result, true);
    const other = createHash('sha256').update('another').digest();
    assert.equal((await crypto.verify(algorithm, other, result)).result, false);
  }
  const short = await refusal(crypto.sign('RS512', digest));
  assert.equal(short.code, 'BadParameter');
  azure.keys('first').setOps('imported', ['verify']);
  const denied = await refusal(crypto.sign('RS256', digest));
  assert.equal(denied.inner, 'KeyOperationForbidden');
});

test('what is no key to import is refused', async () => {
  const { d: _, ...incomplete } = jwk(2048);
  assert.equal((await refusal(client.importKey('no', incomplete as AzureKey))).status, 400);
  assert.equal((await refusal(client.importKey('no', { ...jwk(2048), n: randomBytes(3) }))).status, 400);
  assert.equal((await refusal(client.importKey('no', jwk(1024)))).status, 400);
  assert.ok(!azure.keys('first').names().includes('no'));
});

test('a key rotates by its policy once the clock says so, and the old version still unwraps', async () => {
  const key = await client.createRsaKey('rotating');
  const unset = await client.getKeyRotationPolicy('rotating');
  assert.deepEqual(
    unset.lifetimeActions?.map(({ action, timeBeforeExpiry }) => [action, timeBeforeExpiry]),
    [['Notify', 'P30D']],
  );
  await client.updateKeyRotationPolicy('rotating', {
    lifetimeActions: [{ action: 'Rotate', timeAfterCreate: 'P30D' }],
    expiresIn: 'P90D',
  });
  const wrapped = await cryptographyClient(azure, key.id ?? '', fresh()).wrapKey(
    'RSA-OAEP-256',
    Buffer.alloc(32, 5),
  );
  azure.clock.advance(29 * DAY);
  client = keyClient(azure, 'first', fresh());
  assert.equal((await client.getKey('rotating')).properties.version, key.properties.version);
  azure.clock.advance(2 * DAY);
  client = keyClient(azure, 'first', fresh());
  const [one, two] = await Promise.all([client.getKey('rotating'), client.getKey('rotating')]);
  const rotated = (await client.getKey('rotating')).properties;
  assert.notEqual(rotated.version, key.properties.version);
  assert.ok([one, two].some(({ properties }) => properties.version === rotated.version));
  assert.equal(azure.keys('first').versions('rotating').length, 2);
  const expires = (rotated.expiresOn?.getTime() ?? 0) / 1000;
  assert.ok(Math.abs(expires - azure.clock.now() / 1000 - 90 * DAY) < 60);
  const old = cryptographyClient(azure, key.id ?? '', fresh());
  assert.deepEqual(
    Buffer.from((await old.unwrapKey('RSA-OAEP-256', wrapped.result)).result),
    Buffer.alloc(32, 5),
  );
});

test('a backup is restored with all its versions into another vault, and nowhere that has the name', async () => {
  client = keyClient(azure, 'first', fresh());
  const other = keyClient(azure, 'second', fresh());
  const key = await client.createRsaKey('backed');
  const crypto = cryptographyClient(azure, key.id ?? '', fresh());
  const { result } = await crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32, 9));
  await client.rotateKey('backed');
  const backup = await client.backupKey('backed');
  assert.ok(backup);
  assert.equal((await refusal(client.restoreKeyBackup(backup))).status, 409);
  await other.restoreKeyBackup(backup);
  assert.equal((await collect(other.listPropertiesOfKeyVersions('backed'))).length, 2);
  const there = cryptographyClient(azure, String(key.id).replace('first', 'second'), fresh());
  assert.deepEqual(Buffer.from((await there.unwrapKey('RSA-OAEP-256', result)).result), Buffer.alloc(32, 9));
  const spoilt = Uint8Array.from(backup);
  spoilt[40] = (spoilt[40] ?? 0) ^ 1;
  assert.equal((await refusal(other.restoreKeyBackup(spoilt))).code, 'BadParameter');
  assert.equal((await refusal(other.restoreKeyBackup(Buffer.from('short')))).code, 'BadParameter');
});

test('a secret is backed up and restored, but not as a key', async () => {
  const secrets = secretClient(azure, 'first', fresh());
  await secrets.setSecret('backed', 'one');
  await secrets.setSecret('backed', 'two');
  const backup = await secrets.backupSecret('backed');
  assert.ok(backup);
  const other = secretClient(azure, 'second', fresh());
  await other.restoreSecretBackup(backup);
  assert.equal((await other.getSecret('backed')).value, 'two');
  const asKey = keyClient(azure, 'second', fresh()).restoreKeyBackup(backup);
  assert.equal((await refusal(asKey)).code, 'BadParameter');
});

test('what is deleted is gone after its time, and its name is free', async () => {
  azure.createVault('short-lived');
  azure.secrets('first').set('late', 'v');
  azure.secrets('first').delete('late');
  azure.deleteVault('short-lived');
  azure.clock.advance(91 * DAY);
  assert.throws(() => azure.secrets('first').recover('late'), { code: 'SecretNotFound' });
  azure.secrets('first').set('late', 'w');
  assert.equal(azure.recoverVault('short-lived'), false);
  azure.createVault('short-lived');
});
