import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { until } from '../../../demo/conditions.ts';
import { makeAuthority } from '../../../test/auth/authority.ts';
import { makeKey, OidcIssuer, pemOf, signToken } from '../../../test/auth/oidc-issuer.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import {
  type EngineBench,
  engineContract,
  MemoryView,
  openEngine,
  refusal,
} from '../../engine/engine.contract.ts';
import type { LoginGrant } from '../../engine/engine.ts';
import { jwtAuth, jwtAuthWithin } from './jwt-auth.ts';

const ROLE = { user_claim: 'sub', bound_audiences: 'latchkey', token_policies: 'app' };
const UNVERIFIED = 'error validating token: error verifying token signature: ';

let issuer: OidcIssuer;
before(async () => {
  issuer = await OidcIssuer.start();
});
after(() => issuer[Symbol.asyncDispose]());

engineContract('jwt', async () => (await openEngine(jwtAuth, new MemoryView())).engine);

/** A mount that trusts the issuer's key set, with a role `app`. */
async function mounted(role: JsonObject = ROLE, config: JsonObject = {}, from = issuer) {
  const bench = await openEngine(jwtAuth, new MemoryView());
  await bench.ask('update', 'config', { jwks_url: from.jwksUrl, jwks_ca_pem: from.caPem, ...config });
  await bench.ask('update', 'role/app', role);
  const token = (claims: JsonObject = {}, header = {}) => from.token(claims, bench.clock.now(), header);
  return { ...bench, bench, token, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() };
}

async function login(bench: EngineBench, jwt: string, role = 'app'): Promise<LoginGrant> {
  const { login: grant } = await bench.ask('update', 'login', { role, jwt });
  assert.ok(grant, 'a login gives a grant');
  return grant;
}

async function refusedLogin(bench: EngineBench, jwt: string, role = 'app'): Promise<string> {
  const error = await refusal(bench.ask('update', 'login', { role, jwt }), 'bad_request');
  if (jwt.length > 20) assert.ok(!error.message.includes(jwt.slice(-20)), 'a refusal quotes no token');
  return error.message;
}

test('a token of the issuer logs in: policies, name and metadata are those of role and claims', async () => {
  await using mount = await mounted({
    ...ROLE,
    claim_mappings: { '/org/team': 'team', email: 'mail', missing: 'none' },
    token_ttl: '1h',
    token_max_ttl: '4h',
    token_type: 'batch',
  });
  const jwt = await mount.token({ email: 'ann@example.org', org: { team: 'core' } });
  const grant = await login(mount.bench, jwt);
  assert.deepEqual(grant.policies, ['app']);
  assert.equal(grant.displayName, 'ann');
  assert.deepEqual(grant.metadata, { team: 'core', mail: 'ann@example.org', role: 'app' });
  assert.equal(grant.ttlSeconds, 3_600);
  assert.equal(grant.maxTtlSeconds, 14_400);
  assert.equal(grant.tokenType, 'batch');
  assert.deepEqual(grant.renewData, { role: 'app' });
  assert.equal((await login(mount.bench, `${jwt}\n`, 'APP')).displayName, 'ann');
});

