// The seal against a local Azure over sockets, with the official client: the good way, rights, foreign and lost KEKs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Azure } from '@latchkey/azure-emulator';
import { LatchkeyError } from '../../base/errors.ts';
import { sealContract } from '../seal.contract.ts';
import { CLUSTER_TAG, FORMAT_TAG } from './secret-variant.ts';
import {
  CLUSTER,
  contextOf,
  never,
  OFFICER,
  placeOn,
  rootKey,
  SECRET_NAME,
  startLocalAzure,
  USER,
} from './test/local-azure.ts';

let azure: Azure;
before(async () => {
  azure = await startLocalAzure();
});
after(() => azure.close());

sealContract('azurekeyvault', async () => {
  const own = await startLocalAzure();
  const seal = placeOn(own).open();
  await seal.prepare?.(CLUSTER, never);
  return {
    seal,
    clusterId: CLUSTER,
    async close() {
      await seal.close();
      await own.close();
    },
  };
});

describe('the life of a KEK', () => {
  test('prepare makes a tagged 32-byte secret, wrap pins its version, unwrap gives the root key back', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    const kept = azure.secrets(place.vault.name).get(SECRET_NAME);
    assert.equal(Buffer.from(kept.value, 'base64').byteLength, 32);
    assert.deepEqual(kept.tags, { [CLUSTER_TAG]: CLUSTER, [FORMAT_TAG]: '1' });

    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    assert.equal(copy.variant, 'secret');
    assert.equal(copy.keyId, `${place.vault.uri}/secrets/${SECRET_NAME}/${kept.version}`);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.ok(opened.equals(root));
    place.assertNothingLeaked(root.expose());
  });

  test('a restart needs only get: Secrets User opens the copy, and no list is called', async () => {
    const place = placeOn(azure);
    const first = place.open();
    await first.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await first.wrap(root, contextOf(first), never);
    place.grant(USER);
    azure.journal.clear();
    const second = place.open();
    using opened = await second.unwrap(copy, contextOf(second), never);
    assert.ok(opened.equals(root));
    const calls = azure.journal.entries({ target: place.vault.name });
    assert.deepEqual(
      calls.map(({ method, status }) => [method, status]),
      [
        ['GET', 401],
        ['GET', 200],
      ],
    );
  });

  test('a newer version does not disturb a copy, and the next wrap takes it', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const old = await seal.wrap(root, contextOf(seal), never);
    const value = Buffer.alloc(32, 7).toString('base64');
    const version = azure.secrets(place.vault.name).set(SECRET_NAME, value, { [CLUSTER_TAG]: CLUSTER });
    const renewed = await seal.wrap(root, contextOf(seal), never);
    assert.ok(renewed.keyId.endsWith(version));
    assert.notEqual(renewed.fingerprint, old.fingerprint);
    for (const copy of [old, renewed]) {
      using opened = await seal.unwrap(copy, contextOf(seal), never);
      assert.ok(opened.equals(root));
    }
  });

  test('an initialisation that died after the secret was made finds it again', async () => {
    const place = placeOn(azure);
    await place.open().prepare?.(CLUSTER, never);
    await place.open().prepare?.(CLUSTER, never);
    assert.equal(azure.secrets(place.vault.name).versions(SECRET_NAME).length, 1);
  });
});

