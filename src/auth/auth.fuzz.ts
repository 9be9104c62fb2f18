// Fuzz targets: JWTs, sets of public keys, certificates, and the patterns that bind them.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { utf8 } from '../base/bytes.ts';
import { type JsonObject, parseJson } from '../base/json.ts';
import { fitsGlob } from './glob.ts';
import { assertBounds, boundsFault, ClaimFault, claimAt, mappedMetadata } from './jwt/claim-values.ts';
import { serviceAccountOf } from './kubernetes/service-account.ts';
import { isCertificates, keysOfSet, publicKeyOfPem } from './public-keys.ts';
import { claimFault, type Expectations } from './registered-claims.ts';
import { isSignedBy, readToken, TokenFault } from './signed-token.ts';

const part = (value: JsonObject | string) => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = {
  iss: 'i',
  sub: 's',
  aud: ['a'],
  exp: 1,
  nbf: 0,
  groups: ['g'],
  'kubernetes.io': { namespace: 'n' },
};
const EXPECTED: Expectations = {
  issuer: '',
  subject: '',
  audiences: [],
  leeways: { expiration: 0, notBefore: 0, clockSkew: 0 },
  needsTimes: true,
};
const { publicKey } = generateKeyPairSync('ed25519');
const verification = { key: publicKey, kid: undefined, alg: undefined };

export const jwtTarget = {
  name: 'jwt',
  corpus: [
    `${part({ alg: 'EdDSA', kid: 'k' })}.${part(CLAIMS)}.${'A'.repeat(86)}`,
    `${part({ alg: 'none' })}.${part({})}.`,
    `${part({ alg: 'HS256', crit: ['b64'] })}.${part({ exp: '1e400' })}.AAAA`,
  ].map(utf8),
  words: ['.', '..', 'eyJhbGciOiJub25lIn0', part({ alg: 'ES256' }), part('x'), '=', '-_'],
  refusals: [TokenFault, ClaimFault],
  async run(input: Uint8Array): Promise<void> {
    const token = readToken(new TextDecoder().decode(input));
    assert.equal(
      await isSignedBy(token, [verification], ['EdDSA', 'none', 'HS256']),
      false,
      'a forged token',
    );
    const { claims } = token;
    claimFault(claims, { ...EXPECTED, issuer: 'i', audiences: ['a'] }, 1_000);
    serviceAccountOf(claims);
    claimAt(claims, '/kubernetes.io/namespace/~1~0');
    mappedMetadata(claims, { sub: 'name', '/groups/0': 'group' });
    assertBounds(claims, { sub: 's*' }, 'glob');
  },
};

export const claimsTarget = {
  name: 'claims',
  corpus: [utf8(JSON.stringify(CLAIMS)), utf8('{"aud":"x","exp":"1"}'), utf8('{"a":{"b":[{"c":1.0}]}}')],
  words: ['"exp":', '"aud":[', '1e308', '"__proto__":{', 'null'],
  refusals: [ClaimFault],
  run(input: Uint8Array): void {
    const value = parseJson(new TextDecoder().decode(input), 32);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    assert.equal(typeof (boundsFault(value, 'string') ?? ''), 'string');
    claimAt(value, '/__proto__/x');
    claimFault(value, EXPECTED, 1_000);
    assertBounds(value, value, 'glob');
  },
};

const jwk = publicKey.export({ format: 'jwk' });
const spki = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const identity = new URL('../../test/vectors/cluster/identity-1.json', import.meta.url);
const { record } = JSON.parse(readFileSync(identity, 'utf8')) as { record: string };
const der = Buffer.from(record, 'hex');
const certificate = der.subarray(5, 5 + der.readUInt16BE(1)).toString('base64');
const PEM = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;

export const publicKeysTarget = {
  name: 'public-keys',
  corpus: [spki, PEM, JSON.stringify({ keys: [{ ...jwk, kid: 'k', use: 'sig' }] })].map(utf8),
  words: [
    '-----BEGIN PUBLIC KEY-----\n',
    '-----END CERTIFICATE-----',
    '"kty":"RSA","n":"',
    '"e":"AQAB"',
    '"crv":"P-256"',
  ],
  run(input: Uint8Array): void {
    const text = new TextDecoder().decode(input);
    publicKeyOfPem(text);
    isCertificates(text);
    keysOfSet(parseJson(text, 16));
  },
};

/** The first line is the pattern. */
export const globTarget = {
  name: 'glob',
  corpus: ['a*b*c\naxxbyyc', '*\n', 'a\na', '**a**\nbab'].map(utf8),
  words: ['*', '**', '\n', 'aaaa', 'a*'],
  run(input: Uint8Array): void {
    const [pattern = '', text = ''] = new TextDecoder().decode(input).split('\n', 2);
    const fits = fitsGlob(pattern, text);
    if (pattern.length > 12 || text.length > 200) return;
    // Slow and obvious: a regular expression of the same meaning.
    const same = new RegExp(`^${pattern.split('*').map(RegExp.escape).join('.*')}$`, 'su').test(text);
    assert.equal(fits, same, `${pattern} on ${text}`);
  },
};