test('each source of keys will do: discovery, a key set, and fixed keys of each kind', async () => {
  for (const alg of ['RS256', 'PS384', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    await using bench = await openEngine(jwtAuth, new MemoryView());
    const [other, key] = [makeKey(alg), makeKey(alg)];
    await bench.ask('update', 'config', { jwt_validation_pubkeys: [pemOf(other), pemOf(key)] });
    await bench.ask('update', 'role/app', ROLE);
    const claims = { aud: 'latchkey', sub: 'ann', exp: bench.clock.now() / 1_000 + 60 };
    // Keys out of PEM have no name: what the token calls its key does not matter.
    const grant = await login(bench, await signToken(key, claims, { kid: 'anything' }));
    assert.equal(grant.displayName, 'ann', alg);
    assert.equal(
      await refusedLogin(bench, await signToken(makeKey(alg), claims)),
      `${UNVERIFIED}no known key successfully validated the token signature`,
    );
  }
  for (const address of [issuer.url, `${issuer.url}`]) {
    await using bench = await openEngine(jwtAuth, new MemoryView());
    await bench.ask('update', 'config', { oidc_discovery_url: address, oidc_discovery_ca_pem: issuer.caPem });
    await bench.ask('update', 'role/app', ROLE);
    assert.equal((await login(bench, await issuer.token({}, bench.clock.now()))).displayName, 'ann');
  }
});

test('a login says which role and brings a token; the default role steps in', async () => {
  await using bench = await openEngine(jwtAuth, new MemoryView());
  const say = async (input: JsonObject) =>
    (await refusal(bench.ask('update', 'login', input), 'bad_request')).message;
  assert.equal(await say({ role: 'app', jwt: 'x' }), 'could not load configuration');
  await bench.ask('update', 'config', { jwks_url: issuer.jwksUrl, jwks_ca_pem: issuer.caPem });
  assert.equal(await say({ jwt: 'x' }), 'missing role');
  assert.equal(await say({ role: 'nope', jwt: 'x' }), 'role "nope" could not be found');
  assert.equal(await say({ role: '../config', jwt: 'x' }), 'role "../config" could not be found');
  await bench.ask('update', 'role/app', ROLE);
  assert.equal(await say({ role: 'app' }), 'missing token');
  const config = { jwks_url: issuer.jwksUrl, jwks_ca_pem: issuer.caPem, default_role: 'App' };
  await bench.ask('update', 'config', config);
  const { login: grant } = await bench.ask('update', 'login', {
    jwt: await issuer.token({}, bench.clock.now()),
  });
  assert.equal(grant?.metadata['role'], 'app');
});

test('issuer, subject and audience must be the expected ones', async () => {
  await using mount = await mounted({ ...ROLE, bound_subject: 'ann' }, { bound_issuer: issuer.url });
  const cases: [JsonObject, string][] = [
    [{ iss: 'https://elsewhere.example' }, 'invalid issuer (iss) claim'],
    [{ iss: 7 }, 'invalid issuer (iss) claim'],
    [{ sub: 'bob' }, 'invalid subject (sub) claim'],
    [{ aud: 'other' }, 'invalid audience (aud) claim: audience claim does not match any expected audience'],
    [{ aud: [] }, 'invalid audience (aud) claim: audience claim does not match any expected audience'],
    [{ aud: { a: 1 } }, 'invalid audience (aud) claim: it is not a string or a list of strings'],
  ];
  for (const [claims, words] of cases) {
    assert.equal(
      await refusedLogin(mount.bench, await mount.token(claims)),
      `error validating token: ${words}`,
    );
  }
  await login(mount.bench, await mount.token({ aud: ['other', 'latchkey'] }));
});

test('a token with an audience does not log in to a role that binds none', async () => {
  await using mount = await mounted({ user_claim: 'sub', bound_subject: 'ann' });
  assert.equal(
    await refusedLogin(mount.bench, await mount.token()),
    'audience claim found in JWT but no audiences bound to the role',
  );
  const seconds = mount.clock.now() / 1_000;
  await login(mount.bench, await signToken(issuer.key, { sub: 'ann', exp: seconds + 60 }));
});

test('a token is good from its start to its end, within the leeways of the role', async () => {
  const expired = 'error validating token: invalid expiration time (exp) claim: token is expired';
  const early = 'error validating token: invalid not before (nbf) claim: token not yet valid';
  const future = 'error validating token: invalid issued at (iat) claim: token issued in the future';
  const timeless =
    'error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token';
  // Seconds from now; undefined in place of words: it logs in.
  const cases: [JsonObject, JsonObject, string | undefined][] = [
    [{}, { exp: -59 }, undefined],
    [{}, { exp: -61 }, expired],
    [{ clock_skew_leeway: -1 }, { exp: -1 }, expired],
    [{ clock_skew_leeway: '5m' }, { exp: -299 }, undefined],
    [{}, { nbf: 59, exp: 600 }, undefined],
    [{}, { nbf: 61, exp: 600 }, early],
    [{ clock_skew_leeway: 10 }, { nbf: 11, exp: 600 }, early],
    [{}, { nbf: -10, iat: 61, exp: 600 }, future],
    [{}, { iat: -209 }, undefined],
    [{}, { iat: -211 }, expired],
    [{ expiration_leeway: 10 }, { iat: -71 }, expired],
    [{ expiration_leeway: -1, clock_skew_leeway: '-1' }, { iat: -1 }, expired],
    [{}, { exp: 209 }, undefined],
    [{}, { exp: 211 }, early],
    [{ not_before_leeway: '1h' }, { exp: 3_600 }, undefined],
    [{}, {}, timeless],
  ];
  for (const [leeways, times, words] of cases) {
    await using mount = await mounted({ ...ROLE, ...leeways });
    const now = mount.clock.now() / 1_000;
    const absolute = Object.entries(times).map(([name, seconds]) => [name, now + Number(seconds)]);
    const claims = { aud: 'latchkey', sub: 'ann', ...Object.fromEntries(absolute) };
    const jwt = await signToken(issuer.key, claims);
    const what = JSON.stringify([leeways, times]);
    if (words === undefined) assert.equal((await login(mount.bench, jwt)).displayName, 'ann', what);
    else assert.equal(await refusedLogin(mount.bench, jwt), words, what);
  }
});

test('times that are no numbers are refused, and a zero is a time like any other', async () => {
  await using mount = await mounted();
  for (const exp of ['soon', null, true, [], {}]) {
    const jwt = await signToken(issuer.key, { aud: 'latchkey', sub: 'ann', exp: exp as unknown as number });
    await refusedLogin(mount.bench, jwt);
  }
  const now = mount.clock.now() / 1_000;
  for (const exp of [0, -1]) {
    const jwt = await signToken(issuer.key, { aud: 'latchkey', sub: 'ann', iat: now, exp });
    assert.match(await refusedLogin(mount.bench, jwt), /token is expired/);
  }
});

test('neither "none" nor a shared secret ever signs, whatever the configuration says', async () => {
  await using mount = await mounted();
  const seconds = Math.floor(mount.clock.now() / 1_000);
  const claims = part({ aud: 'latchkey', sub: 'ann', exp: seconds + 60 });
  const wrongAlgorithm =
    'error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm';
  for (const alg of ['none', 'None', 'HS256', 'HS512', 'RSA-OAEP', 'dir', '']) {
    const signed = `${part({ alg })}.${claims}`;
    assert.equal(await refusedLogin(mount.bench, `${signed}.AAAA`), wrongAlgorithm, alg);
    assert.equal(
      await refusedLogin(mount.bench, `${signed}.`),
      `${UNVERIFIED}malformed jwt: token must be signed`,
    );
  }
  // The classic: the public key, which everybody has, used as the secret of an HMAC.
  const key = makeKey('RS256');
  await mount.ask('update', 'config', { jwt_validation_pubkeys: pemOf(key) });
  const signed = `${part({ alg: 'HS256' })}.${claims}`;
  const mac = createHmac('sha256', pemOf(key)).update(signed).digest('base64url');
  assert.equal(await refusedLogin(mount.bench, `${signed}.${mac}`), wrongAlgorithm);
  for (const name of ['HS256', 'none', 'RS257']) {
    const input = { jwks_url: issuer.jwksUrl, jwks_ca_pem: issuer.caPem, jwt_supported_algs: [name] };
    const error = await refusal(mount.ask('update', 'config', input), 'bad_request');
    assert.equal(error.message, `invalid jwt_supported_algs: unsupported signing algorithm "${name}"`);
  }
});

test('a key signs with its own algorithms alone, and only those that the mount allows', async () => {
  await using mine = await OidcIssuer.start('RS256');
  await using mount = await mounted(ROLE, { jwt_supported_algs: ['RS256', 'ES256'] }, mine);
  await login(mount.bench, await mount.token());
  const seconds = Math.floor(mount.clock.now() / 1_000);
  const claims = { aud: 'latchkey', sub: 'ann', exp: seconds + 60 };
  // The same RSA key, another algorithm.
  assert.match(
    await refusedLogin(mount.bench, await signToken({ ...mine.key, alg: 'PS256' }, claims)),
    /token signed with unexpected algorithm/,
  );
  // An elliptic key under the name of the RSA key.
  mount.clock.advance(60_000);
  const foreign = { ...makeKey('ES256'), kid: mine.key.kid };
  const words = `${UNVERIFIED}failed to verify id token signature`;
  assert.equal(await refusedLogin(mount.bench, await signToken(foreign, claims)), words);
  // A key set that binds the key to another algorithm.
  mine.published = mine.published.map((jwk) => ({ ...jwk, alg: 'RS512' }));
  mount.clock.advance(20 * 60_000);
  await refusedLogin(mount.bench, await mount.token({}, { kid: 'unknown' }));
  mount.clock.advance(60_000);
  assert.equal(await refusedLogin(mount.bench, await mount.token()), words);
});

test('keys for other uses, too weak, or of other kinds do not count', async () => {
  await using mine = await OidcIssuer.start();
  const [jwk] = mine.published;
  assert.ok(jwk);
  const { x = '' } = jwk;
  for (const useless of [
    { ...jwk, use: 'enc' },
    { ...jwk, key_ops: ['sign'] },
    { ...jwk, kty: 'oct', k: 'c2VjcmV0' },
    { ...jwk, crv: 'secp256k1' },
    { ...jwk, x: x.slice(1) },
    'nothing',
    null,
  ]) {
    mine.published = [useless as object];
    await using bench = await openEngine(jwtAuth, new MemoryView());
    const { warnings } = await bench.ask('update', 'config', {
      jwks_url: mine.jwksUrl,
      jwks_ca_pem: mine.caPem,
    });
    assert.match(warnings?.join() ?? '', /no key that can check signatures/);
    await bench.ask('update', 'role/app', ROLE);
    assert.equal(
      await refusedLogin(bench, await mine.token({}, bench.clock.now())),
      `${UNVERIFIED}failed to verify id token signature`,
    );
  }
});

test('a key that the issuer begins to use is fetched, but unknown keys cannot make us ask without end', async () => {
  await using mine = await OidcIssuer.start();
  await using mount = await mounted(ROLE, {}, mine);
  assert.equal(mine.fetches, 1);
  const old = await mount.token();
  await Promise.all(Array.from({ length: 20 }, () => login(mount.bench, old)));
  assert.equal(mine.fetches, 1);
  await mine.rotate();
  const fresh = await mount.token();
  // The set was fetched just now: whoever sends nonsense does not make us fetch it again.
  const words = `${UNVERIFIED}failed to verify id token signature`;
  for (let count = 0; count < 20; count += 1) assert.equal(await refusedLogin(mount.bench, fresh), words);
  assert.equal(mine.fetches, 1);
  mount.clock.advance(5_000);
  await Promise.all(Array.from({ length: 20 }, () => login(mount.bench, fresh)));
  assert.equal(mine.fetches, 2);
  assert.equal(await refusedLogin(mount.bench, old), words);
});

test('a key that was withdrawn is forgotten, and an issuer that is away is outlived for a while', async () => {
  await using mine = await OidcIssuer.start();
  await using mount = await mounted(ROLE, {}, mine);
  const old = mine.key;
  const oldToken = (): Promise<string> => {
    const now = Math.floor(mount.clock.now() / 1_000);
    return signToken(old, { aud: 'latchkey', sub: 'ann', iat: now, exp: now + 600 });
  };
  const minutes = (count: number) => mount.clock.advance(count * 60_000);
  minutes(9);
  await login(mount.bench, await oldToken());
  assert.equal(mine.fetches, 1);
  minutes(2);
  // Nobody waits long for an issuer that hangs, or fails for one that is down.
  mine.server.manners = 'hold';
  await login(mount.bench, await oldToken());
  mine.server.release();
  await until('the set to come after all', async () => ((await freshly()) ? true : undefined));
  mine.server.manners = 'reset';
  mine.server.dropConnections();
  minutes(30);
  await login(mount.bench, await oldToken());
  minutes(40);
  assert.equal(await refusedLogin(mount.bench, await oldToken()), `${UNVERIFIED}fetching keys failed`);
  mine.server.manners = 'good';
  minutes(1);
  await login(mount.bench, await oldToken());
  await mine.rotate();
  minutes(11);
  assert.match(await refusedLogin(mount.bench, await oldToken()), /failed to verify id token signature/);
  await login(mount.bench, await mount.token());

  /** The set is fresh again once a login asks for nothing. */
  async function freshly(): Promise<boolean> {
    const before = mine.fetches;
    await login(mount.bench, await oldToken());
    return mine.fetches === before;
  }
});

test('a configuration whose keys cannot be had is refused with its reason, and the old one stays', async () => {
  await using mine = await OidcIssuer.start();
  const limits = { deadlineMs: 400, answerBytesMax: 256 * 1_024 };
  await using bench = await openEngine(jwtAuthWithin(limits), new MemoryView());
  await bench.ask('update', 'config', { jwks_url: mine.jwksUrl, jwks_ca_pem: mine.caPem });
  const before = await bench.ask('read', 'config');
  const discovery = { oidc_discovery_url: mine.url, oidc_discovery_ca_pem: mine.caPem };
  const keySet = { jwks_url: mine.jwksUrl, jwks_ca_pem: mine.caPem };
  const fails = async (input: JsonObject, words: RegExp) => {
    const error = await refusal(bench.ask('update', 'config', input), 'bad_request');
    assert.match(error.message, words);
    assert.deepEqual(await bench.ask('read', 'config'), before);
  };
  const manners = [
    ['hang', /no answer within 0\.4 s$/],
    ['huge', /the answer is larger than 262144 bytes$/],
    ['html', /the answer is not JSON$/],
    ['reset', /no connection \(ECONNRESET\)$/],
    [{ status: 500 }, /the answer has status 500$/],
    [{ status: 302 }, /the answer has status 302$/],
  ] as const;
  for (const [manner, words] of manners) {
    mine.server.manners = manner;
    mine.server.dropConnections();
    await fails(keySet, new RegExp(`^error checking jwks URL: ${words.source}`));
    await fails(discovery, new RegExp(`^error checking oidc discovery URL: ${words.source}`));
  }
  mine.server.manners = 'good';
  const foreign = (await makeAuthority()).caPem;
  await fails(
    { ...keySet, jwks_ca_pem: foreign },
    /jwks URL: no connection \(\w*(SIGNATURE|VERIFY|SIGNED)\w*\)$/,
  );
  await fails({ jwks_url: mine.jwksUrl }, /jwks URL: no connection \(\w*(SIGNATURE|VERIFY|SIGNED)\w*\)$/);
  await fails({ ...keySet, jwks_url: `${mine.url}/nothing` }, /status 404$/);
  await fails(
    { ...discovery, oidc_discovery_url: `${mine.url}/` },
    /issuer did not match the returned issuer/,
  );
  for (const jwksUri of [
    undefined,
    7,
    'http://192.0.2.1/keys',
    'http://127.0.0.1:1/keys',
    'file:///etc/passwd',
    'nonsense',
  ]) {
    mine.discovery = { jwks_uri: jwksUri };
    await fails(discovery, /jwks_uri|not an https address/);
  }
  mine.discovery = {};
  for (const published of [[], undefined, Array(101).fill({})]) {
    mine.published = published as object[];
    if (published?.length !== 0) await fails(keySet, /the answer is not a JSON Web Key Set$/);
  }
});

test('a configuration has one source of keys, and says what it is', async () => {
  await using bench = await openEngine(jwtAuth, new MemoryView());
  await refusal(bench.ask('read', 'config'), 'not_found');
  const say = async (input: JsonObject) =>
    (await refusal(bench.ask('update', 'config', input), 'bad_request')).message;
  const one = "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set";
  const pem = pemOf(makeKey());
  assert.equal(await say({}), one);
  assert.equal(await say({ jwks_url: issuer.jwksUrl, jwt_validation_pubkeys: pem }), one);
  assert.match(await say({ jwt_validation_pubkeys: 'nonsense' }), /^error parsing public key: data does not/);
  const { privateKey } = makeKey();
  const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.match(await say({ jwt_validation_pubkeys: secret }), /^error parsing public key: /);
  for (const url of ['http://issuer.example', 'ftp://issuer.example', 'https://a:b@issuer.example', 'x']) {
    assert.match(await say({ jwks_url: url }), /^error checking jwks URL: it must be an https address/);
    assert.match(await say({ oidc_discovery_url: url }), /^error checking oidc discovery URL: it must/);
  }
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  const unread = 'error checking jwks_ca_pem: could not parse CA PEM value successfully';
  assert.equal(await say({ jwks_url: issuer.jwksUrl, jwks_ca_pem: broken }), unread);
  for (const name of ['oidc_client_id', 'oidc_client_secret', 'oidc_response_mode', 'oidc_response_types']) {
    assert.match(await say({ jwt_validation_pubkeys: pem, [name]: 'x' }), /none through a browser \(OIDC\)$/);
  }
  const provider = { jwt_validation_pubkeys: pem, provider_config: { provider: 'azure' } };
  assert.equal(await say(provider), "'provider_config' is not supported");
  const known = { jwt_validation_pubkeys: [pem], oidc_client_id: '', provider_config: {} };
  const { warnings } = await bench.ask('update', 'config', { ...known, bound_isuer: 'x' });
  assert.deepEqual(warnings, ['Endpoint ignored these unrecognized parameters: [bound_isuer]']);
  const { data } = await bench.ask('read', 'config');
  assert.deepEqual(data, {
    bound_issuer: '',
    default_role: '',
    jwks_ca_pem: '',
    jwks_pairs: [],
    jwks_url: '',
    jwt_supported_algs: [],
    jwt_validation_pubkeys: [pem.trim()],
    namespace_in_state: true,
    oidc_client_id: '',
    oidc_discovery_ca_pem: '',
    oidc_discovery_url: '',
    oidc_response_mode: '',
    oidc_response_types: [],
    provider_config: {},
  });
});

test('the flows through a browser are refused in plain words', async () => {
  await using mount = await mounted();
  const words = /there are logins with a JWT alone, none through a browser \(OIDC\)$/;
  const oidc = { ...ROLE, role_type: 'oidc', allowed_redirect_uris: 'http://localhost:8250/oidc/callback' };
  assert.match((await refusal(mount.ask('update', 'role/web', oidc), 'bad_request')).message, words);
  for (const path of ['oidc/auth_url', 'oidc/callback', 'oidc/poll']) {
    assert.match((await refusal(mount.ask('update', path, {}), 'bad_request')).message, words);
  }
});

test('bound claims: what each value of a bound lets in', async () => {
  const large = JSON.rawJSON('9007199254740993') as unknown as JsonValue;
  // [bound, claim, in with "string", in with "glob"]; undefined: the bound cannot be of that type.
  const cases: [JsonValue, JsonValue, boolean, boolean | undefined][] = [
    ['a', 'a', true, true],
    ['a', 'b', false, false],
    ['a*', 'abc', false, true],
    ['a*', 'a*', true, true],
    ['*', 'anything', false, true],
    ['*-prod', 'app-prod', false, true],
    ['app-*-prod', 'app-prod', false, false],
    ['a', ['b', 'a'], true, true],
    ['a', [], false, false],
    [['a', 'b'], 'b', true, true],
    [['a', 'b*'], ['x', 'bcd'], false, true],
    [[], 'a', false, false],
    ['A', 'a', false, false],
    ['5', 5, false, false],
    [5, 5, true, undefined],
    [5, '5', false, undefined],
    [5, JSON.rawJSON('5.0') as unknown as JsonValue, true, undefined],
    [5, JSON.rawJSON('5.5') as unknown as JsonValue, false, undefined],
    [large, large, true, undefined],
    [large, JSON.rawJSON('9007199254740992') as unknown as JsonValue, false, undefined],
    [true, true, true, undefined],
    [true, 'true', false, undefined],
    [false, false, true, undefined],
    [['a', 1], 1, true, undefined],
    ['a', { a: 1 }, false, false],
    ['a', [{ a: 1 }], false, false],
    ['a', null, false, false],
  ];
  for (const [bound, claim, asString, asGlob] of cases) {
    for (const [type, isIn] of [
      ['string', asString],
      ['glob', asGlob],
    ] as const) {
      const what = JSON.stringify([type, bound, claim]);
      const role = { user_claim: 'sub', bound_audiences: 'latchkey', bound_claims_type: type };
      await using mount = await mounted(ROLE, { jwt_validation_pubkeys: pemOf(issuer.key), ...NO_SET });
      const written = mount.ask('update', 'role/app', { ...role, bound_claims: { c: bound } });
      if (isIn === undefined) {
        assert.match((await refusal(written, 'bad_request')).message, /is not a string or a list of strings/);
        continue;
      }
      await written;
      const jwt = await mount.token({ c: claim });
      if (isIn) assert.equal((await login(mount.bench, jwt)).displayName, 'ann', what);
      else assert.match(await refusedLogin(mount.bench, jwt), /^error validating claims: .*claim "c"/, what);
    }
  }
});

const NO_SET = { jwks_url: '', jwks_ca_pem: '' };

test('every bound claim counts, by name or by pointer, and one that is missing refuses', async () => {
  const bounds = { '/a/b/0': 'x', 'https://example.org/group': ['g1', 'g2'], aud: 'latchkey', sub: 'ann' };
  await using mount = await mounted({ ...ROLE, bound_claims: bounds });
  const good = { a: { b: ['x'] }, 'https://example.org/group': 'g2' };
  await login(mount.bench, await mount.token(good));
  const cases: [JsonObject, string][] = [
    [{ ...good, a: { b: [] } }, 'claim "/a/b/0" is missing'],
    [{ ...good, a: 'x' }, 'claim "/a/b/0" is missing'],
    [{ ...good, a: { b: ['y'] } }, 'claim "/a/b/0" does not match any associated bound claim values'],
    [{ a: { b: ['x'] } }, 'claim "https://example.org/group" is missing'],
    [{ ...good, sub: 'bob' }, 'claim "sub" does not match any associated bound claim values'],
  ];
  for (const [claims, words] of cases) {
    assert.equal(
      await refusedLogin(mount.bench, await mount.token(claims)),
      `error validating claims: ${words}`,
    );
  }
});

test('members that every object inherits are no claims', async () => {
  await using mount = await mounted({ ...ROLE, user_claim: 'constructor' });
  assert.equal(
    await refusedLogin(mount.bench, await mount.token()),
    'claim "constructor" not found in token',
  );
  await mount.ask('update', 'role/app', { user_claim: '/__proto__/name', user_claim_json_pointer: true });
  assert.match(await refusedLogin(mount.bench, await mount.token()), /not found in token$/);
  const bounds = { user_claim: 'sub', user_claim_json_pointer: false, bound_claims: { toString: '*' } };
  await mount.ask('update', 'role/app', bounds);
  assert.match(await refusedLogin(mount.bench, await mount.token()), /claim "toString" is missing$/);
});

test('the user claim is a string, by name or by pointer; groups are a list of names', async () => {
  await using mount = await mounted({ ...ROLE, user_claim: '/who/0', groups_claim: 'groups' });
  const groups = ['g'];
  assert.equal(
    await refusedLogin(mount.bench, await mount.token({ groups })),
    'claim "/who/0" not found in token',
  );
  await mount.ask('update', 'role/app', { user_claim_json_pointer: true });
  const ann = { who: ['ann'] };
  assert.equal((await login(mount.bench, await mount.token({ ...ann, groups }))).displayName, 'ann');
  await login(mount.bench, await mount.token({ ...ann, groups: 'one' }));
  const cases: [JsonObject, string][] = [
    [{ who: [7], groups }, 'claim "/who/0" could not be converted to string'],
    [{ who: [''], groups }, 'claim "/who/0" must have 1 to 1024 characters'],
    [{ who: ['x'.repeat(1_025)], groups }, 'claim "/who/0" must have 1 to 1024 characters'],
    [ann, 'failed to fetch groups: "groups" claim not found in token'],
    [{ ...ann, groups: { a: 1 } }, '"groups" claim could not be converted to string list'],
    [{ ...ann, groups: ['a', 1] }, 'a value in groups claim "groups" could not be parsed as string'],
  ];
  for (const [claims, words] of cases) {
    assert.equal(await refusedLogin(mount.bench, await mount.token(claims)), words);
  }
  await mount.ask('update', 'role/app', { groups_claim: '', claim_mappings: { n: 'number' } });
  assert.equal(
    await refusedLogin(mount.bench, await mount.token({ ...ann, n: 1 })),
    "error converting claim 'n' to string",
  );
});

test('a role is read as it was written; an update keeps what it leaves out; roles are listed and deleted', async () => {
  await using bench = await openEngine(jwtAuth, new MemoryView());
  await refusal(bench.ask('list', 'role'), 'not_found');
  await refusal(bench.ask('read', 'role/app'), 'not_found');
  await bench.ask('update', 'role/App', {
    ...ROLE,
    bound_claims: { team: 'a*' },
    bound_claims_type: 'glob',
    clock_skew_leeway: -1,
    ttl: '10m',
  });
  await bench.ask('update', 'role/app', { bound_subject: 'ann', expiration_leeway: '2m' });
  const { data } = await bench.ask('read', 'role/app');
  assert.deepEqual(data, {
    allowed_redirect_uris: null,
    bound_audiences: ['latchkey'],
    bound_claims: { team: 'a*' },
    bound_claims_type: 'glob',
    bound_subject: 'ann',
    claim_mappings: null,
    clock_skew_leeway: -1,
    expiration_leeway: 120,
    groups_claim: '',
    max_age: 0,
    not_before_leeway: 0,
    oidc_scopes: null,
    role_type: 'jwt',
    user_claim: 'sub',
    user_claim_json_pointer: false,
    verbose_oidc_logging: false,
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 0,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['app'],
    token_strictly_bind_ip: false,
    token_ttl: 600,
    token_type: 'default',
    ttl: 600,
  });
  await bench.ask('update', 'role/ci', ROLE);
  assert.deepEqual(await bench.ask('list', 'role/'), { data: { keys: ['app', 'ci'] } });
  await bench.ask('delete', 'role/APP');
  assert.deepEqual(await bench.ask('list', 'role'), { data: { keys: ['ci'] } });
});

test('a role that would let everybody in, or makes no sense, is refused', async () => {
  await using bench = await openEngine(jwtAuth, new MemoryView());
  const cases: [JsonObject, string][] = [
    [{}, 'a user claim must be defined on the role'],
    [{ user_claim: 'sub' }, 'must have at least one bound constraint when creating/updating a role'],
    [{ ...ROLE, role_type: 'saml' }, "invalid 'role_type'"],
    [{ ...ROLE, bound_claims_type: 'regex' }, "invalid 'bound_claims_type': regex"],
    [
      { ...ROLE, claim_mappings: { a: 'role' } },
      'metadata key "role" is reserved and may not be a mapping destination',
    ],
    [{ ...ROLE, claim_mappings: { a: 'x', b: 'x' } }, 'multiple keys are mapped to metadata key "x"'],
    [{ ...ROLE, claim_mappings: { a: 1 } }, "field 'claim_mappings' must map to strings"],
    [{ ...ROLE, bound_claims: { a: { b: 1 } } }, 'claim "a" is not a string, bool, int or list'],
    [{ ...ROLE, clock_skew_leeway: 'soon' }, 'a leeway must be a number of seconds or a duration'],
    [{ ...ROLE, token_ttl: 2, token_max_ttl: 1 }, "'token_ttl' cannot be greater than 'token_max_ttl'"],
    [{ ...ROLE, bound_subject: 'x'.repeat(300_000) }, 'more than 262144 bytes of settings are refused'],
  ];
  for (const [input, words] of cases) {
    assert.equal((await refusal(bench.ask('update', 'role/app', input), 'bad_request')).message, words);
  }
  await refusal(bench.ask('list', 'role'), 'not_found');
  await refusal(bench.ask('update', 'role/-app', ROLE), 'unsupported_path');
  await bench.ask('update', 'role/app', { user_claim: 'sub', token_bound_cidrs: '10.0.0.0/8' });
  const { warnings } = await bench.ask('update', 'role/app', { bound_audience: 'x' });
  assert.deepEqual(warnings, ['Endpoint ignored these unrecognized parameters: [bound_audience]']);
});

test('a login from outside of the bound addresses is denied', async () => {
  await using mount = await mounted({ ...ROLE, token_bound_cidrs: ['10.0.0.0/8'] });
  await refusal(mount.ask('update', 'login', { role: 'app', jwt: await mount.token() }), 'permission_denied');
  await mount.ask('update', 'role/app', { token_bound_cidrs: ['127.0.0.0/8'] });
  assert.deepEqual((await login(mount.bench, await mount.token())).boundCidrs, ['127.0.0.0/8']);
});

test('a renewal wants the role to be there still, and takes its limits as they are now', async () => {
  await using mount = await mounted({ ...ROLE, token_ttl: '1h' });
  const { renewData = {} } = await login(mount.bench, await mount.token());
  await mount.ask('update', 'role/app', { token_ttl: '5m', token_period: '2m' });
  assert.deepEqual(await mount.engine.renewLogin?.(renewData), {
    ttlSeconds: 300,
    maxTtlSeconds: 0,
    periodSeconds: 120,
  });
  await mount.ask('delete', 'role/app');
  const gone = mount.engine.renewLogin?.(renewData);
  assert.ok(gone);
  assert.equal((await refusal(gone, 'bad_request')).message, 'role app does not exist during renewal');
});

test('a role that is deleted while it is changed does not come back', async () => {
  const view = new MemoryView();
  await using bench = await openEngine(jwtAuth, view);
  await bench.ask('update', 'role/app', ROLE);
  const put = view.put.bind(view);
  let deleted: Promise<unknown> | undefined;
  view.put = async (path, value) => {
    deleted = bench.ask('delete', 'role/app');
    // Time enough for the deletion to come first, if nothing held it back.
    await setImmediate();
    await put(path, value);
  };
  await bench.ask('update', 'role/app', { token_ttl: '1h' });
  await deleted;
  await refusal(bench.ask('read', 'role/app'), 'not_found');
});

test('records of format 1 are read for ever', async () => {
  const file = new URL('../../../test/vectors/auth/jwt-records-1.json', import.meta.url);
  const { stored, config, role } = JSON.parse(await readFile(file, 'utf8'));
  const records = Object.entries(stored).map(([path, record]) => {
    return [path, new TextEncoder().encode(JSON.stringify(record))] as const;
  });
  await using bench = await openEngine(jwtAuth, new MemoryView(new Map(records)));
  assert.deepEqual((await bench.ask('read', 'config')).data, config);
  assert.deepEqual((await bench.ask('read', 'role/app')).data, role);
});

test('what is stored and cannot be read lets nobody in', async () => {
  const view = new MemoryView();
  await using bench = await openEngine(jwtAuth, view);
  await bench.ask('update', 'config', { jwt_validation_pubkeys: pemOf(issuer.key) });
  await bench.ask('update', 'role/app', ROLE);
  const jwt = await issuer.token({}, bench.clock.now());
  await login(bench, jwt);
  const whole = new Map(view.records);
  for (const [path, bytes] of whole) {
    const members = JSON.parse(Buffer.from(bytes).toString()) as JsonObject;
    for (const name of Object.keys(members)) {
      view.records.set(path, Buffer.from(JSON.stringify({ ...members, [name]: { foreign: 1 } })));
      // What is an object anyhow may be this one: it binds to a claim that is not there, maps one, or gives nothing.
      const isObject = ['boundClaims', 'claimMappings', 'token'].includes(name);
      const asked = bench.ask('update', 'login', { role: 'app', jwt });
      if (name === 'boundClaims') await refusal(asked, 'bad_request');
      else if (isObject) assert.deepEqual((await asked).login?.metadata, { role: 'app' });
      else await refusal(asked, 'storage_corrupt');
      view.records.set(path, bytes);
    }
  }
  await login(bench, jwt);
});

test('a key set that is being fetched is given up when its mount closes', async () => {
  await using mine = await OidcIssuer.start();
  mine.server.manners = 'hold';
  const bench = await openEngine(jwtAuth, new MemoryView());
  const writing = bench.ask('update', 'config', { jwks_url: mine.jwksUrl, jwks_ca_pem: mine.caPem });
  const refused = refusal(writing, 'bad_request');
  await mine.server.isHolding();
  await bench[Symbol.asyncDispose]();
  assert.match((await refused).message, /the request was given up$/);
});

test('malformed tokens are refused, whatever they are made of', async () => {
  await using mount = await mounted();
  const good = await mount.token();
  const [header = '', claims = '', signature = ''] = good.split('.');
  const cases = [
    'x',
    'a.b.c',
    '..',
    `${good}.`,
    `${good}.${signature}`,
    `.${claims}.${signature}`,
    `${header}..${signature}`,
    `${header}.${claims}.${signature}=`,
    `${header}.${claims}. ${signature}`,
    `${header}+.${claims}.${signature}`,
    `${part([])}.${claims}.${signature}`,
    `${part({ alg: 7 })}.${claims}.${signature}`,
    `${part({ alg: 'ES256', crit: ['b64'], b64: false })}.${claims}.${signature}`,
    `${part({ alg: 'ES256', kid: issuer.key.kid, crit: [] })}.${claims}.${signature}`,
    `${header}.${part('text')}.${signature}`,
    `${header}.${Buffer.from([0xff, 0xfe]).toString('base64url')}.${signature}`,
    `${header}.${Buffer.from(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`).toString('base64url')}.${signature}`,
    'a.'.repeat(40_000),
    'x'.repeat(70_000),
  ];
  for (const jwt of cases) {
    const words = await refusedLogin(mount.bench, jwt);
    assert.ok(words.startsWith(UNVERIFIED) || words.includes('unexpected algorithm'), words);
  }
});

test('property: no change of a token logs in, and no text brings anything but a plain refusal', async () => {
  await using mount = await mounted();
  const good = await mount.token();
  const ask = async (jwt: string) => {
    const error: unknown = await mount.ask('update', 'login', { role: 'app', jwt }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof LatchkeyError, `${jwt} gave ${String(error)}`);
    assert.equal(error.code, 'bad_request');
  };
  const json = fc.jsonValue().map((value) => part(value));
  const shaped = fc
    .tuple(fc.oneof(json, fc.base64String()), fc.oneof(json, fc.base64String()), fc.base64String())
    .map((parts) => parts.join('.'));
  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.constantFrom(...'AZaz09-_.='))
    .map(([at, letter]) => `${good.slice(0, at)}${letter}${good.slice(at + 1)}`)
    .filter((text) => !isSameToken(text, good));
  const any = fc.oneof(fc.string(), shaped, changed, fc.string({ unit: 'binary' }));
  await fc.assert(
    fc.asyncProperty(
      any.filter((jwt) => jwt !== ''),
      ask,
    ),
    { numRuns: 400 },
  );
});

/** The last letter of a signature has bits that mean nothing. */
function isSameToken(text: string, good: string): boolean {
  const [header, claims, signature = ''] = text.split('.');
  const [goodHeader, goodClaims, goodSignature = ''] = good.split('.');
  const isSigned = Buffer.from(signature, 'base64url').equals(Buffer.from(goodSignature, 'base64url'));
  return header === goodHeader && claims === goodClaims && isSigned;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
}