describe('missing rights', () => {
  test('no role: get is refused, with identity, action, resource and the command that mends it', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    place.grant(undefined);
    const { facts } = await place.refused(
      seal.unwrap(copy, contextOf(seal), never),
      'keyvault_forbidden_rbac',
    );
    const { clientId, principalId } = place.identity;
    assert.deepEqual(
      [facts.stage, facts.retry, facts.httpStatus, facts.definite],
      ['key', 'slow', 403, true],
    );
    assert.match(
      facts.sentence,
      /^Key Vault refused secrets\/getSecret on https:\/\/kv-\d+\.[^ ]+\/vault-unseal-key: /,
    );
    assert.ok(facts.sentence.includes(`identity ${clientId} (object ${principalId})`), facts.sentence);
    assert.equal(
      facts.remedy,
      `az role assignment create --role "${USER}" --assignee-object-id ${principalId} ` +
        `--assignee-principal-type ServicePrincipal --scope "${place.vault.id.toLowerCase()}"`,
    );
    await place.refused(seal.wrap(root, contextOf(seal), never), 'keyvault_forbidden_rbac');
    await place.refused(seal.probe(never), 'keyvault_forbidden_rbac');
    place.grant(USER);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.ok(opened.equals(root));
    place.assertNothingLeaked(root.expose());
  });

  test('get without set: nothing is made, and the fault names action and role', async () => {
    const place = placeOn(azure);
    place.grant(USER);
    const { facts } = await place.refused(
      place.open().prepare?.(CLUSTER, never) ?? Promise.resolve(),
      'keyvault_forbidden_rbac',
    );
    assert.equal(facts.definite, true);
    assert.match(facts.sentence, /secrets\/setSecret/);
    assert.match(facts.remedy ?? '', /--role "Key Vault Secrets Officer"/);
    assert.deepEqual(azure.secrets(place.vault.name).names(), []);
    place.assertNothingLeaked();
  });

  test('an access policy that allows nothing is another class than a missing role', async () => {
    const place = placeOn(azure);
    const vault = azure.createVault('kv-policies', { rbac: false });
    const seal = place.open({ vaultUri: vault.uri });
    const { facts } = await place.refused(seal.probe(never), 'keyvault_forbidden_policy');
    assert.match(
      facts.remedy ?? '',
      /^az keyvault set-policy --name kv-policies --object-id [0-9a-f-]{36} --secret-permissions get list$/,
    );
  });
});

