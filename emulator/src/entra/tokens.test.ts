import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { before, test } from 'node:test';
import { Directory } from './directory.ts';
import { TokenError, TokenIssuer } from './tokens.ts';

const time = { ms: Date.UTC(2026, 0, 1) };
const clock = { now: () => time.ms };
const issuer = new TokenIssuer('11111111-1111-4111-8111-111111111111', clock);
const principal = new Directory().add({ displayName: 'p', kind: 'Application' });
let token: string;

before(async () => {
  token = (await issuer.issue(principal, 'https://vault.azure.net', 3600, 'secret')).token;
});

async function problemOf(text: string): Promise<string> {
  try {
    await issuer.verify(text);
    return 'none';
  } catch (error) {
    assert.ok(error instanceof TokenError, String(error));
    return error.problem;
  }
}

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

test('a token carries the claims that Azure services look at', async () => {
  const caller = await issuer.verify(token);
  assert.deepEqual(caller, {
    objectId: principal.objectId,
    clientId: principal.clientId,
    audience: 'https://vault.azure.net',
    issuer: 'https://sts.windows.net/11111111-1111-4111-8111-111111111111/',
    tenantId: '11111111-1111-4111-8111-111111111111',
  });
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.sub, principal.objectId);
  assert.equal(claims.ver, '1.0');
  assert.equal(claims.exp - claims.nbf, 3600);
});

test('time is the injected clock, with five minutes of patience', async () => {
  const start = time.ms;
  try {
    time.ms = start + 3_899_000;
    assert.equal(await problemOf(token), 'none');
    time.ms = start + 3_900_000;
    assert.equal(await problemOf(token), 'expired');
    time.ms = start - 300_000;
    assert.equal(await problemOf(token), 'none');
    time.ms = start - 301_000;
    assert.equal(await problemOf(token), 'not yet valid');
  } finally {
    time.ms = start;
  }
});

test('forged tokens are refused', async () => {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const other = encode({ ...claims, oid: '22222222-2222-4222-8222-222222222222' });
  assert.equal(await problemOf(`${header}.${other}.${signature}`), 'bad signature');
  assert.equal(await problemOf(`${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`), 'bad signature');
  // The classic confusion: HMAC keyed with the public key, which everyone may fetch.
  const { keys } = await issuer.keySet();
  const pem = createPublicKey({ key: { ...keys[0] }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const hs = `${encode({ alg: 'HS256', typ: 'JWT' })}.${payload}`;
  const mac = createHmac('sha256', pem).update(hs).digest('base64url');
  assert.equal(await problemOf(`${hs}.${mac}`), 'bad signature');
  const stranger = new TokenIssuer(issuer.tenantId, clock);
  assert.equal(await problemOf((await stranger.issue(principal, 'x', 60, 'secret')).token), 'bad signature');
});

test('malformed tokens are refused, never thrown over', async () => {
  for (const text of ['', '.', '..', 'a', 'a.b', 'a.b.c.d', '<>.b.c', 'x'.repeat(20_000), 'ä.b.c']) {
    assert.equal(await problemOf(text), 'malformed', text.slice(0, 20));
  }
  for (const text of [
    'a.b.c',
    `${encode('{')}.${encode('{}')}.AAAA`,
    `${encode({ alg: 'RS256' })}.${encode('{}')}.AAAA`,
  ]) {
    assert.equal(await problemOf(text), 'bad signature', text);
  }
});

test('a rightly signed token without the needed claims is refused', async () => {
  const now = Math.floor(clock.now() / 1000);
  const full = { exp: now + 60, nbf: now, aud: 'a', iss: 'i', oid: 'o', appid: 'c', tid: 't' };
  assert.equal(await problemOf(await issuer.signClaims(full)), 'none');
  for (const name of Object.keys(full)) {
    const { [name as keyof typeof full]: _, ...rest } = full;
    assert.equal(await problemOf(await issuer.signClaims(rest)), 'malformed', name);
  }
  assert.equal(await problemOf(await issuer.signClaims({ ...full, oid: ['o'] })), 'malformed');
  assert.equal(await problemOf(await issuer.signClaims({ ...full, aud: '' })), 'malformed');
});
