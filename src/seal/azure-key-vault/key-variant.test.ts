// The key variant against a local Azure over sockets, with the official client: the good way, rights, rotation, keys that
// are not fit, lost keys, and Azure in trouble.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Azure } from '@latchkey/azure-emulator';
import { type Random, systemRandom } from '../../base/random.ts';
import { sealContract } from '../seal.contract.ts';
import {
  CLUSTER,
  CRYPTO_USER,
  contextOf,
  KEY_NAME,
  never,
  type Place,
  placeOn,
  QUICK,
  rootKey,
  startLocalAzure,
} from './test/local-azure.ts';

let azure: Azure;
before(async () => {
  azure = await startLocalAzure();
});
after(() => azure.close());

sealContract('azurekeyvault with a key', async () => {
  const own = await startLocalAzure();
  const place = placeOn(own);
  place.grant(CRYPTO_USER);
  await own.keys(place.vault.name).create(KEY_NAME);
  const seal = place.open({ keyName: KEY_NAME });
  await seal.prepare?.(CLUSTER, never);
  return {
    seal,
    clusterId: CLUSTER,
    sharedKek: true,
    async close() {
      await seal.close();
      await own.close();
    },
  };
});

type Options = Parameters<Place['open']>;

/** A vault with a key, an identity with the least role, and a seal. */
async function withKey(config: Options[0] = {}, parts: Options[1] = {}) {
  const place = placeOn(azure);
  place.grant(CRYPTO_USER);
  const keys = azure.keys(place.vault.name);
  const version = await keys.create(KEY_NAME);
  const seal = place.open({ keyName: KEY_NAME, ...config }, parts);
  const prepare = () => seal.prepare?.(CLUSTER, never) ?? Promise.resolve();
  return { place, keys, version, seal, prepare };
}

/** The same with a copy of a root key. */
async function withCopy(config: Options[0] = {}, parts: Options[1] = {}) {
  const held = await withKey(config, parts);
  const { seal } = held;
  using root = rootKey();
  const copy = await seal.wrap(root, contextOf(seal), never);
  const bytes = Buffer.from(root.expose());
  const unwrap = (changed = copy) => seal.unwrap(changed, contextOf(seal), never);
  const opens = async () => {
    using opened = await unwrap();
    assert.ok(bytes.equals(opened.expose()));
  };
  return { ...held, copy, bytes, unwrap, opens };
}

const callsOf = (place: Place) =>
  azure.journal
    .entries({ target: place.vault.name })
    .map(({ method, path, status }) => `${method} ${path.split('?')[0]?.toLowerCase()} ${status}`);

describe('the life of a copy', () => {
  test('wrap reads the newest version and has Key Vault wrap; unwrap asks for unwrap alone', async () => {
    const { place, keys, version, copy, bytes, opens } = await withCopy();
    assert.equal(copy.variant, 'key');
    assert.equal(copy.keyId, `${place.vault.uri}/keys/${KEY_NAME}/${version}`);
    assert.deepEqual(callsOf(place), [
      `GET /keys/${KEY_NAME}/ 401`,
      `GET /keys/${KEY_NAME}/ 200`,
      `POST /keys/${KEY_NAME}/${version}/wrapkey 401`,
      `POST /keys/${KEY_NAME}/${version}/wrapkey 200`,
    ]);
    azure.journal.clear();
    await opens();
    assert.deepEqual(callsOf(place), [
      `POST /keys/${KEY_NAME}/${version}/unwrapkey 401`,
      `POST /keys/${KEY_NAME}/${version}/unwrapkey 200`,
    ]);
    assert.equal(keys.versions(KEY_NAME).length, 1);
    place.assertNothingLeaked(bytes);
  });

  test('prepare makes nothing', async () => {
    const { place, keys, prepare } = await withKey();
    azure.journal.clear();
    await prepare();
    assert.deepEqual(callsOf(place), [`GET /keys/${KEY_NAME}/ 401`, `GET /keys/${KEY_NAME}/ 200`]);
    assert.deepEqual(keys.get(KEY_NAME).tags, {});
  });

  test('after a rotation old copies open, and the next wrap takes the newer version', async () => {
    const { keys, seal, copy, bytes, opens } = await withCopy();
    const newer = await keys.rotate(KEY_NAME);
    await opens();
    using root = rootKey();
    const renewed = await seal.wrap(root, contextOf(seal), never);
    assert.ok(renewed.keyId.endsWith(newer));
    assert.notEqual(renewed.fingerprint, copy.fingerprint);
    using opened = await seal.unwrap(renewed, contextOf(seal), never);
    assert.ok(opened.equals(root));
    await opens();
    assert.ok(bytes.byteLength === 32);
  });

  test('the data key is seen nowhere', async () => {
    const drawn: Uint8Array[] = [];
    const random: Random = {
      ...systemRandom,
      fill(target) {
        systemRandom.fill(target);
        drawn.push(Uint8Array.from(target));
      },
    };
    const { place, keys, opens, unwrap, bytes } = await withCopy({}, { random });
    await opens();
    keys.setEnabled(KEY_NAME, false);
    await place.refused(unwrap(), 'keyvault_key_disabled');
    const [dataKey] = drawn.filter(({ byteLength }) => byteLength === 32);
    assert.ok(dataKey !== undefined);
    place.assertNothingLeaked(dataKey, bytes);
  });
});