describe('a secret that cannot be the KEK', () => {
  const value = Buffer.alloc(32, 9).toString('base64');

  test('of another cluster, or without a tag: refused, named, and left as it was', async () => {
    const taggings: Record<string, string>[] = [
      { [CLUSTER_TAG]: 'someone-else' },
      { 'file-encoding': 'utf-8' },
    ];
    for (const tags of taggings) {
      const place = placeOn(azure);
      const secrets = azure.secrets(place.vault.name);
      secrets.set(SECRET_NAME, value, tags);
      const seal = place.open();
      const { facts } = await place.refused(
        seal.prepare?.(CLUSTER, never) ?? Promise.resolve(),
        'kek_belongs_to_another_cluster',
      );
      assert.ok(facts.sentence.includes(SECRET_NAME) && facts.sentence.includes(CLUSTER_TAG), facts.sentence);
      if (CLUSTER_TAG in tags) assert.match(facts.sentence, /someone-else/);
      assert.match(facts.remedy ?? '', /secret_name.*adopt = true/);
      assert.equal(facts.definite, true);
      using root = rootKey();
      await place.refused(seal.wrap(root, contextOf(seal), never), 'kek_belongs_to_another_cluster');
      assert.deepEqual(secrets.get(SECRET_NAME).tags, tags);
      assert.equal(secrets.versions(SECRET_NAME).length, 1);
      place.assertNothingLeaked();
    }
  });

  test('adopt takes it over: same version, our tags beside the others', async () => {
    const place = placeOn(azure);
    const secrets = azure.secrets(place.vault.name);
    const version = secrets.set(SECRET_NAME, value, { owner: 'ops', [CLUSTER_TAG]: 'someone-else' });
    const seal = place.open({ adopt: true });
    await seal.prepare?.(CLUSTER, never);
    assert.deepEqual(secrets.get(SECRET_NAME).tags, {
      owner: 'ops',
      [CLUSTER_TAG]: CLUSTER,
      [FORMAT_TAG]: '1',
    });
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    assert.ok(copy.keyId.endsWith(version));
    place.assertNothingLeaked();
  });

  test('adopt without the right to update: refused, nothing changed', async () => {
    const place = placeOn(azure);
    azure.secrets(place.vault.name).set(SECRET_NAME, value);
    place.grant(USER);
    const { facts } = await place.refused(
      place.open({ adopt: true }).prepare?.(CLUSTER, never) ?? Promise.resolve(),
      'keyvault_forbidden_rbac',
    );
    assert.match(facts.remedy ?? '', /Key Vault Secrets Officer/);
  });

  test('a value that is not 32 bytes of base64 is never taken, not even by adopt', async () => {
    const odd = [
      value.slice(0, 40),
      `${value}\n`,
      Buffer.alloc(31, 1).toString('base64'),
      'hunter2',
      value.replaceAll('C', '-'),
    ];
    for (const text of odd) {
      const place = placeOn(azure);
      azure.secrets(place.vault.name).set(SECRET_NAME, text);
      const call = place.open({ adopt: true }).prepare?.(CLUSTER, never) ?? Promise.resolve();
      const fault = await place.refused(call, 'kek_malformed');
      assert.ok(!fault.message.includes(text));
    }
  });

  test('disabled, then enabled again', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    azure.secrets(place.vault.name).setEnabled(SECRET_NAME, false);
    const { facts } = await place.refused(
      seal.unwrap(copy, contextOf(seal), never),
      'keyvault_secret_disabled',
    );
    assert.match(
      facts.remedy ?? '',
      /^az keyvault secret set-attributes .*--version [0-9a-f]{32} --enabled true$/,
    );
    azure.secrets(place.vault.name).setEnabled(SECRET_NAME, true);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.ok(opened.equals(root));
  });

  test('deleted: said as such at a start and at an initialisation, with the date; opens again when recovered', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    azure.secrets(place.vault.name).delete(SECRET_NAME);
    const { facts } = await place.refused(
      seal.unwrap(copy, contextOf(seal), never),
      'keyvault_secret_deleted',
    );
    assert.match(facts.sentence, /can be recovered until \d{4}-\d\d-\d\d$/);
    assert.match(
      facts.remedy ?? '',
      /^az keyvault secret recover --vault-name kv-\d+ --name vault-unseal-key$/,
    );
    const refusal = await place.refused(
      seal.prepare?.(CLUSTER, never) ?? Promise.resolve(),
      'keyvault_secret_deleted',
    );
    assert.match(refusal.facts.remedy ?? '', /another secret_name/);
    azure.secrets(place.vault.name).recover(SECRET_NAME);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.ok(opened.equals(root));
  });

  test('purged, or made anew under the same name: not found, or another KEK', async () => {
    const place = placeOn(azure);
    const secrets = azure.secrets(place.vault.name);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    secrets.delete(SECRET_NAME);
    secrets.purge(SECRET_NAME);
    await place.refused(seal.unwrap(copy, contextOf(seal), never), 'keyvault_secret_not_found');
    const version = secrets.set(SECRET_NAME, value, { [CLUSTER_TAG]: CLUSTER });
    const moved = { ...copy, keyId: copy.keyId.replace(/[^/]+$/, version) };
    const { facts } = await place.refused(seal.unwrap(moved, contextOf(seal), never), 'kek_mismatch');
    assert.deepEqual([facts.stage, facts.retry], ['unwrap', 'rare']);
    place.assertNothingLeaked(root.expose());
  });

  test('a node that is set to another vault says where the data was sealed', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    const elsewhere = azure.createVault('kv-elsewhere');
    azure.assignRole({ principalId: place.identity.principalId, role: OFFICER, scope: elsewhere.id });
    const moved = place.open({ vaultUri: elsewhere.uri });
    const fault = await place.refused(
      moved.unwrap(copy, contextOf(moved), never),
      'keyvault_secret_not_found',
    );
    assert.ok(
      fault.message.includes(place.vault.uri) && fault.message.includes(elsewhere.uri),
      fault.message,
    );
  });
});

