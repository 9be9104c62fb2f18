// `status`, `operator init` and `operator unseal`: tables, exit codes, and why a node is sealed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { SEAL_CLASS_NAMES } from './seal-classes.ts';
import { PlayServer, run } from './test-rig.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const OPEN: JsonObject = {
  type: 'azurekeyvault',
  recovery_seal: true,
  recovery_seal_type: 'shamir',
  initialized: true,
  sealed: false,
  t: 3,
  n: 5,
  progress: 0,
  nonce: '',
  version: '1.21.0',
  build_date: '2026-11-01T00:00:00Z',
  commit_date: '2026-11-01T00:00:00Z',
  migration: false,
  storage_type: 'lmdb',
  cluster_name: 'vault-cluster-1',
  cluster_id: '8a53',
  warnings: [],
  unseal_state: 'unsealed',
};
const FAULT: JsonObject = {
  ...OPEN,
  sealed: true,
  cluster_name: '',
  cluster_id: '',
  unseal_state: 'fault',
  last_error: {
    stage: 'key',
    class: 'keyvault_forbidden_rbac',
    http_status: 403,
    seal: 'azurekeyvault',
    attempts: 14,
    next_attempt_at: '2026-11-24T12:00:21.500Z',
  },
};
const SEALED_LEADER = { status: 503, body: { errors: ['Vault is sealed'] } };

async function status(body: JsonObject, leader: object, line = 'status') {
  await using play = await PlayServer.start({
    'GET /v1/sys/seal-status': { body },
    'GET /v1/sys/leader': leader,
  });
  return await run(
    line,
    { VAULT_ADDR: play.address, VAULT_NAMESPACE: 'ignored-by-status' },
    { now: () => NOW },
  );
}

test('an active node', async () => {
  const body = {
    ...OPEN,
    seal_key: 'my-vault/vault-unseal-key@3f2a',
    seal_warnings: ['purge protection is off'],
  };
  const { code, out, err } = await status(body, {
    body: {
      ha_enabled: true,
      is_self: true,
      active_time: '2026-11-24T11:00:00.5Z',
      leader_address: 'https://a0',
      leader_cluster_address: 'https://c0',
    },
  });
  assert.equal(
    out,
    `Key                      Value
---                      -----
Seal Type                azurekeyvault
Recovery Seal Type       shamir
Seal Key                 my-vault/vault-unseal-key@3f2a
Initialized              true
Sealed                   false
Total Recovery Shares    5
Threshold                3
Version                  1.21.0
Build Date               2026-11-01T00:00:00Z
Storage Type             lmdb
Cluster Name             vault-cluster-1
Cluster ID               8a53
HA Enabled               true
HA Cluster               https://c0
HA Mode                  active
Active Since             2026-11-24T11:00:00.5Z
Seal Warning             purge protection is off
`,
  );
  assert.deepEqual([code, err], [0, '']);
});

test('a standby, with and without a leader; a node without HA', async () => {
  const known = {
    ha_enabled: true,
    is_self: false,
    leader_address: 'https://a0',
    leader_cluster_address: 'https://c0',
  };
  assert.match(
    (await status(OPEN, { body: known })).out,
    /HA Mode +standby\nActive Node Address +https:\/\/a0\n$/,
  );
  const unknown = { ...known, leader_address: '', leader_cluster_address: '' };
  assert.match(
    (await status(OPEN, { body: unknown })).out,
    /HA Cluster +n\/a\nHA Mode +standby\nActive Node Address +<none>\n$/,
  );
  const alone = await status({ ...OPEN, build_date: '' }, { body: { ha_enabled: false } });
  assert.match(alone.out, /HA Enabled +false\n$/);
  assert.match(alone.out, /Commit Date +2026/);
});

test('a node sealed by fault says why and what mends it, from the class alone', async () => {
  const { code, out } = await status(FAULT, SEALED_LEADER);
  assert.equal(code, 2);
  assert.match(out, /Sealed +true\n.*\n.*\nUnseal Progress +0\/3\nUnseal Nonce +n\/a\n/);
  assert.doesNotMatch(out, /Cluster Name/);
  assert.ok(
    out.endsWith(`HA Enabled               true

Why sealed: Key Vault refused the identity (ForbiddenByRbac): it has no role that allows this (HTTP 403, class keyvault_forbidden_rbac); attempt 14, next in 22 s.
To mend it: az role assignment create --role "Key Vault Secrets User" --assignee-object-id <principal-id> --assignee-principal-type ServicePrincipal --scope <key-vault-resource-id>
`),
    out,
  );
});