describe('missing rights', () => {
  test('no role: refused, with identity, action and the command that mends it', async () => {
    const { place, seal, prepare, unwrap, opens, bytes } = await withCopy();
    place.grant(undefined);
    const { facts } = await place.refused(unwrap(), 'keyvault_forbidden_rbac');
    const { clientId, principalId } = place.identity;
    assert.match(
      facts.sentence,
      /^Key Vault refused keys\/unwrap on https:\/\/kv-\d+\.[^ ]+\/keys\/unseal: /,
    );
    assert.ok(facts.sentence.includes(`identity ${clientId} (object ${principalId})`), facts.sentence);
    assert.equal(
      facts.remedy,
      `az role assignment create --role "${CRYPTO_USER}" --assignee-object-id ${principalId} ` +
        `--assignee-principal-type ServicePrincipal --scope "${place.vault.id.toLowerCase()}"`,
    );
    const read = await place.refused(prepare(), 'keyvault_forbidden_rbac');
    assert.match(read.message, /refused keys\/read on/);
    await place.refused(seal.probe(never), 'keyvault_forbidden_rbac');
    place.grant(CRYPTO_USER);
    await opens();
    place.assertNothingLeaked(bytes);
  });

  test('an access policy that allows nothing', async () => {
    const place = placeOn(azure);
    const vault = azure.createVault('kv-key-policies', { rbac: false });
    await azure.keys(vault.name).create(KEY_NAME);
    const seal = place.open({ vaultUri: vault.uri, keyName: KEY_NAME });
    const { facts } = await place.refused(seal.probe(never), 'keyvault_forbidden_policy');
    assert.match(facts.remedy ?? '', / --key-permissions get list wrapKey unwrapKey$/);
  });
});