describe('what it says of itself', () => {
  test('one info line before the first call, debug after; no proxy', async () => {
    const place = placeOn(azure);
    const seal = place.open({}, { env: { HTTPS_PROXY: 'http://127.0.0.1:9' } });
    await seal.prepare?.(CLUSTER, never);
    await seal.probe(never);
    const contacts = place.log.lines.filter(({ text }) => text.startsWith('contacting '));
    assert.deepEqual(
      contacts.map(({ level }) => level),
      ['info', 'debug'],
    );
    assert.ok(
      contacts[0]?.text.includes(`${place.vault.uri} as managed identity ${place.identity.clientId} (IMDS)`),
    );
    assert.equal(
      place.log.lines.filter(({ level, text }) => level === 'warn' && text.includes('HTTPS_PROXY')).length,
      1,
    );
  });

  test('describe names vault, secret and identity, and that the KEK is held as a secret', () => {
    const place = placeOn(azure);
    const { summary, warnings } = place.open().describe;
    assert.equal(
      summary,
      `Azure Key Vault ${place.vault.uri} secret ${SECRET_NAME}, as managed identity ${place.identity.clientId} (IMDS)`,
    );
    assert.match(warnings.join(' '), /KEK held as a secret/);
  });

  test('probe warns of disabled versions and of a vault without purge protection', async () => {
    const place = placeOn(azure);
    const seal = place.open();
    await seal.prepare?.(CLUSTER, never);
    const secrets = azure.secrets(place.vault.name);
    const [first] = secrets.versions(SECRET_NAME);
    secrets.set(SECRET_NAME, Buffer.alloc(32, 3).toString('base64'), { [CLUSTER_TAG]: CLUSTER });
    secrets.setEnabled(SECRET_NAME, false, first);
    const report = await seal.probe(never);
    assert.ok(report.warnings.some((line) => line.includes('disabled') && line.includes(first ?? '?')));
    assert.ok(report.warnings.some((line) => line.includes('purge protection')));
    place.assertNothingLeaked();
  });

  test('probe without the right to list is a warning, not a fault', async () => {
    const place = placeOn(azure);
    const permissions = { keys: [], secrets: ['get', 'set'], certificates: [], storage: [] };
    const policy = { tenantId: azure.tenantId, objectId: place.identity.principalId, permissions };
    const vault = azure.createVault('kv-no-list', { rbac: false, accessPolicies: [policy] });
    const seal = place.open({ vaultUri: vault.uri });
    await seal.prepare?.(CLUSTER, never);
    const { keyId, warnings } = await seal.probe(never);
    assert.ok(keyId.startsWith(`${vault.uri}/secrets/${SECRET_NAME}/`));
    assert.ok(
      warnings.some((line) => line.startsWith('cannot list the versions')),
      warnings.join('; '),
    );
  });
});

describe('the stanza', () => {
  test('is refused at open with the key and what it takes', () => {
    const place = placeOn(azure);
    const bad: [Parameters<typeof place.open>[0], RegExp][] = [
      [{ keyName: 'a_b' }, /key_name/],
      [{ authMethod: 'client_secret' }, /client_secret and tenant_id must be set too/],
      [{ resourceId: 'my-identity' }, /resource_id/],
      [{ vaultUri: 'http://kv.vault.azure.net' }, /vault_uri/],
      [{ vaultUri: 'https://kv.vault.azure.net/secrets' }, /vault_uri/],
      [{ vaultUri: 'https://user:pass@kv.vault.azure.net' }, /vault_uri/],
      [{ vaultUri: 'https://127.0.0.1:8443' }, /vault_uri/],
      [{ vaultUri: 'https://localhost' }, /vault_uri/],
      [{ vaultUri: 'my-vault' }, /vault_uri/],
      [{ secretName: 'a_b' }, /secret_name/],
      [{ secretName: '' }, /secret_name/],
      [{ clientId: 'a b' }, /client_id/],
      [{ tenantId: 'a/b' }, /tenant_id/],
      [{ caCertPem: 'nothing' }, /ca_cert/],
      [{ caCertPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, /ca_cert/],
      [{ imdsEndpoint: 'ftp://x' }, /imds_endpoint/],
      [{ authorityHost: 'http://login' }, /authority_host/],
      [{ audience: 'a b' }, /audience/],
    ];
    for (const [config, words] of bad) {
      assert.throws(
        () => place.open(config),
        (error) =>
          error instanceof LatchkeyError && error.code === 'config_invalid' && words.test(error.message),
        JSON.stringify(config),
      );
    }
  });
});