test("the server's own sentence and command win over the table", async () => {
  const fault = {
    ...(FAULT['last_error'] as JsonObject),
    sentence: 'id-1 may not get x.',
    remedy: 'az do it --now',
  };
  const { out } = await status({ ...FAULT, last_error: fault }, SEALED_LEADER);
  assert.match(
    out,
    /\nWhy sealed: id-1 may not get x \(HTTP 403, class keyvault_forbidden_rbac\); .*\nTo mend it: az do it --now\n$/,
  );
});

test('a status that the sentence names already is not said twice', async () => {
  const fault = { ...(FAULT['last_error'] as JsonObject), sentence: 'Key Vault answered 403 Forbidden' };
  const { out } = await status({ ...FAULT, last_error: fault }, SEALED_LEADER);
  assert.match(out, /\nWhy sealed: Key Vault answered 403 Forbidden \(class keyvault_forbidden_rbac\); /);
  const other = await status({ ...FAULT, last_error: { ...fault, sentence: 'port 4030' } }, SEALED_LEADER);
  assert.match(other.out, /port 4030 \(HTTP 403, class keyvault_forbidden_rbac\)/);
});

test('yaml, by either name and from the environment', async () => {
  for (const line of ['status -format yaml', 'status -format=YML']) {
    const { code, out } = await status(FAULT, SEALED_LEADER, line);
    assert.equal(code, 2);
    assert.match(out, /^sealed: true$/m);
    assert.match(out, /^last_error:\n {2}attempts: 14\n {2}class: keyvault_forbidden_rbac\n/m);
    assert.match(out, /^version: "1\.21\.0"$/m);
  }
  const field = await status(OPEN, { body: { ha_enabled: false } }, 'status -format=yaml -field=type');
  assert.deepEqual([field.code, field.out], [0, 'azurekeyvault']);
});

test('every class has a sentence and a command; one from a newer server is named', async () => {
  for (const name of [...SEAL_CLASS_NAMES, 'from_the_future', '__proto__', '']) {
    const { code, out } = await status({ ...FAULT, last_error: { class: name } }, SEALED_LEADER);
    assert.equal(code, 2);
    assert.match(
      out,
      new RegExp(`\\nWhy sealed: .*class ${name || 'unknown'}\\)\\.\\nTo mend it: .+\\n$`),
      name,
    );
  }
});

test('the other reasons to be sealed', async () => {
  const state = async (unseal_state: string, more: JsonObject = {}) => {
    const body: JsonObject = { ...FAULT, unseal_state, ...more };
    delete body['last_error'];
    return (await status(body, SEALED_LEADER)).out.split('\n\n')[1] ?? '';
  };
  assert.match(
    await state('not_initialized', { initialized: false }),
    /not initialized yet.*\n.*operator init/,
  );
  assert.match(await state('unsealing'), /^Why sealed: auto-unseal is under way\.\n$/);
  assert.match(
    await state('operator'),
    /an operator sealed this node.*\n.*restart the server.*operator unseal/,
  );
  assert.match(await state('fault'), /server's log/);
  // A server that says nothing gets nothing made up.
  assert.equal(await state(''), '');
});

test('status in JSON and by field keeps the exit code', async () => {
  const json = await status(FAULT, SEALED_LEADER, 'status -format=json');
  assert.equal(json.code, 2);
  const parsed = JSON.parse(json.out);
  assert.equal(parsed.ha_enabled, true);
  assert.equal(parsed.last_error.class, 'keyvault_forbidden_rbac');
  assert.equal('is_self' in parsed, false);
  assert.deepEqual(await status(FAULT, SEALED_LEADER, 'status -field=sealed'), {
    code: 2,
    out: 'true',
    err: '',
  });
  const mode = await status(OPEN, { body: { ha_enabled: true, is_self: true } }, 'status -field ha_mode');
  assert.deepEqual(mode, { code: 0, out: 'active', err: '' });
});

test('status is 1 if there is no answer, or not one of a Vault server', async () => {
  const refused = await run('status', { VAULT_ADDR: 'http://127.0.0.1:1' });
  assert.deepEqual(refused, {
    code: 1,
    out: '',
    err: 'Error checking seal status: Get "http://127.0.0.1:1/v1/sys/seal-status": dial tcp 127.0.0.1:1: connect: connection refused\n',
  });
  await using page = await PlayServer.start({ 'GET /v1/sys/seal-status': { text: '<html>hello</html>' } });
  const html = await run('status', { VAULT_ADDR: page.address });
  assert.equal(html.code, 1);
  assert.match(html.err, /Code: 200\. Raw Message:\n\n<html>hello<\/html>\n$/);
  page.answers['GET /v1/sys/seal-status'] = { body: { hello: 'world' } };
  assert.match(
    (await run('status', { VAULT_ADDR: page.address })).err,
    /is this the address of a Vault server/,
  );
});

const INIT = {
  keys: [],
  keys_base64: [],
  recovery_keys: ['aa', 'bb'],
  recovery_keys_base64: ['qg==', 'uw=='],
  root_token: 'hvs.root-token-of-a-test',
};

test('operator init with auto-unseal', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/seal-status': { body: { ...OPEN, initialized: false, sealed: true } },
    'PUT /v1/sys/init': { body: INIT },
  });
  const env = { VAULT_ADDR: play.address };
  const { code, out, err } = await run('operator init -recovery-shares=2 -recovery-threshold 2', env);
  assert.deepEqual([code, err], [0, '']);
  assert.ok(
    out.startsWith(`Recovery Key 1: qg==
Recovery Key 2: uw==

Initial Root Token: hvs.root-token-of-a-test

Success! Vault is initialized

Recovery key initialized with 2 key shares and a key threshold of 2. `),
    out,
  );
  const json = await run('operator init -format=json -restart', env);
  assert.deepEqual(JSON.parse(json.out), {
    unseal_keys_b64: [],
    unseal_keys_hex: [],
    unseal_shares: 1,
    unseal_threshold: 1,
    recovery_keys_b64: ['qg==', 'uw=='],
    recovery_keys_hex: ['aa', 'bb'],
    recovery_keys_shares: 5,
    recovery_keys_threshold: 3,
    root_token: 'hvs.root-token-of-a-test',
  });
  await run('operator init -key-shares=4', env);
  assert.deepEqual(
    play.lines.filter((line) => line.startsWith('PUT')),
    [
      'PUT /v1/sys/init {"recovery_shares":2,"recovery_threshold":2}',
      'PUT /v1/sys/init {"recovery_shares":5,"recovery_threshold":3,"restart":true}',
      'PUT /v1/sys/init {"secret_shares":4,"recovery_shares":5,"recovery_threshold":3}',
    ],
  );
});

