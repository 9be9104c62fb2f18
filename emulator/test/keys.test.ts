// Key Vault's keys through the official client.

import assert from 'node:assert/strict';
import { publicEncrypt, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { ClientSecretCredential } from '@azure/identity';
import type { CryptographyClient, KeyClient, KeyVaultKey } from '@azure/keyvault-keys';
import { type Azure, startAzure } from '../src/index.ts';
import {
  collect,
  cryptographyClient,
  keyClient,
  refusal,
  secretCredential,
  send,
  tokenFor,
} from './clients.ts';

const VAULT = 'my-vault-for-auto-unseal';
let azure: Azure;
let now = Date.now();
let officer: { clientId: string; clientSecret: string; principalId: string };
let credential: ClientSecretCredential;
let client: KeyClient;
let vaultId: string;

before(async () => {
  azure = await startAzure({ clock: { now: () => now } });
  officer = azure.createApplication('officer');
  vaultId = azure.createVault(VAULT).id;
  azure.assignRole({ principalId: officer.principalId, role: 'Key Vault Crypto Officer', scope: vaultId });
  credential = secretCredential(azure, officer);
  client = keyClient(azure, VAULT, credential);
});

after(() => azure.close());

function crypto(name: string, version?: string): CryptographyClient {
  const id = `${azure.vaultUri(VAULT)}/keys/${name}${version ? `/${version}` : ''}`;
  return cryptographyClient(azure, id, credential);
}

/** A key operation as clients without the SDK send it. */
async function operate(path: string, body: unknown, token?: string) {
  const answer = await send(azure, 'POST', `${azure.vaultUri(VAULT)}/${path}?api-version=7.3`, {
    token: token ?? (await tokenFor(azure, azure.keyVaultAudience, officer)),
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const json = answer.json as {
    kid: string;
    value: string;
    error?: { code: string; message: string; innererror?: { code: string } };
  };
  return { status: answer.status, json };
}

test('a new key: kid, default operations, attributes; private parts stay inside', async () => {
  const key: KeyVaultKey = await client.createRsaKey('seal', { keySize: 2048, tags: { cluster: 'c1' } });
  assert.match(key.id ?? '', new RegExp(`^${azure.vaultUri(VAULT)}/keys/seal/[0-9a-f]{32}$`));
  assert.equal(key.keyType, 'RSA');
  assert.deepEqual(key.keyOperations, ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey']);
  assert.equal(key.properties.enabled, true);
  assert.equal(key.properties.recoveryLevel, 'Recoverable+Purgeable');
  assert.deepEqual(key.properties.tags, { cluster: 'c1' });
  assert.equal(key.key?.n?.length, 256);
  const token = await tokenFor(azure, azure.keyVaultAudience, officer);
  const raw = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/keys/SEAL/?api%2Dversion=7.5`, { token });
  const bundle = raw.json as { key: Record<string, unknown>; attributes: Record<string, unknown> };
  assert.deepEqual(Object.keys(bundle.key), ['kid', 'kty', 'key_ops', 'n', 'e']);
  assert.equal(bundle.key['e'], 'AQAB');
  assert.equal(bundle.key['kid'], key.id);
  assert.equal(bundle.attributes['created'], Math.floor(now / 1000));
});

test('wrap and unwrap with the SDK, each algorithm, with and without a version', async () => {
  await client.createRsaKey('wrap');
  const plaintext = randomBytes(32);
  for (const algorithm of ['RSA-OAEP-256', 'RSA-OAEP', 'RSA1_5'] as const) {
    const wrapped = await crypto('wrap').wrapKey(algorithm, plaintext);
    const { result } = await crypto('wrap').unwrapKey(algorithm, wrapped.result);
    assert.deepEqual(Buffer.from(result), plaintext, algorithm);
    const encrypted = await crypto('wrap').encrypt({ algorithm, plaintext });
    const decrypted = await crypto('wrap').decrypt({ algorithm, ciphertext: encrypted.result });
    assert.deepEqual(Buffer.from(decrypted.result), plaintext, algorithm);
  }
});

test('version-less operations in every spelling; the kid of the answer says which version worked', async () => {
  const version = await azure.keys(VAULT).create('spelt');
  const value = randomBytes(32).toString('base64url');
  const kid = `${azure.vaultUri(VAULT)}/keys/spelt/${version}`;
  for (const path of [
    'keys/spelt/wrapkey',
    'keys/spelt//wrapkey',
    'Keys/Spelt/wrapKey/',
    `keys/spelt/${version}/WRAPKEY`,
  ]) {
    const { status, json } = await operate(path, { alg: 'RSA-OAEP-256', value });
    assert.equal(status, 200, path);
    assert.equal(json.kid, kid, path);
    const back = await operate(`keys/spelt/${version}/unwrapkey`, { alg: 'RSA-OAEP-256', value: json.value });
    assert.equal(back.json.value, value);
    assert.equal(back.json.kid, kid);
  }
});

test('what leaves is real: a ciphertext made with the public key alone unwraps', async () => {
  const key = await client.createRsaKey('real');
  const jwk = { kty: 'RSA', n: Buffer.from(key.key?.n ?? []).toString('base64url'), e: 'AQAB' };
  const ciphertext = publicEncrypt({ key: jwk, format: 'jwk', oaepHash: 'sha256' }, Buffer.from('outside'));
  const { result } = await crypto('real').unwrapKey('RSA-OAEP-256', ciphertext);
  assert.equal(Buffer.from(result).toString(), 'outside');
});

test('rotation: new versions wrap, old ones still unwrap, each version has its own key', async () => {
  const first = await azure
    .keys(VAULT)
    .create('turn', { operations: ['wrapKey', 'unwrapKey'], expires: 4e9 });
  const wrapped = await crypto('turn').wrapKey('RSA-OAEP-256', Buffer.from('old'));
  const rotated = await client.rotateKey('turn');
  assert.notEqual(rotated.properties.version, first);
  assert.deepEqual(rotated.keyOperations, ['wrapKey', 'unwrapKey']);
  assert.equal(rotated.properties.expiresOn, undefined);
  assert.equal((await client.getKey('turn')).properties.version, rotated.properties.version);
  const { result } = await crypto('turn', first).unwrapKey('RSA-OAEP-256', wrapped.result);
  assert.equal(Buffer.from(result).toString(), 'old');
  const wrong = await refusal(crypto('turn').unwrapKey('RSA-OAEP-256', wrapped.result));
  assert.deepEqual([wrong.status, wrong.code], [400, 'BadParameter']);
  assert.deepEqual(
    (await collect(client.listPropertiesOfKeyVersions('turn'))).map((item) => item.version),
    [first, rotated.properties.version],
  );
  assert.equal((await client.getKey('turn', { version: first })).properties.version, first);
});

test('key_ops decide, whatever the role; PATCH changes them', async () => {
  const version = await azure.keys(VAULT).create('ops', { operations: ['wrapKey'] });
  const value = randomBytes(32).toString('base64url');
  const { json } = await operate('keys/ops/wrapkey', { alg: 'RSA-OAEP-256', value });
  const refused = await operate('keys/ops/unwrapkey', { alg: 'RSA-OAEP-256', value: json.value });
  assert.equal(refused.status, 403);
  assert.deepEqual(refused.json.error, {
    code: 'Forbidden',
    message: 'Operation unwrapKey is not permitted on this key.',
    innererror: { code: 'KeyOperationForbidden' },
  });
  const changed = await client.updateKeyProperties('ops', version, {
    keyOps: ['unwrapKey'],
    tags: { a: '1' },
  });
  assert.deepEqual(changed.keyOperations, ['unwrapKey']);
  assert.deepEqual(changed.properties.tags, { a: '1' });
  assert.equal((await operate('keys/ops/unwrapkey', { alg: 'RSA-OAEP-256', value: json.value })).status, 200);
  assert.equal((await operate('keys/ops/wrapkey', { alg: 'RSA-OAEP-256', value })).status, 403);
});

test('a disabled key: readable, not usable; both points are switches', async () => {
  const version = await azure.keys(VAULT).create('off');
  const wrapped = await crypto('off').wrapKey('RSA-OAEP-256', Buffer.from('x'));
  await client.updateKeyProperties('off', version, { enabled: false });
  assert.equal((await client.getKey('off')).properties.enabled, false);
  const body = { alg: 'RSA-OAEP-256', value: 'AAAA' };
  const unwrap = { alg: 'RSA-OAEP-256', value: Buffer.from(wrapped.result).toString('base64url') };
  const refused = await operate('keys/off/unwrapkey', unwrap);
  assert.equal(refused.json.error?.message, 'Operation unwrapKey is not allowed on a disabled key.');
  assert.equal(refused.json.error?.innererror?.code, 'KeyDisabled');
  assert.equal((await operate('keys/off/wrapkey', body)).status, 403);
  azure.settings.wrapOnDisabledKey = 'allowed';
  azure.settings.getOnDisabledKey = 'refused';
  try {
    assert.equal((await operate('keys/off/wrapkey', body)).status, 200);
    assert.equal((await operate('keys/off/unwrapkey', unwrap)).status, 403);
    assert.equal((await refusal(client.getKey('off'))).inner, 'KeyDisabled');
  } finally {
    azure.settings.wrapOnDisabledKey = 'refused';
    azure.settings.getOnDisabledKey = 'allowed';
  }
  azure.keys(VAULT).setEnabled('off', true);
  assert.equal((await operate('keys/off/unwrapkey', unwrap)).status, 200);
});

test('outside nbf and exp only old data opens', async () => {
  await azure.keys(VAULT).create('window');
  const value = 'AAAA';
  const { json } = await operate('keys/window/encrypt', { alg: 'RSA-OAEP-256', value });
  const seconds = Math.floor(now / 1000);
  const cases = [
    [{ notBefore: seconds + 60 }, 'KeyNotYetValid'],
    [{ expires: seconds - 60 }, 'KeyExpired'],
  ] as const;
  for (const [validity, inner] of cases) {
    azure.keys(VAULT).setValidity('window', validity);
    for (const verb of ['encrypt', 'wrapkey']) {
      const refused = await operate(`keys/window/${verb}`, { alg: 'RSA-OAEP-256', value });
      assert.deepEqual([refused.status, refused.json.error?.innererror?.code], [403, inner]);
    }
    for (const verb of ['decrypt', 'unwrapkey']) {
      const opened = await operate(`keys/window/${verb}`, { alg: 'RSA-OAEP-256', value: json.value });
      assert.deepEqual([opened.status, opened.json.value], [200, value]);
    }
    azure.settings.unwrapOutsideValidity = 'refused';
    const strict = await operate('keys/window/unwrapkey', { alg: 'RSA-OAEP-256', value: json.value });
    azure.settings.unwrapOutsideValidity = 'allowed';
    assert.deepEqual([strict.status, strict.json.error?.innererror?.code], [403, inner]);
  }
  azure.keys(VAULT).setValidity('window', { notBefore: seconds - 60, expires: seconds + 60 });
  assert.equal((await operate('keys/window/wrapkey', { alg: 'RSA-OAEP-256', value })).status, 200);
  now += 61_000;
  assert.equal((await operate('keys/window/wrapkey', { alg: 'RSA-OAEP-256', value })).status, 403);
});

test('delete is soft: gone, name taken, recoverable with its versions, purgeable', async () => {
  const version = await azure.keys(VAULT).create('temp');
  const deleted = await (await client.beginDeleteKey('temp', { intervalInMs: 1 })).pollUntilDone();
  assert.equal(deleted.properties.recoveryId, `${azure.vaultUri(VAULT)}/deletedkeys/temp`);
  const { deletedOn, scheduledPurgeDate } = deleted.properties;
  assert.equal((scheduledPurgeDate?.getTime() ?? 0) - (deletedOn?.getTime() ?? 0), 90 * 86_400_000);
  const gone = await refusal(client.getKey('temp'));
  assert.deepEqual([gone.status, gone.code], [404, 'KeyNotFound']);
  assert.match(gone.text, /^A key with \(name\/id\) temp was not found in this key vault\. /);
  const taken = await refusal(client.createRsaKey('temp'));
  assert.deepEqual(
    [taken.status, taken.code, taken.inner],
    [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  );
  assert.deepEqual(
    (await collect(client.listDeletedKeys())).map((item) => item.name),
    ['temp'],
  );
  await (await client.beginRecoverDeletedKey('temp', { intervalInMs: 1 })).pollUntilDone();
  assert.equal((await client.getKey('temp')).properties.version, version);
  await (await client.beginDeleteKey('temp', { intervalInMs: 1 })).pollUntilDone();
  await client.purgeDeletedKey('temp');
  assert.deepEqual(await collect(client.listDeletedKeys()), []);
  assert.ok(!(await collect(client.listPropertiesOfKeys())).some((item) => item.name === 'temp'));
});

test('sizes and types: 3072 and 4096, RSA-HSM; EC and oct are refused by name', async () => {
  for (const size of [3072, 4096] as const) {
    const key = await client.createRsaKey('big', { keySize: size });
    assert.equal(key.key?.n?.length, size / 8);
    const wrapped = await crypto('big').wrapKey('RSA-OAEP-256', Buffer.from('big'));
    assert.equal(wrapped.result.length, size / 8);
    const { result } = await crypto('big').unwrapKey('RSA-OAEP-256', wrapped.result);
    assert.equal(Buffer.from(result).toString(), 'big');
  }
  assert.equal((await client.createRsaKey('hsm', { hsm: true })).keyType, 'RSA-HSM');
  assert.match((await refusal(client.createEcKey('ec'))).text, /does not have EC keys/);
  const oct = await refusal(client.createOctKey('oct', { hsm: true }));
  assert.deepEqual([oct.status, oct.code], [400, 'BadParameter']);
  assert.match(oct.text, /Managed HSM/);
});

test('roles: Secrets Officer cannot wrap, Encryption User can but not create; a role on one key opens that key', async () => {
  await azure.keys(VAULT).create('one');
  await azure.keys(VAULT).create('other');
  const app = azure.createApplication('wrapper');
  const wrap = { alg: 'RSA-OAEP-256', value: 'AAAA' };
  const token = await tokenFor(azure, azure.keyVaultAudience, app);
  azure.assignRole({ principalId: app.principalId, role: 'Key Vault Secrets Officer', scope: vaultId });
  const refused = await operate('keys/one/wrapkey', wrap, token);
  assert.equal(refused.json.error?.innererror?.code, 'ForbiddenByRbac');
  assert.match(
    refused.json.error?.message ?? '',
    /Action: 'Microsoft\.KeyVault\/vaults\/keys\/wrap\/action'\r\n/,
  );
  assert.ok(refused.json.error?.message.includes(`Resource: '${vaultId.toLowerCase()}/keys/one'\r\n`));
  const role = 'Key Vault Crypto Service Encryption User';
  azure.assignRole({ principalId: app.principalId, role, scope: `${vaultId}/keys/one` });
  assert.equal((await operate('keys/one/wrapkey', wrap, token)).status, 200);
  assert.equal((await operate('keys/other/wrapkey', wrap, token)).status, 403);
  assert.equal((await operate('keys/one/encrypt', wrap, token)).status, 403);
  assert.equal((await operate('keys/one/create', { kty: 'RSA' }, token)).status, 403);
  assert.equal((await operate('keys/one/rotate', {}, token)).status, 403);
});

test('in an access-policy vault the key permissions decide, whatever their case', async () => {
  const app = azure.createApplication('by-policy');
  const permissions = { keys: ['get', 'WrapKey', 'unwrapkey'], secrets: [], certificates: [], storage: [] };
  const vault = azure.createVault('policies', {
    rbac: false,
    accessPolicies: [{ tenantId: azure.tenantId, objectId: app.principalId, permissions }],
  });
  await azure.keys('policies').create('k');
  const byPolicy = secretCredential(azure, app);
  const cipher = cryptographyClient(azure, `${vault.uri}/keys/k`, byPolicy);
  const { result } = await cipher.wrapKey('RSA-OAEP-256', Buffer.from('x'));
  assert.equal(Buffer.from((await cipher.unwrapKey('RSA-OAEP-256', result)).result).toString(), 'x');
  const refused = await refusal(keyClient(azure, 'policies', byPolicy).createRsaKey('k'));
  assert.equal(refused.inner, 'AccessDenied');
  assert.match(refused.text, /does not have keys create permission on key vault 'policies;/);
});

test('purge protection forbids purging keys', async () => {
  azure.createVault('protected', { purgeProtection: true });
  azure.assignRole({
    principalId: officer.principalId,
    role: 'Key Vault Crypto Officer',
    scope: azure.createVault('protected').id,
  });
  await azure.keys('protected').create('k');
  azure.keys('protected').delete('k');
  const refused = await refusal(keyClient(azure, 'protected', credential).purgeDeletedKey('k'));
  assert.equal(refused.inner, 'ForbiddenByPolicy');
});

test('bodies that are wrong in form or do not fit the key', async () => {
  const version = await azure.keys(VAULT).create('form');
  const wrap = (body: unknown) => operate('keys/form/wrapkey', body);
  const unwrap = (body: unknown) => operate('keys/form/unwrapkey', body);
  const create = (body: unknown) => operate('keys/form/create', body);
  const alg = 'RSA-OAEP-256';
  const bad = [
    await wrap(null),
    await wrap([]),
    await wrap({}),
    await wrap({ alg, value: 5 }),
    await wrap({ alg, value: 'not base64url!' }),
    await wrap({ alg, value: '' }),
    await wrap({ alg: 'A256KW', value: 'AAAA' }),
    await wrap({ alg: 'rsa-oaep-256', value: 'AAAA' }),
    await wrap({ alg: '__proto__', value: 'AAAA' }),
    await wrap({ alg, value: 'AAAA', iv: 'AAAA' }),
    await wrap({ alg, value: Buffer.alloc(191).toString('base64url') }),
    await wrap({ alg, value: 'A'.repeat(100_000) }),
    await unwrap({ alg, value: 'AAAA' }),
    await unwrap({ alg, value: Buffer.alloc(256).toString('base64url') }),
    await unwrap({ alg, value: Buffer.alloc(257).toString('base64url') }),
    await unwrap({ alg, value: Buffer.alloc(256, 0xff).toString('base64url') }),
    await create({}),
    await create({ kty: 5 }),
    await create({ kty: 'DSA' }),
    await create({ kty: 'RSA', key_size: 1024 }),
    await create({ kty: 'RSA', key_size: '2048' }),
    await create({ kty: 'RSA', public_exponent: 3 }),
    await create({ kty: 'RSA', key_ops: 'wrapKey' }),
    await create({ kty: 'RSA', key_ops: ['steal'] }),
    await create({ kty: 'RSA', attributes: { exportable: true } }),
    await create({ kty: 'RSA', attributes: { nbf: 20, exp: 10 } }),
    await create({ kty: 'RSA', release_policy: {} }),
  ];
  for (const [index, { status, json }] of bad.entries()) {
    assert.deepEqual([status, json.error?.code], [400, 'BadParameter'], `case ${index}`);
  }
  assert.deepEqual(azure.keys(VAULT).versions('form'), [version]);
  assert.equal((await wrap({ alg, value: Buffer.alloc(190).toString('base64url') })).status, 200);
  assert.equal((await operate('keys/bad_name/create', { kty: 'RSA' })).status, 400);
  assert.equal((await operate(`keys/form/${'0'.repeat(32)}/wrapkey`, { alg, value: 'AAAA' })).status, 404);
  assert.equal((await operate('keys/form/sign', { alg: 'RS256', value: 'AAAA' })).status, 400);
});