describe('a key that cannot be the KEK', () => {
  const past = () => Math.floor(Date.now() / 1_000) - 3_600;
  const future = () => Math.floor(Date.now() / 1_000) + 3_600;

  test('disabled: said by prepare, probe, wrap and unwrap; opens once it is enabled', async () => {
    const { place, keys, seal, prepare, unwrap, opens } = await withCopy();
    keys.setEnabled(KEY_NAME, false);
    const enable = /^az keyvault key set-attributes --vault-name kv-\d+ --name unseal .*--enabled true$/;
    using root = rootKey();
    const wrap = () => seal.wrap(root, contextOf(seal), never);
    for (const call of [prepare, () => seal.probe(never), wrap, () => unwrap()]) {
      const { facts } = await place.refused(call(), 'keyvault_key_disabled');
      assert.match(facts.remedy ?? '', enable);
      assert.equal(facts.retry, 'slow');
    }
    keys.setEnabled(KEY_NAME, true);
    await opens();
  });

  test('expired, or not valid yet: wraps no more, and still opens what it wrapped', async () => {
    const { place, keys, prepare, opens } = await withCopy();
    keys.setValidity(KEY_NAME, { expires: past() });
    const { facts } = await place.refused(prepare(), 'keyvault_key_expired');
    assert.match(facts.sentence, /expired on \d{4}-/);
    assert.match(facts.remedy ?? '', /--expires <later date>$/);
    await opens();
    keys.setValidity(KEY_NAME, { notBefore: future() });
    await place.refused(prepare(), 'keyvault_key_expired');
    await opens();
    azure.settings.unwrapOutsideValidity = 'refused';
    try {
      await place.refused(opens(), 'keyvault_key_expired');
    } finally {
      azure.settings.unwrapOutsideValidity = 'allowed';
    }
  });

  test('without the operations: said before anything depends on it, with the command', async () => {
    const { place, keys, prepare, unwrap } = await withCopy();
    keys.setOps(KEY_NAME, ['sign']);
    const { facts } = await place.refused(prepare(), 'keyvault_key_unsuitable');
    assert.match(facts.sentence, /does not allow wrapKey and unwrapKey$/);
    assert.match(facts.remedy ?? '', /--ops sign wrapKey unwrapKey$/);
    await place.refused(unwrap(), 'keyvault_key_unsuitable');
  });

  test('everything at once is said at once', async () => {
    const { place, keys, prepare } = await withKey();
    keys.setOps(KEY_NAME, ['wrapKey']);
    keys.setEnabled(KEY_NAME, false);
    keys.setValidity(KEY_NAME, { expires: past() });
    const { facts } = await place.refused(prepare(), 'keyvault_key_unsuitable');
    assert.match(
      facts.sentence,
      /cannot be the KEK: it does not allow unwrapKey, is disabled, expired on [-:0-9TZ]+$/,
    );
    assert.match(facts.remedy ?? '', /--ops wrapKey unwrapKey --enabled true --expires <later date>$/);
  });

  test('never made: the command that makes it', async () => {
    const { place, prepare, seal } = await withKey({ keyName: 'other' });
    const { facts } = await place.refused(prepare(), 'keyvault_key_not_found');
    assert.match(facts.remedy ?? '', /^az keyvault key create --vault-name kv-\d+ --name other --kty RSA /);
    await place.refused(seal.probe(never), 'keyvault_key_not_found');
  });
});

describe('a key that is lost', () => {
  test('deleted, recovered, purged, made anew', async () => {
    const { place, keys, copy, prepare, unwrap, opens } = await withCopy();
    keys.delete(KEY_NAME);
    for (const call of [prepare, () => unwrap()]) {
      const { facts } = await place.refused(call(), 'keyvault_key_deleted');
      assert.match(facts.sentence, /can be recovered until \d{4}-\d\d-\d\d$/);
      assert.match(facts.remedy ?? '', /^az keyvault key recover --vault-name kv-\d+ --name unseal$/);
    }
    keys.recover(KEY_NAME);
    await opens();
    keys.delete(KEY_NAME);
    keys.purge(KEY_NAME);
    const purged = await place.refused(unwrap(), 'keyvault_key_not_found');
    assert.match(purged.message, /which sealed this data, does not exist .* was purged$/);
    const version = await keys.create(KEY_NAME);
    await place.refused(unwrap(), 'keyvault_key_not_found');
    // The right id and another key: Key Vault itself says that the two do not belong together.
    const moved = { ...copy, keyId: copy.keyId.replace(/[^/]+$/, version) };
    const { facts } = await place.refused(unwrap(moved), 'keyvault_bad_parameter');
    assert.deepEqual(
      [facts.stage, facts.retry, facts.httpStatus, facts.definite],
      ['unwrap', 'rare', 400, true],
    );
    assert.match(facts.sentence, /wrong key or version for this blob/);
  });

  test('in another vault: the fault says where the data was sealed', async () => {
    const { place, copy } = await withCopy();
    const elsewhere = azure.createVault('kv-key-elsewhere');
    azure.assignRole({ principalId: place.identity.principalId, role: CRYPTO_USER, scope: elsewhere.id });
    const moved = place.open({ vaultUri: elsewhere.uri, keyName: KEY_NAME });
    const call = moved.unwrap(copy, contextOf(moved), never);
    const fault = await place.refused(call, 'keyvault_key_not_found');
    assert.ok(
      fault.message.includes(place.vault.uri) && fault.message.includes(elsewhere.uri),
      fault.message,
    );
    assert.equal(fault.facts.remedy?.startsWith(`set vault_uri = "${place.vault.uri}"`), true);
  });

  test('a copy that was changed does not open', async () => {
    const { place, copy, unwrap } = await withCopy();
    const changed = Uint8Array.from(copy.blob);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const { facts } = await place.refused(unwrap({ ...copy, blob: changed }), 'kek_mismatch');
    assert.deepEqual([facts.stage, facts.retry], ['unwrap', 'rare']);
    await place.refused(unwrap({ ...copy, fingerprint: 'f'.repeat(64) }), 'kek_mismatch');
    await place.refused(unwrap({ ...copy, blob: Uint8Array.of(1, 1, 0) }), 'copy_malformed');
    await place.refused(
      unwrap({ ...copy, keyId: copy.keyId.replace('/keys/', '/secrets/') }),
      'copy_malformed',
    );
  });
});

