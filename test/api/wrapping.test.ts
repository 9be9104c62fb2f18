// Response wrapping over a real server: an answer that only one can open, once, and that leaves a trace if it was
// somebody else.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { noteSecrets } from '../leaks/ledger.ts';
import { Asker, tokenOf, wrapInfoOf } from './asker.ts';
import { DevServer } from './dev-server.ts';

const INVALID = 'wrapping token is not valid or does not exist';
const PASSWORD = 'numbat-5180-password';
const VALUE = 'quokka-2274-value';

suite('response wrapping', () => {
  let server: DevServer;
  let root: Asker;
  let app: Asker;
  const nobody = () => root.as('');

  before(async () => {
    noteSecrets([PASSWORD, VALUE]);
    server = await DevServer.start();
    root = new Asker(server.address, server.token);
    await root.post('secret/data/app', { data: { password: VALUE } });
    app = root.as(tokenOf(await root.post('auth/token/create', { ttl: '1h', policies: ['default'] })));
  });
  after(() => server[Symbol.asyncDispose]());

  const wrapped = async (ttl = '5m') =>
    String(wrapInfoOf(await root.get('secret/data/app', { wrapTtl: ttl }))['token']);

  test('a wrapped answer shows where it came from and how long it keeps, and nothing of itself', async () => {
    const answer = await root.get('secret/data/app', { wrapTtl: '2m' });
    const { request_id: _, wrap_info: __, ...rest } = answer.body;
    assert.deepEqual(rest, {
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data: null,
      warnings: null,
      auth: null,
      mount_type: 'kv',
    });
    const { token, accessor, creation_time, ...info } = wrapInfoOf(answer);
    assert.match(String(token), /^hvs\./);
    assert.match(String(accessor), /^[A-Za-z0-9]{24}$/);
    assert.ok(Math.abs(Date.parse(String(creation_time)) - Date.now()) < 60_000);
    assert.deepEqual(info, { ttl: 120, creation_path: 'secret/data/app' });
  });

  test('warnings go to who asked, not to who opens it', async () => {
    const made = await root.post(
      'auth/token/create',
      { policies: ['default'], ttl: '9000h' },
      { wrapTtl: '5m' },
    );
    assert.match(String(made.body['warnings']), /TTL of "9000h0m0s" exceeded/);
    const token = String(wrapInfoOf(made)['token']);
    assert.equal((await nobody().post('sys/wrapping/unwrap', undefined, { token })).body['warnings'], null);
  });

  test('with the wrapping token as the own one it is opened, once', async () => {
    const token = await wrapped();
    const { status, body, data } = await nobody().post('sys/wrapping/unwrap', undefined, { token });
    assert.equal(status, 200);
    assert.deepEqual(data['data'], { password: VALUE });
    assert.equal(body['wrap_info'], null);
    const again = await nobody().post('sys/wrapping/unwrap', undefined, { token });
    assert.deepEqual([again.status, again.errors], [400, INVALID]);
  });

  test('with the wrapping token in the body it is opened by any token that may, once', async () => {
    const token = await wrapped();
    assert.equal(
      (await nobody().post('sys/wrapping/unwrap', { token })).status,
      403,
      'a token of its own is needed',
    );
    assert.deepEqual((await app.post('sys/wrapping/unwrap', { token })).data['data'], { password: VALUE });
    const again = await app.post('sys/wrapping/unwrap', { token });
    assert.deepEqual([again.status, again.errors], [400, INVALID]);
  });

  test('the same token in body and header is used once', async () => {
    const token = await wrapped();
    const { data } = await root.as(token).post('sys/wrapping/unwrap', { token });
    assert.deepEqual(data['data'], { password: VALUE });
    assert.equal((await root.as(token).post('sys/wrapping/unwrap', { token })).status, 400);
  });

  test('of many that open it at once, one gets it', async () => {
    const token = await wrapped();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => nobody().post('sys/wrapping/unwrap', undefined, { token })),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  });

  test('anybody who holds it may look at it, which takes nothing', async () => {
    const token = await wrapped('90s');
    for (const look of [
      () => nobody().post('sys/wrapping/lookup', { token }),
      () => nobody().get('sys/wrapping/lookup', { token }),
      () => app.post('sys/wrapping/lookup', { token }),
    ]) {
      const { status, data } = await look();
      const { creation_time: _, ...rest } = data;
      assert.deepEqual([status, rest], [200, { creation_path: 'secret/data/app', creation_ttl: 90 }]);
    }
    assert.equal((await nobody().post('sys/wrapping/unwrap', undefined, { token })).status, 200);
    const gone = await nobody().post('sys/wrapping/lookup', { token });
    assert.deepEqual([gone.status, gone.errors], [400, INVALID]);
  });

  test('it is moved into a fresh token, and then the first one opens nothing', async () => {
    const token = await wrapped('90s');
    const info = wrapInfoOf(await root.post('sys/wrapping/rewrap', { token }));
    assert.notEqual(info['token'], token);
    assert.deepEqual([info['ttl'], info['creation_path']], [90, 'secret/data/app']);
    assert.equal((await app.post('sys/wrapping/unwrap', { token })).status, 400);
    const { data } = await app.post('sys/wrapping/unwrap', { token: String(info['token']) });
    assert.deepEqual(data['data'], { password: VALUE });
  });

  test('any values are wrapped on demand', async () => {
    const { status, errors } = await app.post('sys/wrapping/wrap', { a: 1 });
    assert.equal(status, 400);
    assert.match(errors, /endpoint requires response wrapping to be used/);
    const answer = await app.post('sys/wrapping/wrap', { a: 1, b: { c: ['d'] } }, { wrapTtl: '60' });
    const token = String(wrapInfoOf(answer)['token']);
    assert.equal(wrapInfoOf(answer)['creation_path'], 'sys/wrapping/wrap');
    assert.deepEqual((await nobody().post('sys/wrapping/unwrap', undefined, { token })).data, {
      a: 1,
      b: { c: ['d'] },
    });
  });

  test('a login is wrapped: its accessor is shown, its token is not', async () => {
    await root.post('sys/auth/userpass', { type: 'userpass' });
    await root.post('auth/userpass/users/ann', { password: PASSWORD });
    const login = await nobody().post('auth/userpass/login/ann', { password: PASSWORD }, { wrapTtl: '5m' });
    assert.equal(login.body['auth'], null);
    const info = wrapInfoOf(login);
    const { data } = await root.post('auth/token/lookup-accessor', {
      accessor: String(info['wrapped_accessor']),
    });
    assert.equal(data['display_name'], 'userpass-ann');
    const opened = await nobody().post('sys/wrapping/unwrap', undefined, { token: String(info['token']) });
    const self = await root.as(tokenOf(opened)).get('auth/token/lookup-self');
    assert.equal(self.data['accessor'], info['wrapped_accessor']);
  });

  test('a wrapping token can do nothing but be opened, and any try spends it', async () => {
    for (const ask of [
      (own: Asker) => own.get('auth/token/lookup-self'),
      (own: Asker) => own.get('secret/data/app'),
      (own: Asker) => own.get('cubbyhole/response'),
      (own: Asker) => own.post('auth/token/create'),
      (own: Asker) => own.post('sys/wrapping/rewrap'),
    ]) {
      const token = await wrapped();
      assert.equal((await ask(root.as(token))).status, 403);
      assert.equal((await app.post('sys/wrapping/unwrap', { token })).status, 400);
    }
  });

  test('it is ended unopened by its accessor', async () => {
    const info = wrapInfoOf(await root.get('secret/data/app', { wrapTtl: '5m' }));
    await root.post('auth/token/revoke-accessor', { accessor: String(info['accessor']) });
    assert.equal((await app.post('sys/wrapping/unwrap', { token: String(info['token']) })).status, 400);
  });

  test('what is no duration is refused; 0 wraps nothing; an answer without a body is not wrapped', async () => {
    assert.equal((await root.get('secret/data/app', { wrapTtl: 'soon' })).status, 400);
    assert.equal((await root.get('secret/data/app', { wrapTtl: '0' })).body['wrap_info'], null);
    assert.equal((await root.post('cubbyhole/a', { b: 'c' }, { wrapTtl: '5m' })).status, 204);
    assert.equal((await root.get('secret/data/nothing-here', { wrapTtl: '5m' })).status, 404);
  });

  test('ordinary tokens, and nonsense, are no wrapping tokens', async () => {
    const ordinary = tokenOf(await root.post('auth/token/create', { policies: ['default'] }));
    for (const token of [ordinary, 'root', 'hvs.nonsense', 'hvb.nonsense', 'x'.repeat(10_000)]) {
      for (const path of ['unwrap', 'lookup', 'rewrap']) {
        const { status, errors } = await app.post(`sys/wrapping/${path}`, { token });
        assert.deepEqual([status, errors], [400, INVALID], path);
      }
    }
    assert.equal((await root.as(ordinary).get('auth/token/lookup-self')).status, 200, 'it was not used up');
  });

  test('a policy may ask for wrapping, and for how long', async () => {
    await root.post('sys/policies/acl/wrap', {
      policy: `path "secret/data/app" {
        capabilities = ["read"]
        min_wrapping_ttl = "1m"
        max_wrapping_ttl = "10m"
      }`,
    });
    const careful = root.as(tokenOf(await root.post('auth/token/create', { policies: ['wrap'] })));
    const status = async (wrapTtl?: string) =>
      (await careful.get('secret/data/app', wrapTtl === undefined ? {} : { wrapTtl })).status;
    assert.deepEqual(
      [await status(), await status('30s'), await status('11m'), await status('5m')],
      [403, 403, 403, 200],
    );
  });

  test('the audit log never has what was wrapped, and has the try to open it twice', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-wrapping-'));
    const file = join(folder, 'audit.log');
    try {
      await root.post('sys/audit/file', { type: 'file', options: { file_path: file } });
      const token = await wrapped();
      await app.post('sys/wrapping/unwrap', { token });
      await app.post('sys/wrapping/unwrap', { token });
      await root.delete('sys/audit/file');
      const text = await readFile(file, 'utf8');
      assert.ok(!text.includes(VALUE) && !text.includes(token));
      const entries = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const refused = entries.filter((entry) => entry.error?.includes(INVALID));
      const about = refused.map(({ type, request }) => [type, request.path]);
      assert.deepEqual(about, [
        ['request', 'sys/wrapping/unwrap'],
        ['response', 'sys/wrapping/unwrap'],
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
