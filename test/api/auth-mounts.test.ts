// sys/auth, sys/mounts and their tune over a real server: what is shown, what acts, what is refused and in which words.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

const PASSWORD = 'tapir-2264-password';

suite('mounts of auth methods and secrets engines', () => {
  let server: DevServer;

  before(async () => {
    noteSecrets([PASSWORD]);
    server = await DevServer.start();
  });

  after(async () => server[Symbol.asyncDispose]());

  const call: DevServer['call'] = (...asked) => server.call(...asked);

  async function refused(method: string, path: string, body?: JsonObject): Promise<string> {
    const answer = await call(method, path, body);
    assert.equal(answer.status, 400, JSON.stringify(answer.body));
    return answer.body.errors[0];
  }

  async function tokenWith(policy: string): Promise<string> {
    await server.client.write('sys/policies/acl/t', { policy });
    const made = await call('POST', 'auth/token/create', { policies: ['t'], no_default_policy: true });
    noteSecrets([made.body.auth.client_token]);
    return made.body.auth.client_token;
  }

  test('an auth method comes, is shown, and goes', async () => {
    const body = { type: 'userpass', description: 'people', config: { default_lease_ttl: '1h' } };
    assert.deepEqual(await call('POST', 'sys/auth/people', body), { status: 204, body: {} });
    const { body: all } = await call('GET', 'sys/auth');
    assert.deepEqual(Object.keys(all.data).sort(), ['people/', 'token/']);
    assert.deepEqual(all['people/'], all.data['people/']);
    const { accessor, uuid, ...info } = all.data['people/'];
    assert.match(accessor, /^auth_userpass_[0-9a-f]{8}$/);
    assert.match(uuid, /^[0-9a-f-]{36}$/);
    assert.deepEqual(info, {
      config: {
        default_lease_ttl: 3600,
        force_no_cache: false,
        max_lease_ttl: 0,
        token_type: 'default-service',
      },
      deprecation_status: 'supported',
      description: 'people',
      external_entropy_access: false,
      local: false,
      options: {},
      plugin_version: '',
      running_plugin_version: '',
      running_sha256: '',
      seal_wrap: false,
      type: 'userpass',
    });
    assert.deepEqual((await call('GET', 'sys/auth/people')).body.data.accessor, accessor);
    assert.ok(!Object.hasOwn((await call('GET', 'sys/mounts')).body.data, 'auth/people/'));
    assert.equal((await call('DELETE', 'sys/auth/people')).status, 204);
    assert.equal((await call('DELETE', 'sys/auth/people')).status, 204, 'also if it is not there');
    assert.equal(await refused('GET', 'sys/auth/people'), 'No auth engine at people/');
  });

  test('what cannot be enabled is refused, and leaves nothing', async () => {
    const of = (path: string, body: JsonObject) => refused('POST', path, body);
    assert.equal(await of('sys/auth/x', {}), 'backend type must be specified as a string');
    assert.match(await of('sys/auth/x', { type: 'nonsense' }), /^plugin not found in the catalog: nonsense/);
    assert.match(await of('sys/auth/x', { type: 'kv' }), /^plugin not found in the catalog: kv/);
    assert.match(
      await of('sys/mounts/x', { type: 'userpass' }),
      /^plugin not found in the catalog: userpass/,
    );
    assert.match(await of('sys/mounts/auth/x', { type: 'userpass' }), /^cannot mount "auth\/x\/"/);
    assert.equal(await of('sys/auth/token', { type: 'userpass' }), 'path is already in use at token/');
    const config = (settings: JsonObject) => of('sys/auth/x', { type: 'userpass', config: settings });
    assert.equal(await config({ token_type: 'magic' }), "invalid value for 'token_type'");
    assert.equal(await config({ listing_visibility: 'all' }), 'invalid listing_visibility all');
    assert.equal(
      await config({ default_lease_ttl: '2h', max_lease_ttl: '1h' }),
      'given default lease TTL greater than given max lease TTL',
    );
    assert.match(
      await config({ default_lease_ttl: '99999h' }),
      /^given default lease TTL greater than system/,
    );
    assert.match(await config({ max_lease_ttl: 'soon' }), /^unable to parse max TTL of soon/);
    assert.match(
      await of('sys/auth/x', { type: 'userpass', options: { version: '2' } }),
      /does not allow setting a version/,
    );
    assert.equal(await refused('DELETE', 'sys/auth/token'), 'token credential backend cannot be disabled');
    assert.equal(await refused('DELETE', 'sys/mounts/sys'), 'cannot unmount "sys/"');
    assert.deepEqual(Object.keys((await call('GET', 'sys/auth')).body.data), ['token/']);
  });

  test('sys/auth/<path> needs sudo, sys/mounts/<path> does not', async () => {
    const rights = '{ capabilities = ["create", "read", "update", "delete"] }';
    const token = await tokenWith(`path "sys/auth/*" ${rights}\npath "sys/mounts/*" ${rights}`);
    assert.equal((await call('POST', 'sys/auth/sudo', { type: 'userpass' }, token)).status, 403);
    assert.equal((await call('GET', 'sys/auth/token/tune', undefined, token)).status, 403);
    assert.equal((await call('POST', 'sys/mounts/nosudo', { type: 'kv' }, token)).status, 204);
    assert.equal((await call('GET', 'sys/mounts/nosudo/tune', undefined, token)).status, 200);
  });

  test('tune shows what is in force, and changes what is given', async () => {
    await call('POST', 'sys/mounts/tuned', { type: 'kv-v2' });
    const tune = (body: JsonObject) => call('POST', 'sys/mounts/tuned/tune', body);
    const shown = async () => (await call('GET', 'sys/mounts/tuned/tune')).body.data;
    const before = {
      default_lease_ttl: 2_764_800,
      description: '',
      force_no_cache: false,
      max_lease_ttl: 2_764_800,
      options: { version: '2' },
    };
    assert.deepEqual(await shown(), before);
    const given = {
      default_lease_ttl: '10m',
      max_lease_ttl: 3600,
      description: 'new',
      listing_visibility: 'unauth',
      audit_non_hmac_request_keys: 'a,b',
      passthrough_request_headers: ['X-A'],
      allowed_response_headers: ['X-B'],
    };
    assert.deepEqual(await tune(given), { status: 204, body: {} });
    assert.deepEqual(await shown(), {
      ...before,
      ...given,
      default_lease_ttl: 600,
      audit_non_hmac_request_keys: ['a', 'b'],
    });
    const listed = await call('GET', 'sys/internal/ui/mounts', undefined, '');
    assert.deepEqual(Object.keys(listed.body.data.secret), ['tuned/']);
    await tune({ default_lease_ttl: 'system', max_lease_ttl: 'system', listing_visibility: '' });
    assert.equal((await shown()).default_lease_ttl, 2_764_800);
    const words = async (body: JsonObject) => (await tune(body)).body.errors?.[0];
    assert.equal(
      await words({ default_lease_ttl: '2h', max_lease_ttl: '1h' }),
      'backend max lease TTL of 3600 would be less than backend default lease TTL of 7200',
    );
    assert.equal(await words({ token_type: 'batch' }), "'token_type' can only be modified on auth mounts");
    assert.equal(await words({ options: { version: '1' } }), 'cannot downgrade mount from version 2');
    assert.equal(await words({ options: { version: '3' } }), 'invalid version provided: 3');
    assert.equal(
      await refused('POST', 'sys/mounts/none/tune', {}),
      'tune of path "none/" failed: no mount entry found',
    );
    assert.equal(await refused('GET', 'sys/mounts/none/tune'), 'cannot fetch sysview for path "none/"');
    assert.equal(
      await refused('POST', 'sys/mounts/sys/tune', { description: 'x' }),
      'cannot tune parameter description of sys/',
    );
  });

  test('the lifetimes of auth/token can be tuned, and act', async () => {
    await call('POST', 'sys/auth/token/tune', { default_lease_ttl: '7m' });
    const made = await call('POST', 'auth/token/create', { policies: ['default'] });
    noteSecrets([made.body.auth.client_token]);
    assert.equal(made.body.auth.lease_duration, 420);
    await call('POST', 'sys/auth/token/tune', { default_lease_ttl: 'system' });
  });

  test('what a mount wants shown in clear is clear in the audit log, and the rest is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'auth-mounts-'));
    try {
      const file = join(folder, 'audit.log');
      await call('POST', 'sys/audit/file', { type: 'file', options: { file_path: file } });
      await call('POST', 'sys/mounts/seen', { type: 'kv' });
      await call('POST', 'sys/mounts/seen/tune', {
        audit_non_hmac_request_keys: ['shown'],
        audit_non_hmac_response_keys: ['shown'],
      });
      await call('POST', 'seen/a', { shown: 'clear-value', hidden: 'hidden-value' });
      await call('GET', 'seen/a');
      const lines = readFileSync(file, 'utf8').trim().split('\n');
      const entries = lines.map((line) => JSON.parse(line)).filter((line) => line.request.path === 'seen/a');
      assert.equal(entries.length, 4);
      assert.equal(entries[0].request.data.shown, 'clear-value');
      assert.equal(entries[3].response.data.shown, 'clear-value');
      assert.match(entries[0].request.data.hidden, /^hmac-sha256:/);
      assert.match(entries[3].response.data.hidden, /^hmac-sha256:/);
    } finally {
      await call('DELETE', 'sys/audit/file');
      rmSync(folder, { recursive: true });
    }
  });

  test('a kv mount turns into version 2, with a warning, and its secrets with it', async () => {
    await call('POST', 'sys/mounts/old', { type: 'kv' });
    for (const name of ['a', 'b/c']) await call('POST', `old/${name}`, { name });
    const { status, body } = await call('POST', 'sys/mounts/old/tune', { options: { version: '2' } });
    assert.equal(status, 200);
    assert.match(body.warnings[0], /^Upgrading mount from version 1 to version 2\./);
    await until('the mount to serve again', async () => {
      const answer = await call('GET', 'old/data/b/c');
      return answer.status === 200 ? answer : undefined;
    });
    const { data } = (await call('GET', 'old/data/b/c')).body;
    assert.deepEqual([data.data, data.metadata.version], [{ name: 'b/c' }, 1]);
    assert.deepEqual((await call('GET', 'sys/mounts/old')).body.data.options, { version: '2' });
  });

  test('a method that is disabled while logins run leaves no token behind', async () => {
    await call('POST', 'sys/auth/busy', { type: 'userpass' });
    await call('POST', 'auth/busy/users/ann', { password: PASSWORD });
    const logins = Array.from({ length: 8 }, () =>
      call('POST', 'auth/busy/login/ann', { password: PASSWORD }, ''),
    );
    await logins[0];
    const [gone, ...answers] = await Promise.all([call('DELETE', 'sys/auth/busy'), ...logins]);
    assert.equal(gone.status, 204);
    const tokens = answers.flatMap(({ body }) => (body.auth ? [String(body.auth.client_token)] : []));
    noteSecrets(tokens);
    assert.ok(tokens.length > 0);
    for (const token of tokens) {
      assert.equal((await call('GET', 'auth/token/lookup-self', undefined, token)).status, 403);
    }
  });
});