test('operator init with Shamir keys, a warning, a refusal, and -status', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/seal-status': {
      body: { type: 'shamir', initialized: false, sealed: true, recovery_seal: false },
    },
    'PUT /v1/sys/init': [
      {
        body: {
          keys: ['aa'],
          keys_base64: ['qg=='],
          root_token: 'hvs.root-token-of-a-test',
          warnings: ['the last step failed'],
        },
      },
      { status: 400, body: { errors: ['Vault is already initialized'] } },
    ],
    'GET /v1/sys/init': [{ body: { initialized: false } }, { body: { initialized: true } }, { status: 500 }],
  });
  const env = { VAULT_ADDR: play.address };
  const done = await run('operator init -n 1 -t 1', env);
  assert.match(
    done.out,
    /^Unseal Key 1: qg==\n\nInitial Root Token: hvs\.root-token-of-a-test\n\nVault initialized with 1 /,
  );
  assert.match(done.err, /\* the last step failed/);
  assert.equal(play.asked.at(-1)?.body, '{"secret_shares":1,"secret_threshold":1}');
  const again = await run('operator init', env);
  assert.deepEqual(again, {
    code: 2,
    out: '',
    err: `Error initializing: Error making API request.\n\nURL: PUT ${play.address}/v1/sys/init\nCode: 400. Errors:\n\n* Vault is already initialized\n`,
  });
  assert.deepEqual(await run('operator init -status', env), {
    code: 2,
    out: 'Vault is not initialized\n',
    err: '',
  });
  assert.deepEqual(await run('operator init -status', env), {
    code: 0,
    out: 'Vault is initialized\n',
    err: '',
  });
  assert.equal((await run('operator init -status', env)).code, 1);
});

test('operator unseal is 0 while more keys are needed, 2 if refused, and can be reset', async () => {
  const body = { type: 'shamir', initialized: true, sealed: true, t: 3, n: 5, progress: 2, nonce: 'ab-cd' };
  await using play = await PlayServer.start({
    'PUT /v1/sys/unseal': [
      { body },
      { body: { ...body, progress: 0 } },
      { status: 400, body: { errors: ['bad key'] } },
    ],
    'GET /v1/sys/leader': SEALED_LEADER,
  });
  const env = { VAULT_ADDR: play.address };
  const part = await run('operator unseal', env, { input: 'share-1\n' });
  assert.equal(part.code, 0);
  assert.match(
    part.out,
    /^Key +Value\n.*\nSeal Type +shamir\n(.*\n)+Unseal Progress +2\/3\nUnseal Nonce +ab-cd\n/,
  );
  assert.equal((await run('operator unseal -reset', env)).code, 0);
  const refused = await run('operator unseal share-2', env);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /^Error unsealing: Error making API request\./);
  assert.ok(!refused.err.includes('share-2'));
  assert.equal((await run('operator unseal', env, { input: '\n' })).code, 1);
  assert.deepEqual(
    play.asked.filter(({ method }) => method === 'PUT').map((asked) => asked.body),
    ['{"key":"share-1"}', '{"reset":true}', '{"key":"share-2"}'],
  );
});
