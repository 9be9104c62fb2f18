// kubernetes over a real server and a real API server of a cluster: service accounts log in, and are told why not.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { type Account, KubernetesApi } from '../auth/kubernetes-api.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

suite('kubernetes', () => {
  let server: DevServer;
  let api: KubernetesApi;
  let app: Account;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-kubernetes-'));
    api = await KubernetesApi.start();
    app = api.createAccount('prod', 'app');
    server = await DevServer.start();
    await server.client.write('sys/policies/acl/app', {
      policy:
        'path "secret/data/{{token.metadata.service_account_namespace}}/*" { capabilities = ["update", "read"] }',
    });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const call: DevServer['call'] = (...asked) => server.call(...asked);

  async function tokenOf(account: Account, lifetimeSeconds = 600): Promise<string> {
    const jwt = await api.token(account, { now: Date.now(), lifetimeSeconds });
    noteSecrets([jwt]);
    return jwt;
  }

  async function login(jwt: string, role = 'app') {
    const answer = await call('POST', 'auth/kubernetes/login', { role, jwt }, '');
    if (answer.status === 200) noteSecrets([answer.body.auth.client_token]);
    return answer;
  }

  async function cli(...argv: string[]) {
    return run(argv, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token });
  }

  test('set up by the command line, as with Vault, and a service account logs in there', async () => {
    assert.equal((await cli('auth', 'enable', 'kubernetes')).code, 0);
    writeFileSync(join(folder, 'ca.crt'), api.caPem);
    writeFileSync(join(folder, 'reviewer'), await tokenOf(api.createAccount('vault', 'reviewer', true)));
    const configured = await cli(
      'write',
      'auth/kubernetes/config',
      `kubernetes_host=${api.url}`,
      `kubernetes_ca_cert=@${join(folder, 'ca.crt')}`,
      `token_reviewer_jwt=@${join(folder, 'reviewer')}`,
    );
    assert.equal(configured.code, 0, configured.err);
    const role = await cli(
      'write',
      'auth/kubernetes/role/app',
      'bound_service_account_names=app',
      'bound_service_account_namespaces=prod,dev',
      'token_policies=app',
      'token_ttl=20m',
    );
    assert.equal(role.code, 0, role.err);
    writeFileSync(join(folder, 'token'), await tokenOf(app));
    const wrote = await cli(
      'write',
      '-format=json',
      'auth/kubernetes/login',
      'role=app',
      `jwt=@${join(folder, 'token')}`,
    );
    assert.equal(wrote.code, 0, wrote.err);
    const { auth } = JSON.parse(wrote.out);
    noteSecrets([auth.client_token]);
    const token = `jwt=@${join(folder, 'token')}`;
    const logged = await cli('login', '-method=kubernetes', '-token-only', 'role=app', token);
    assert.match(logged.out, /^hvs\./, logged.err);
    noteSecrets([logged.out]);
    assert.deepEqual(auth.metadata, {
      role: 'app',
      service_account_name: 'app',
      service_account_namespace: 'prod',
      service_account_secret_name: '',
      service_account_uid: app.uid,
    });
    assert.equal(auth.lease_duration, 1_200);
    const self = await call('GET', 'auth/token/lookup-self', undefined, auth.client_token);
    assert.equal(self.body.data.display_name, 'kubernetes-prod-app');
    const put = (path: string) =>
      call('POST', `secret/data/${path}`, { data: { a: 'b' } }, auth.client_token);
    assert.equal((await put('prod/x')).status, 403, 'the policy has no "create"');
    await server.client.kvPut('secret', 'prod/x', { a: 'b' });
    assert.equal((await put('prod/x')).status, 200);
    assert.equal((await put('dev/x')).status, 403);
  });

  test('who is refused is told what Vault tells, with its status', async () => {
    const denied = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };
    const says = (status: number, words: string) => ({ status, body: { errors: [words] } });
    const jwt = await tokenOf(app);
    assert.deepEqual(await login(jwt, 'nope'), says(400, 'invalid role name "nope"'));
    assert.deepEqual(await login(''), says(400, 'missing jwt'));
    assert.deepEqual(await login(await tokenOf(api.createAccount('prod', 'other'))), {
      ...says(403, 'service account name not authorized'),
    });
    assert.deepEqual(await login(await tokenOf(api.createAccount('test', 'app'))), {
      ...says(403, 'namespace not authorized'),
    });
    const short = api.createAccount('dev', 'app');
    const gone = await tokenOf(short);
    assert.equal((await login(gone)).status, 200);
    api.deleteAccount(short);
    assert.deepEqual(await login(gone), denied);
    for (const manners of ['reset', 'html', { status: 500 }] as const) {
      api.server.manners = manners;
      assert.deepEqual(await login(jwt), denied);
    }
    api.server.manners = 'good';
    assert.equal((await login(jwt)).status, 200);
    assert.equal((await call('GET', 'auth/kubernetes/config', undefined, '')).status, 403);
  });

  test('the token of the reviewer is never shown', async () => {
    const { body } = await call('GET', 'auth/kubernetes/config');
    assert.equal(body.data.token_reviewer_jwt_set, true);
    assert.ok(!JSON.stringify(body).includes('eyJ'));
  });

  test('a renewal ends with the role', async () => {
    const token = (await login(await tokenOf(app))).body.auth.client_token;
    const renew = () => call('POST', 'auth/token/renew-self', {}, token);
    assert.equal((await renew()).body.auth.lease_duration, 1_200);
    await server.client.delete('auth/kubernetes/role/app');
    assert.deepEqual(await renew(), {
      status: 400,
      body: { errors: ['role app does not exist during renewal'] },
    });
  });
});
