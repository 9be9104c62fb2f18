// jwt over a real server: tokens of an issuer of our own, and of a local AKS cluster, log in by the API and the CLI.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startAzure } from '@latchkey/azure-emulator';
import { run } from '../../src/cli/test-rig.ts';
import { OidcIssuer } from '../auth/oidc-issuer.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

suite('jwt', () => {
  let server: DevServer;
  let issuer: OidcIssuer;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-jwt-'));
    issuer = await OidcIssuer.start();
    writeFileSync(join(folder, 'ca.pem'), issuer.caPem);
    server = await DevServer.start();
    await server.client.write('sys/policies/acl/team', {
      policy: 'path "secret/data/{{token.metadata.team}}/*" { capabilities = ["create", "update", "read"] }',
    });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const call: DevServer['call'] = (...asked) => server.call(...asked);

  async function login(mount: string, jwt: string, role = 'app') {
    // What a token signs with is its secret part; the rest is no more secret than a name.
    noteSecrets([jwt]);
    const answer = await call('POST', `auth/${mount}/login`, { role, jwt }, '');
    if (answer.status === 200) noteSecrets([answer.body.auth.client_token]);
    return answer;
  }

  async function cli(...argv: string[]) {
    return run(argv, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token });
  }

  test('set up by the command line, as with Vault, and a token logs in there', async () => {
    const enabled = await cli('auth', 'enable', 'jwt');
    assert.match(enabled.out, /Success! Enabled jwt auth method at: jwt\//);
    const config = [`oidc_discovery_url=${issuer.url}`, `oidc_discovery_ca_pem=@${join(folder, 'ca.pem')}`];
    const configured = await cli('write', 'auth/jwt/config', ...config, `bound_issuer=${issuer.url}`);
    assert.equal(configured.code, 0, configured.err);
    writeFileSync(
      join(folder, 'role.json'),
      JSON.stringify({
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: ['latchkey'],
        bound_claims: { groups: ['admins', 'core'] },
        claim_mappings: { '/org/team': 'team' },
        token_policies: ['team'],
        token_ttl: '1h',
      }),
    );
    const role = await cli('write', 'auth/jwt/role/app', `@${join(folder, 'role.json')}`);
    assert.equal(role.code, 0, role.err);
    assert.match((await cli('list', 'auth/jwt/role')).out, /^app$/m);
    const jwt = await issuer.token({ groups: ['core'], org: { team: 'core' } });
    noteSecrets([jwt]);
    writeFileSync(join(folder, 'token'), `${jwt}\n`);
    const wrote = await cli(
      'write',
      '-format=json',
      'auth/jwt/login',
      'role=app',
      `jwt=@${join(folder, 'token')}`,
    );
    assert.equal(wrote.code, 0, wrote.err);
    const { auth } = JSON.parse(wrote.out);
    noteSecrets([auth.client_token]);
    const logged = await cli(
      'login',
      '-method=jwt',
      '-token-only',
      'role=app',
      `jwt=@${join(folder, 'token')}`,
    );
    assert.match(logged.out, /^hvs\./, logged.err);
    noteSecrets([logged.out]);
    assert.deepEqual(auth.metadata, { role: 'app', team: 'core' });
    assert.deepEqual(auth.policies, ['default', 'team']);
    assert.equal(auth.lease_duration, 3_600);
    const self = await call('GET', 'auth/token/lookup-self', undefined, auth.client_token);
    assert.equal(self.body.data.display_name, 'jwt-ann');
    assert.equal(self.body.data.path, 'auth/jwt/login');
    assert.deepEqual(self.body.data.meta, { role: 'app', team: 'core' });
    const put = (path: string) =>
      call('POST', `secret/data/${path}`, { data: { a: 'b' } }, auth.client_token);
    assert.equal((await put('core/x')).status, 200);
    assert.equal((await put('other/x')).status, 403);
  });

  test('what a token lacks is told in the words of Vault, with its status', async () => {
    const claims = { groups: ['core'], org: { team: 'core' } };
    const cases: [Promise<string>, string][] = [
      [
        issuer.token({ ...claims, aud: 'x' }),
        'invalid audience (aud) claim: audience claim does not match any expected',
      ],
      [issuer.token({ ...claims, iss: 'x' }), 'error validating token: invalid issuer (iss) claim'],
      [issuer.token({ ...claims, exp: 1 }), 'token is expired'],
      [
        issuer.token({ ...claims, groups: ['guests'] }),
        'error validating claims: claim "groups" does not match any',
      ],
      [issuer.token({ ...claims, org: { team: 7 } }), "error converting claim '/org/team' to string"],
      [
        Promise.resolve('no-token-of-anybody-4417'),
        'error validating token: error verifying token signature: malformed jwt',
      ],
    ];
    for (const [jwt, words] of cases) {
      const { status, body } = await login('jwt', await jwt);
      assert.equal(status, 400);
      assert.equal(body.errors.length, 1);
      assert.ok(body.errors[0].includes(words), body.errors[0]);
    }
    const missing = await login('jwt', await issuer.token(claims), 'nope');
    assert.deepEqual(missing, { status: 400, body: { errors: ['role "nope" could not be found'] } });
    for (const [method, path] of [
      ['GET', 'auth/jwt/config'],
      ['GET', 'auth/jwt/role/app'],
      ['POST', 'auth/jwt/role/app'],
    ] as const) {
      assert.equal((await call(method, path, method === 'POST' ? {} : undefined, '')).status, 403);
    }
  });

  test('a renewal goes by the role as it is now, and ends with it', async () => {
    const jwt = await issuer.token({ groups: 'core', org: { team: 'core' } });
    const token = (await login('jwt', jwt)).body.auth.client_token;
    const renew = () => call('POST', 'auth/token/renew-self', {}, token);
    assert.equal((await renew()).body.auth.lease_duration, 3_600);
    await server.client.write('auth/jwt/role/app', { token_ttl: '10m' });
    assert.equal((await renew()).body.auth.lease_duration, 600);
    const role = (await call('GET', 'auth/jwt/role/app')).body.data;
    await server.client.delete('auth/jwt/role/app');
    assert.deepEqual(await renew(), {
      status: 400,
      body: { errors: ['role app does not exist during renewal'] },
    });
    await server.client.write('auth/jwt/role/app', role);
    assert.equal((await renew()).status, 200);
  });

  test('the workload of a local AKS cluster logs in with its federated token', async () => {
    const azure = await startAzure();
    let good = '';
    try {
      await server.client.write('sys/auth/aks', { type: 'jwt' });
      await server.client.write('auth/aks/config', {
        oidc_discovery_url: azure.aksIssuerUrl,
        oidc_discovery_ca_pem: azure.caPem,
        bound_issuer: azure.aksIssuerUrl,
      });
      await server.client.write('auth/aks/role/app', {
        user_claim: 'sub',
        bound_audiences: 'api://AzureADTokenExchange',
        bound_claims: { '/kubernetes.io/namespace': 'prod', '/kubernetes.io/serviceaccount/name': 'app-*' },
        bound_claims_type: 'glob',
        claim_mappings: { '/kubernetes.io/namespace': 'team' },
        token_policies: 'team',
      });
      good = await azure.aksToken({ namespace: 'prod', serviceAccount: 'app-1' });
      const { status, body } = await login('aks', good);
      assert.equal(status, 200, JSON.stringify(body.errors));
      assert.deepEqual(body.auth.metadata, { role: 'app', team: 'prod' });
      const self = await call('GET', 'auth/token/lookup-self', undefined, body.auth.client_token);
      assert.equal(self.body.data.display_name, 'aks-system:serviceaccount:prod:app-1');
      const foreign = await login('aks', await azure.aksToken({ namespace: 'dev', serviceAccount: 'app-1' }));
      assert.match(
        foreign.body.errors[0],
        /^error validating claims: claim "\/kubernetes\.io\/namespace" does not/,
      );
      const expired = { namespace: 'prod', serviceAccount: 'app-1', issuedSecondsAgo: 7_200 };
      assert.match((await login('aks', await azure.aksToken(expired))).body.errors[0], /token is expired$/);
    } finally {
      await azure.close();
    }
    // The cluster is gone, and its keys are known for a while yet.
    assert.equal((await login('aks', good)).status, 200);
  });

  test('the audit log has no part of a token that logs in', async () => {
    const path = join(folder, 'audit.log');
    await server.client.write('sys/audit/file', { type: 'file', options: { file_path: path } });
    const jwt = await issuer.token({ groups: 'core', org: { team: 'core' } });
    assert.equal((await login('jwt', jwt)).status, 200);
    assert.equal((await login('jwt', `${jwt}x`)).status, 400);
    await server.client.delete('sys/audit/file');
    const written = readFileSync(path, 'utf8');
    assert.match(written, /auth\/jwt\/login/);
    for (const part of jwt.split('.')) assert.ok(!written.includes(part));
  });
});