test('a copy of one variant says so to the other, and what the stanza was', async () => {
  const { place, copy } = await withCopy();
  const secretSeal = place.open();
  const asSecret = await place.refused(
    secretSeal.unwrap(copy, contextOf(secretSeal), never),
    'variant_mismatch',
  );
  assert.match(
    asSecret.message,
    /sealed with a KEK held as a key; this node is set to a KEK held as a secret/,
  );
  assert.match(
    asSecret.facts.remedy ?? '',
    /^set key_name = "unseal" .*`seal migrate`, which this version does not have$/,
  );
  place.grant('Key Vault Secrets Officer');
  await secretSeal.prepare?.(CLUSTER, never);
  using root = rootKey();
  const other = await secretSeal.wrap(root, contextOf(secretSeal), never);
  const keySeal = place.open({ keyName: KEY_NAME });
  const asKey = await place.refused(keySeal.unwrap(other, contextOf(keySeal), never), 'variant_mismatch');
  assert.match(
    asKey.facts.remedy ?? '',
    /^take key_name out .*secret_name = "vault-unseal-key"; .*`seal migrate`/,
  );
});

describe('Azure in trouble', () => {
  const faults = [
    [{ kind: 'status', status: 429, retryAfterSeconds: 9 }, 'keyvault_throttled', 9_000],
    [{ kind: 'status', status: 500 }, 'keyvault_unavailable', undefined],
    [{ kind: 'status', status: 503 }, 'keyvault_unavailable', undefined],
    [{ kind: 'hang' }, 'keyvault_timeout', undefined],
    [{ kind: 'refuse' }, 'tcp_reset', undefined],
  ] as const;

  for (const [spec, className, retryAfterMs] of faults) {
    test(`${spec.kind} ${'status' in spec ? spec.status : ''}: ${className}, one call, and it opens afterwards`, async () => {
      const { place, seal, copy, unwrap, opens } = await withCopy({}, { deadlines: QUICK });
      azure.journal.clear();
      azure.faults.add({ target: place.vault.name, ...spec, count: 1 });
      const { facts } = await place.refused(unwrap(), className);
      assert.deepEqual([facts.retryAfterMs, facts.retry], [retryAfterMs, 'backoff']);
      assert.ok(azure.journal.entries({ target: place.vault.name }).length <= 1);
      await opens();
      azure.faults.add({ target: place.vault.name, ...spec, count: 1 });
      using root = rootKey();
      await place.refused(seal.wrap(root, contextOf(seal), never), className);
      const again = await seal.wrap(root, contextOf(seal), never);
      assert.equal(again.keyId, copy.keyId);
    });
  }
});

describe('what it says of itself', () => {
  test('describe and the first line name the key; nothing warns of a secret', async () => {
    const { place, seal, prepare } = await withKey();
    const who = `managed identity ${place.identity.clientId} (IMDS)`;
    assert.equal(seal.describe.summary, `Azure Key Vault ${place.vault.uri} key ${KEY_NAME}, as ${who}`);
    assert.deepEqual(seal.describe.warnings, []);
    await prepare();
    const [contact] = place.log.lines.filter(({ text }) => text.startsWith('contacting '));
    assert.match(contact?.text ?? '', /"key":"unseal"/);
  });

  test('probe warns of a disabled older version, of an expiry that comes near, and of missing purge protection', async () => {
    const { keys, version, seal, place } = await withKey();
    const newer = await keys.create(KEY_NAME, { expires: Math.floor(Date.now() / 1_000) + 5 * 86_400 });
    keys.setEnabled(KEY_NAME, false, version);
    const { keyId, warnings } = await seal.probe(never);
    assert.ok(keyId.endsWith(newer));
    for (const words of [/disabled.*/, /expires in [45] days/, /no purge protection/]) {
      assert.ok(
        warnings.some((line) => words.test(line)),
        `${words}: ${warnings.join('; ')}`,
      );
    }
    assert.ok(warnings.some((line) => line.includes(version)));
    place.assertNothingLeaked();
  });
});
