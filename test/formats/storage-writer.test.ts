// What somebody who can write the storage, and has no key, can do and cannot: the limits that docs/threat-model.md names.
// A test here that fails because more is noticed than before is good news, and the page must say so.

import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { test } from 'node:test';
import { Barrier } from '../../src/barrier/barrier.ts';
import { decryptKeyring, encryptKeyring, KEYRING_KEY, Keyring } from '../../src/barrier/keyring.ts';
import { fromUtf8, SecretBytes, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { parseRootKeys, type RootKeyRecord, serializeRootKeys } from '../../src/core/root-keys.ts';
import { fillBox, joinEnvelope, openBox, splitEnvelope } from '../../src/seal/azure-key-vault/envelope.ts';
import { openUnder, sealUnder } from '../../src/seal/azure-key-vault/kek.ts';
import { memoryStorage } from '../../src/storage/memory/memory.ts';
import { unfenced } from '../../src/storage/storage.ts';

const parts = { random: systemRandom, clock: systemClock };
const ADVERT = { nodeId: 'n', apiAddress: 'http://127.0.0.1:1', clusterAddress: 'https://127.0.0.1:2' };
const freshKey = () => SecretBytes.fill(32, (target) => systemRandom.fill(target));

async function openedStore() {
  const { storage, election } = memoryStorage(parts);
  const leadership = await election.tryCampaign(ADVERT);
  assert.ok(leadership);
  const barrier = new Barrier({ storage, ...parts });
  const root = freshKey();
  await storage.write(barrier.initialize(root), leadership.fence);
  await barrier.unseal(root);
  const view = barrier.view('mount/x/', leadership.fence);
  /** As a thief of the disk would: whole records, whatever is in them. */
  const raw = {
    get: (key: string) => storage.get(key),
    put: (key: string, value: Uint8Array) => storage.write([{ kind: 'put', key, value }], unfenced),
  };
  const close = async () => {
    await leadership.resign();
    await election.close();
  };
  return { storage, view, raw, [Symbol.asyncDispose]: close };
}

test('an old record put back under its own key opens: rollback is not noticed', async () => {
  await using store = await openedStore();
  const { view, raw } = store;
  await view.put('a', utf8('old'));
  const old = await raw.get('mount/x/a');
  await view.put('a', utf8('new'));
  await raw.put('mount/x/a', old ?? new Uint8Array());
  assert.equal(fromUtf8((await view.get('a')) ?? new Uint8Array()), 'old');
});

test('a record put under another key, or made up, is refused', async () => {
  await using store = await openedStore();
  const { view, raw } = store;
  await view.put('a', utf8('text'));
  await view.put('b', utf8('other'));
  await raw.put('mount/x/b', (await raw.get('mount/x/a')) ?? new Uint8Array());
  await assert.rejects(view.get('b'), (error) => hasCode(error, 'storage_corrupt'));
  await raw.put('mount/x/a', new Uint8Array(80).fill(1));
  await assert.rejects(view.get('a'), (error) => hasCode(error, 'storage_corrupt'));
});

test('the text of a value is nowhere in the storage, and the path of a secret is', async () => {
  await using store = await openedStore();
  const { storage, view } = store;
  await view.put('metadata/payroll/ann', utf8('the value itself'));
  assert.deepEqual(await storage.list('mount/x/metadata/payroll/'), ['ann']);
  const stored = Buffer.from((await storage.get('mount/x/metadata/payroll/ann')) ?? '');
  assert.ok(!stored.includes('the value itself'));
});

function recordWith(blob: Uint8Array, variant: string): RootKeyRecord {
  const wrapped = { variant, keyId: 'https://v/keys/k/1', fingerprint: 'f', blob };
  const copy = { sealName: 's', sealKind: 'azurekeyvault', generation: 1, wrappedAt: 1, wrapped };
  const recovery = { shares: 5, threshold: 3 };
  return { clusterId: 'c', clusterName: 'n', generation: 1, recovery, copies: [copy] };
}

test('KEK and stored copy together are the root key', () => {
  using kek = freshKey();
  using root = freshKey();
  const context = { clusterId: 'c', sealName: 's', generation: 1 };
  const stored = serializeRootKeys(recordWith(sealUnder(kek, root, context, systemRandom), 'secret'), root);
  const blob = parseRootKeys(stored).record.copies[0]?.wrapped.blob ?? new Uint8Array();
  using stolen = openUnder(kek, blob, context);
  assert.ok(stolen);
  assert.ok(stolen.equals(root));
});

test('key variant: with the public key a whole empty cluster can be forged, and nothing old opens in it', async () => {
  await using store = await openedStore();
  const { storage, raw } = store;
  const keyVault = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const context = { clusterId: 'c', sealName: 's', generation: 1 };
  using own = freshKey();
  using dataKey = freshKey();
  const wrappedKey = publicEncrypt({ key: keyVault.publicKey, ...padding }, dataKey.expose());
  const blob = joinEnvelope({ wrappedKey, box: fillBox(dataKey, own, context, 'f', systemRandom) });
  const forged = serializeRootKeys(recordWith(blob, 'key'), own);
  using ring = Keyring.create(systemRandom, 1);
  const before = await raw.get(KEYRING_KEY);
  await raw.put(KEYRING_KEY, encryptKeyring(ring, own, systemRandom));
  // A node does no more than this: unwrap, check the MAC, open the keyring.
  const envelope = splitEnvelope(parseRootKeys(forged).record.copies[0]?.wrapped.blob ?? new Uint8Array());
  assert.ok(envelope);
  const unwrapped = privateDecrypt({ key: keyVault.privateKey, ...padding }, envelope.wrappedKey);
  using opened = openBox(SecretBytes.take(unwrapped), envelope.box, context, 'f');
  assert.ok(opened);
  assert.ok(opened.equals(own) && parseRootKeys(forged).authenticates(opened));
  const barrier = new Barrier({ storage, ...parts });
  await barrier.unseal(opened);
  // What was there before belongs to another root key.
  assert.throws(
    () => decryptKeyring(before ?? new Uint8Array(), own),
    (error) => hasCode(error, 'storage_corrupt'),
  );
});

test('secret variant: without the KEK no copy can be forged', () => {
  using kek = freshKey();
  using guess = freshKey();
  using own = freshKey();
  const context = { clusterId: 'c', sealName: 's', generation: 1 };
  assert.equal(openUnder(kek, sealUnder(guess, own, context, systemRandom), context), undefined);
});
