import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { makeAuthority } from '../../../test/auth/authority.ts';
import { type Account, API_AUDIENCE, KubernetesApi } from '../../../test/auth/kubernetes-api.ts';
import { makeKey, pemOf, signToken } from '../../../test/auth/oidc-issuer.ts';
import { RecordingLogger } from '../../../test/auth/recording-logger.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import {
  type EngineBench,
  engineContract,
  HandClock,
  MemoryView,
  openEngine,
  refusal,
} from '../../engine/engine.contract.ts';
import type { EngineType, LoginGrant } from '../../engine/engine.ts';
import { kubernetesAuth, kubernetesAuthIn } from './kubernetes-auth.ts';

const ROLE = {
  bound_service_account_names: 'app',
  bound_service_account_namespaces: 'prod',
  token_policies: 'app',
};
/** Benches begin at this moment. */
const NOW = new HandClock().now();

let api: KubernetesApi;
let reviewer: Account;
let app: Account;
let folder: string;
before(async () => {
  api = await KubernetesApi.start();
  api.now = () => NOW;
  reviewer = api.createAccount('vault', 'reviewer', true);
  app = api.createAccount('prod', 'app');
  folder = await mkdtemp(join(tmpdir(), 'latchkey-account-'));
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

engineContract('kubernetes', async () => (await openEngine(kubernetesAuth, new MemoryView())).engine);

const tokenOf = (
  account: Account,
  more: { audiences?: string[]; lifetimeSeconds?: number; issuer?: string } = {},
) => api.token(account, { now: NOW, ...more });

interface Mount extends AsyncDisposable {
  readonly bench: EngineBench;
  readonly log: RecordingLogger;
}

/** A mount that asks the API server as the reviewer, with a role `app`. */
async function mounted(role: JsonObject = {}, config: JsonObject = {}): Promise<Mount> {
  const log = new RecordingLogger();
  const bench = await openEngine(logged(log), new MemoryView());
  await bench.ask('update', 'config', {
    kubernetes_host: api.url,
    kubernetes_ca_cert: api.caPem,
    token_reviewer_jwt: await tokenOf(reviewer),
    ...config,
  });
  await bench.ask('update', 'role/app', { ...ROLE, ...role });
  return {
    bench,
    log,
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      // A JWT begins with the base64 of `{"`.
      assert.doesNotMatch(JSON.stringify(log.lines), /eyJ[\w-]{8}/, 'no token is ever logged');
    },
  };
}

function logged(log: RecordingLogger): EngineType {
  const limits = { deadlineMs: 400, answerBytesMax: 64 * 1_024 };
  const type = kubernetesAuthIn({ accountFolder: folder, limits });
  return { ...type, open: (context) => type.open({ ...context, log }) };
}

async function login({ bench }: Mount, jwt: string, role = 'app'): Promise<LoginGrant> {
  const { login: grant } = await bench.ask('update', 'login', { role, jwt });
  assert.ok(grant, 'a login gives a grant');
  return grant;
}

/** The text for callers, and the last line of the log. */
async function denied(mount: Mount, jwt: string): Promise<string> {
  const error = await refusal(mount.bench.ask('update', 'login', { role: 'app', jwt }), 'permission_denied');
  assert.equal(error.message, 'permission denied');
  const line = mount.log.lines.at(-1);
  return `${line?.level} ${line?.text}`;
}

async function forbidden({ bench }: Mount, jwt: string): Promise<string> {
  return (await refusal(bench.ask('update', 'login', { role: 'app', jwt }), 'forbidden')).message;
}

test('a service account logs in when its cluster vouches for it', async () => {
  await using mount = await mounted({ token_ttl: '30m', token_period: '1h' });
  const grant = await login(mount, `${await tokenOf(app)}\n`, 'App');
  assert.deepEqual(grant.policies, ['app']);
  assert.equal(grant.displayName, 'prod-app');
  assert.equal(grant.ttlSeconds, 1_800);
  assert.equal(grant.periodSeconds, 3_600);
  assert.deepEqual(grant.renewData, { role: 'app' });
  assert.deepEqual(grant.metadata, {
    role: 'app',
    service_account_name: 'app',
    service_account_namespace: 'prod',
    service_account_secret_name: '',
    service_account_uid: app.uid,
  });
  const asked = api.server.asked.at(-1);
  assert.equal(asked?.headers.authorization, `Bearer ${await tokenOf(reviewer)}`);
  assert.deepEqual(JSON.parse(asked?.body ?? '').spec.audiences, [API_AUDIENCE]);
});

test('the older tokens, which lie in secrets and have no end, log in as well', async () => {
  await using mount = await mounted();
  const grant = await login(mount, await api.legacyToken(app, 'app-token-x1'));
  assert.equal(grant.metadata['service_account_secret_name'], 'app-token-x1');
  assert.equal(grant.metadata['service_account_uid'], app.uid);
});

test('a login says which role and brings a token', async () => {
  await using bench = await openEngine(kubernetesAuth, new MemoryView());
  const jwt = await tokenOf(app);
  const say = async (input: JsonObject) =>
    (await refusal(bench.ask('update', 'login', input), 'bad_request')).message;
  assert.equal(await say({ jwt }), 'missing role');
  assert.equal(await say({ role: 'app' }), 'missing jwt');
  assert.equal(await say({ role: 'app', jwt }), 'invalid role name "app"');
  assert.equal(await say({ role: '../config', jwt }), 'invalid role name "../config"');
  await bench.ask('update', 'role/app', ROLE);
  const error = await refusal(bench.ask('update', 'login', { role: 'app', jwt }), 'cannot_comply');
  assert.equal(error.message, 'could not load backend configuration');
});

test('names and namespaces must be bound ones, with * for any text', async () => {
  const cases: [string, string, string, string, string | undefined][] = [
    ['app', 'prod', 'app', 'prod', undefined],
    ['*', '*', 'anything', 'anywhere', undefined],
    ['app-*', 'team-*-prod', 'app-1', 'team-a-prod', undefined],
    ['one,app', 'dev,prod', 'app', 'prod', undefined],
    ['app', 'prod', 'application', 'prod', 'service account name not authorized'],
    ['app', 'prod', 'app', 'prod-2', 'namespace not authorized'],
    ['app-*', 'prod', 'application', 'prod', 'service account name not authorized'],
    ['*', 'team-*-prod', 'app', 'team-prod', 'namespace not authorized'],
  ];
  for (const [names, namespaces, name, namespace, words] of cases) {
    await using mount = await mounted({
      bound_service_account_names: names,
      bound_service_account_namespaces: namespaces,
    });
    const account = name === 'app' && namespace === 'prod' ? app : api.createAccount(namespace, name);
    const jwt = await tokenOf(account);
    if (words === undefined) {
      assert.equal((await login(mount, jwt)).displayName, `${namespace}-${name}`);
      continue;
    }
    const asked = api.server.asked.length;
    assert.equal(await forbidden(mount, jwt), words);
    assert.equal(api.server.asked.length, asked, 'whoever is not bound does not make us ask');
  }
});

test('a namespace may be bound by its labels, which are looked up when the token is known to be good', async () => {
  const selector = '{"matchLabels": {"team": "core", "stage": "prod"}}';
  await using mount = await mounted({
    bound_service_account_namespaces: [],
    bound_service_account_namespace_selector: selector,
  });
  const jwt = await tokenOf(app);
  assert.match(await denied(mount, jwt), /the namespace was answered with status 404/);
  api.labels.set('prod', { team: 'core' });
  assert.equal(await forbidden(mount, jwt), 'namespace not authorized');
  api.labels.set('prod', { team: 'core', stage: 'prod', more: 'x' });
  await login(mount, jwt);
  const foreign = await signToken(makeKey('RS256'), {
    sub: 'x',
    'kubernetes.io': { namespace: '../../secrets', serviceaccount: { name: 'app', uid: app.uid } },
  });
  const asked = api.server.asked.length;
  await denied(mount, foreign);
  assert.equal(api.server.asked.length, asked + 1, 'only the review was asked for');
  await mount.bench.ask('update', 'role/app', { bound_service_account_namespaces: 'prod' });
  api.labels.delete('prod');
  await login(mount, jwt);
  await using own = await mounted(
    { bound_service_account_namespaces: [], bound_service_account_namespace_selector: selector },
    { token_reviewer_jwt: '' },
  );
  app.mayReview = true;
  assert.match(await denied(own, jwt), /a namespace selector needs token_reviewer_jwt/);
  app.mayReview = false;
});

test('the audience of a role must be in the token, and by the word of the cluster as well', async () => {
  await using mount = await mounted({ audience: 'latchkey' });
  await login(mount, await tokenOf(app, { audiences: ['latchkey', 'other'] }));
  assert.deepEqual(JSON.parse(api.server.asked.at(-1)?.body ?? '').spec.audiences, ['latchkey']);
  const words = 'invalid audience (aud) claim: audience claim does not match any expected audience';
  assert.equal(await forbidden(mount, await tokenOf(app)), words);
  // An API server that does not know of audiences does not name them, and must not be taken for one that agrees.
  for (const audiences of [undefined, [], ['other'], 'latchkey']) {
    api.twist = (status) => ({ ...status, audiences });
    const jwt = await tokenOf(app, { audiences: ['latchkey'] });
    assert.match(await denied(mount, jwt), /valid for other audiences/);
  }
  api.twist = (status) => status;
});

test('tokens that the cluster does not vouch for are denied, and the log says why without the token', async () => {
  await using mount = await mounted({
    bound_service_account_names: '*',
    bound_service_account_namespaces: '*',
  });
  const { publicKey: _, ...foreign } = makeKey('RS256');
  const claims = JSON.parse(Buffer.from((await tokenOf(app)).split('.')[1] ?? '', 'base64url').toString());
  const forged = await signToken({ ...foreign, publicKey: api.key.publicKey }, claims);
  assert.match(
    await denied(mount, forged),
    /^info .*lookup failed: \[invalid bearer token, … is not known\]/,
  );
  const other = api.createAccount('prod', 'gone');
  const gone = await tokenOf(other);
  await login(mount, gone);
  api.deleteAccount(other);
  assert.match(await denied(mount, gone), /lookup failed/);
  // A new account of the same name is another one.
  api.createAccount('prod', 'gone');
  assert.match(await denied(mount, gone), /lookup failed/);
});

test('what the cluster says must be about the very account that the token names', async () => {
  await using mount = await mounted({
    bound_service_account_names: '*',
    bound_service_account_namespaces: '*',
  });
  const jwt = await tokenOf(app);
  const user = (name: string, uid: unknown = app.uid) => ({ username: name, uid });
  const cases: [(status: Record<string, unknown>) => unknown, RegExp][] = [
    [
      (status) => ({ ...status, user: user('system:serviceaccount:prod:other') }),
      /the name of token and review/,
    ],
    [
      (status) => ({ ...status, user: user('system:serviceaccount:dev:app') }),
      /the namespace of token and review/,
    ],
    [
      (status) => ({ ...status, user: user('system:serviceaccount:prod:app', 'x') }),
      /the uid of token and review/,
    ],
    [
      (status) => ({ ...status, user: user('system:serviceaccount:prod:app', 7) }),
      /the uid of token and review/,
    ],
    [(status) => ({ ...status, user: user('system:node:prod:app') }), /not a service account/],
    [(status) => ({ ...status, user: user('admin') }), /not a service account/],
    [(status) => ({ ...status, user: user('system:serviceaccount:prod:app:x') }), /not a service account/],
    [(status) => ({ ...status, user: undefined }), /not a service account/],
    [(status) => ({ ...status, authenticated: 'true' }), /service account jwt not valid/],
    [(status) => ({ ...status, authenticated: undefined }), /service account jwt not valid/],
    [(status) => ({ ...status, error: 'token has expired' }), /lookup failed: token has expired/],
    [() => undefined, /answered without a status/],
    [() => 'Success', /answered without a status/],
  ];
  for (const [twist, words] of cases) {
    api.twist = twist;
    assert.match(await denied(mount, jwt), words);
  }
  api.twist = (status) => status;
  await login(mount, jwt);
});

test('an API server that cannot be asked denies, and the log says what is the matter', async () => {
  await using mount = await mounted();
  const jwt = await tokenOf(app);
  await login(mount, jwt);
  const manners = [
    [{ status: 500 }, /TokenReview was answered with status 500/],
    [{ status: 401 }, /TokenReview was answered with status 401/],
    [{ status: 302 }, /TokenReview was answered with status 302/],
    ['hang', /no answer within 0\.4 s/],
    ['huge', /the answer is larger than 65536 bytes/],
    ['html', /the answer to TokenReview is not a JSON object/],
    ['reset', /no connection \(ECONNRESET\)/],
  ] as const;
  for (const [manner, words] of manners) {
    api.server.manners = manner;
    const line = await denied(mount, jwt);
    assert.match(line, words);
    assert.match(line, /^warn /);
  }
  api.server.manners = 'good';
  await login(mount, jwt);
  // The server has let go of the connection that we kept.
  api.server.dropConnections();
  await login(mount, jwt);
});

test('an API server that another authority signed for is not told any token', async () => {
  const asked = api.server.asked.length;
  await using mount = await mounted({}, { kubernetes_ca_cert: (await makeAuthority()).caPem });
  assert.match(await denied(mount, await tokenOf(app)), /no connection \(\w*(SIGNATURE|VERIFY|SIGNED)\w*\)/);
  assert.equal(api.server.asked.length, asked);
});

test('a reviewer without the right to review, or whose token has ended, denies', async () => {
  const weak = api.createAccount('vault', 'weak');
  await using mount = await mounted({}, { token_reviewer_jwt: await tokenOf(weak) });
  const jwt = await tokenOf(app);
  assert.match(await denied(mount, jwt), /status 403/);
  weak.mayReview = true;
  await login(mount, jwt);
  api.deleteAccount(weak);
  assert.match(await denied(mount, jwt), /status 401/);
});

test('token and certificate of the pod are read at each use, so that rotated ones are found', async () => {
  await rm(join(folder, 'token'), { force: true });
  await rm(join(folder, 'ca.crt'), { force: true });
  const config = { kubernetes_host: api.url };
  await using bench = await openEngine(logged(new RecordingLogger()), new MemoryView());
  const missing = await refusal(bench.ask('update', 'config', config), 'bad_request');
  assert.match(missing.message, /ca\.crt of this pod cannot be read: set kubernetes_ca_cert$/);
  await writeFile(join(folder, 'ca.crt'), api.caPem);
  await using mount = await mounted({}, { kubernetes_ca_cert: '', token_reviewer_jwt: '' });
  const jwt = await tokenOf(app);
  // No token of our own: the client's stands in, and may not review.
  assert.match(await denied(mount, jwt), /status 403/);
  const pod = api.createAccount('vault', 'vault', true);
  await writeFile(join(folder, 'token'), `${await tokenOf(pod)}\n`);
  await login(mount, jwt);
  api.deleteAccount(pod);
  assert.match(await denied(mount, jwt), /status 401/);
  const next = api.createAccount('vault', 'vault', true);
  await writeFile(join(folder, 'token'), await tokenOf(next));
  await login(mount, jwt);
  await writeFile(join(folder, 'ca.crt'), (await makeAuthority()).caPem);
  assert.match(await denied(mount, jwt), /no connection/);
  await writeFile(join(folder, 'ca.crt'), 'nothing');
  assert.match(await denied(mount, jwt), /ca\.crt of this pod cannot be read/);
  await writeFile(join(folder, 'ca.crt'), api.caPem);
  // What no token looks like must not get into a header.
  await writeFile(join(folder, 'token'), 'a\r\nx-forged: 1');
  assert.match(await denied(mount, jwt), /status 403/);
});

test("with the pod's own files switched off the client's token asks for its own review", async () => {
  await writeFile(join(folder, 'ca.crt'), (await makeAuthority()).caPem);
  await writeFile(join(folder, 'token'), await tokenOf(reviewer));
  await using mount = await mounted({}, { disable_local_ca_jwt: true, token_reviewer_jwt: '' });
  const jwt = await tokenOf(app);
  assert.match(await denied(mount, jwt), /status 403/);
  app.mayReview = true;
  await login(mount, jwt);
  assert.equal(api.server.asked.at(-1)?.headers.authorization, `Bearer ${jwt}`);
  app.mayReview = false;
});

test("the cluster's keys and issuer, if they are set, are checked before it is asked", async () => {
  const config = { pem_keys: [pemOf(makeKey('ES256')), api.publicKeyPem], disable_iss_validation: false };
  await using mount = await mounted({}, { ...config, issuer: API_AUDIENCE });
  await login(mount, await tokenOf(app));
  const asked = api.server.asked.length;
  assert.equal(await forbidden(mount, await tokenOf(app, { issuer: 'x' })), 'invalid issuer (iss) claim');
  const claims = JSON.parse(Buffer.from((await tokenOf(app)).split('.')[1] ?? '', 'base64url').toString());
  const forged = await signToken(makeKey('RS256'), claims);
  await refusal(mount.bench.ask('update', 'login', { role: 'app', jwt: forged }), 'permission_denied');
  assert.equal(
    await forbidden(mount, await tokenOf(app, { lifetimeSeconds: -100 })),
    'invalid expiration time (exp) claim: token is expired',
  );
  assert.equal(
    await forbidden(mount, await api.token(app, { now: NOW + 120_000 })),
    'invalid not before (nbf) claim: token not yet valid',
  );
  assert.equal(api.server.asked.length, asked, 'nothing of that came to the API server');
  await using standard = await mounted({}, config);
  assert.equal(await forbidden(standard, await tokenOf(app)), 'invalid issuer (iss) claim');
  await login(standard, await api.legacyToken(app, 'app-token'));
});

test('neither "none" nor a shared secret signs a token', async () => {
  await using mount = await mounted();
  const [, claims = ''] = (await tokenOf(app)).split('.');
  const words = 'invalid algorithm (alg) header parameter: token signed with unexpected algorithm';
  for (const alg of ['none', 'HS256', 'EdDSA']) {
    const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
    assert.equal(await forbidden(mount, `${header}.${claims}.AAAA`), words);
    assert.equal(await forbidden(mount, `${header}.${claims}.`), 'malformed jwt: token must be signed');
  }
});

test('a configuration is read as it was written, but for the token of the reviewer', async () => {
  await using mount = await mounted({}, { kubernetes_host: api.url.slice('https://'.length) });
  await login(mount, await tokenOf(app));
  assert.deepEqual((await mount.bench.ask('read', 'config')).data, {
    disable_iss_validation: true,
    disable_local_ca_jwt: false,
    issuer: '',
    kubernetes_ca_cert: api.caPem,
    kubernetes_host: api.url.slice('https://'.length),
    pem_keys: [],
    token_reviewer_jwt_set: true,
    use_annotations_as_alias_metadata: false,
  });
  const say = async (input: JsonObject) => {
    const host = { kubernetes_host: api.url, kubernetes_ca_cert: api.caPem };
    return (await refusal(mount.bench.ask('update', 'config', { ...host, ...input }), 'bad_request')).message;
  };
  assert.equal(await say({ kubernetes_host: '' }), 'no host provided');
  for (const host of ['http://kubernetes.example', 'https://a:b@k', 'https://k?x=1', 'https://k#x', 'a b']) {
    assert.match(await say({ kubernetes_host: host }), /^kubernetes_host must be an https address/);
  }
  const noCa = { kubernetes_ca_cert: '', disable_local_ca_jwt: true };
  assert.equal(await say(noCa), 'kubernetes_ca_cert must be given when disable_local_ca_jwt is true');
  assert.equal(
    await say({ kubernetes_ca_cert: 'x' }),
    'kubernetes_ca_cert holds no certificate that can be read',
  );
  assert.match(await say({ pem_keys: 'x' }), /^data does not contain any valid public keys/);
  for (const jwt of ['x', 'a\r\nb: c', 'a.b.c']) {
    assert.match(await say({ token_reviewer_jwt: jwt }), /^token_reviewer_jwt: malformed jwt/);
  }
  assert.match(await say({ use_annotations_as_alias_metadata: true }), /is not supported/);
  const known = { kubernetes_host: api.url, kubernetes_ca_cert: api.caPem, token_reviewer_jvt: 'x' };
  const { warnings } = await mount.bench.ask('update', 'config', known);
  assert.deepEqual(warnings, ['Endpoint ignored these unrecognized parameters: [token_reviewer_jvt]']);
});

test('a role is read as it was written; an update keeps what it leaves out; roles are listed and deleted', async () => {
  await using bench = await openEngine(kubernetesAuth, new MemoryView());
  await refusal(bench.ask('list', 'role'), 'not_found');
  await refusal(bench.ask('read', 'role/app'), 'not_found');
  const selector = { matchLabels: { team: 'core' } };
  await bench.ask('update', 'role/App', {
    ...ROLE,
    bound_service_account_namespace_selector: selector,
    audience: 'latchkey',
    ttl: 60,
  });
  await bench.ask('update', 'role/app', { alias_name_source: 'serviceaccount_name', token_max_ttl: '1h' });
  assert.deepEqual((await bench.ask('read', 'role/app')).data, {
    alias_name_source: 'serviceaccount_name',
    audience: 'latchkey',
    bound_service_account_names: ['app'],
    bound_service_account_namespace_selector: JSON.stringify(selector),
    bound_service_account_namespaces: ['prod'],
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 3_600,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['app'],
    token_strictly_bind_ip: false,
    token_ttl: 60,
    token_type: 'default',
    ttl: 60,
  });
  await bench.ask('update', 'role/ci', ROLE);
  assert.deepEqual(await bench.ask('list', 'role/'), { data: { keys: ['app', 'ci'] } });
  await bench.ask('delete', 'role/APP');
  assert.deepEqual(await bench.ask('list', 'role'), { data: { keys: ['ci'] } });
});

test('a role that would let in whom nobody meant is refused', async () => {
  await using bench = await openEngine(kubernetesAuth, new MemoryView());
  const [names, namespaces] = ['bound_service_account_names', 'bound_service_account_namespaces'];
  const selector = 'bound_service_account_namespace_selector';
  const cases: [JsonObject, RegExp][] = [
    [{}, /^"bound_service_account_names" can not be empty$/],
    [{ [names]: 'a' }, /^"bound_service_account_namespaces" can not be empty if "\w+_selector" is not set$/],
    [{ ...ROLE, [names]: 'a,*' }, /^can not mix "\*" with values$/],
    [{ ...ROLE, [namespaces]: '*,a' }, /^can not mix "\*" with values$/],
    [{ ...ROLE, alias_name_source: 'x' }, /^invalid alias_name_source, must be one of: \w+_uid, \w+_name$/],
    [{ ...ROLE, [selector]: '{}' }, /^invalid "bound_service_account_namespace_selector" configured/],
    [{ ...ROLE, [selector]: '{"matchLabels": {}}' }, /^invalid "bound/],
    [{ ...ROLE, [selector]: '{"matchLabels": {"a": 1}}' }, /^invalid "bound/],
    [{ ...ROLE, [selector]: '{"matchLabels": {"a": "b"}, "matchExpressions": []}' }, /^invalid "bound/],
    [{ ...ROLE, [selector]: 'matchLabels: {a: b}' }, /^invalid "bound/],
  ];
  for (const [input, words] of cases) {
    assert.match((await refusal(bench.ask('update', 'role/app', input), 'bad_request')).message, words);
  }
  await refusal(bench.ask('update', 'role/-app', ROLE), 'unsupported_path');
  await refusal(bench.ask('list', 'role'), 'not_found');
  const { warnings } = await bench.ask('update', 'role/app', { ...ROLE, audiense: 'x' });
  assert.deepEqual(warnings, ['Endpoint ignored these unrecognized parameters: [audiense]']);
});

test('a login from outside of the bound addresses is denied before anything is asked', async () => {
  await using mount = await mounted({ token_bound_cidrs: '10.0.0.0/8' });
  const asked = api.server.asked.length;
  const jwt = await tokenOf(app);
  await refusal(mount.bench.ask('update', 'login', { role: 'app', jwt }), 'permission_denied');
  assert.equal(api.server.asked.length, asked);
});

test('a renewal wants the role to be there still, and takes its limits as they are now', async () => {
  await using mount = await mounted({ token_ttl: '1h' });
  const { renewData = {} } = await login(mount, await tokenOf(app));
  await mount.bench.ask('update', 'role/app', { token_ttl: '5m', token_max_ttl: '2h' });
  assert.deepEqual(await mount.bench.engine.renewLogin?.(renewData), {
    ttlSeconds: 300,
    maxTtlSeconds: 7_200,
    periodSeconds: 0,
  });
  await mount.bench.ask('delete', 'role/app');
  const gone = mount.bench.engine.renewLogin?.(renewData);
  assert.ok(gone);
  assert.equal((await refusal(gone, 'bad_request')).message, 'role app does not exist during renewal');
});

test('records of format 1 are read for ever', async () => {
  const file = new URL('../../../test/vectors/auth/kubernetes-records-1.json', import.meta.url);
  const { stored, config, role } = JSON.parse(await readFile(file, 'utf8'));
  const records = Object.entries(stored).map(([path, record]) => {
    return [path, new TextEncoder().encode(JSON.stringify(record))] as const;
  });
  await using bench = await openEngine(kubernetesAuth, new MemoryView(new Map(records)));
  assert.deepEqual((await bench.ask('read', 'config')).data, config);
  assert.deepEqual((await bench.ask('read', 'role/app')).data, role);
});

test('what is stored and cannot be read lets nobody in', async () => {
  const view = new MemoryView();
  await using bench = await openEngine(logged(new RecordingLogger()), view);
  const config = { kubernetes_host: api.url, kubernetes_ca_cert: api.caPem };
  await bench.ask('update', 'config', { ...config, token_reviewer_jwt: await tokenOf(reviewer) });
  await bench.ask('update', 'role/app', ROLE);
  const jwt = await tokenOf(app);
  for (const [path, bytes] of new Map(view.records)) {
    const members = JSON.parse(Buffer.from(bytes).toString()) as JsonObject;
    for (const name of Object.keys(members).filter((member) => member !== 'token')) {
      view.records.set(path, Buffer.from(JSON.stringify({ ...members, [name]: [7] })));
      await refusal(bench.ask('update', 'login', { role: 'app', jwt }), 'storage_corrupt');
      view.records.set(path, bytes);
    }
  }
  await bench.ask('update', 'login', { role: 'app', jwt });
});

test('property: no text and no claims without the cluster bring anything but a plain refusal', async () => {
  await using mount = await mounted({
    bound_service_account_names: '*',
    bound_service_account_namespaces: '*',
  });
  const foreign = makeKey('ES256');
  const claims = fc.record(
    {
      aud: fc.jsonValue(),
      exp: fc.jsonValue(),
      nbf: fc.jsonValue(),
      iss: fc.jsonValue(),
      'kubernetes.io': fc.oneof(
        fc.jsonValue(),
        fc.record({
          namespace: fc.jsonValue(),
          serviceaccount: fc.record({ name: fc.jsonValue(), uid: fc.jsonValue() }),
        }),
      ),
      'kubernetes.io/serviceaccount/namespace': fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const ask = async (jwt: string) => {
    const error: unknown = await mount.bench.ask('update', 'login', { role: 'app', jwt }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof LatchkeyError, `${jwt} gave ${String(error)}`);
    assert.ok(['forbidden', 'permission_denied'].includes(error.code), error.code);
  };
  const shaped = fc
    .tuple(fc.base64String(), fc.base64String(), fc.base64String())
    .map((parts) => parts.join('.'));
  const text = fc.oneof(fc.string(), shaped, fc.string({ unit: 'binary' })).filter((jwt) => jwt !== '');
  await fc.assert(fc.asyncProperty(text, ask), { numRuns: 100 });
  const signed = fc.asyncProperty(claims, async (made) => ask(await signToken(foreign, made as JsonObject)));
  await fc.assert(signed, { numRuns: 100 });
});
