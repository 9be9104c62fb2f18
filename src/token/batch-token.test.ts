import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { LatchkeyError } from '../base/errors.ts';
import { decodeBatchToken, encodeBatchToken, type TokenCipher } from './batch-token.ts';
import { type TokenEntry, UNLIMITED } from './token-entry.ts';

const ENTRY: TokenEntry = {
  ...UNLIMITED,
  format: 2,
  type: 'batch',
  accessor: '',
  policies: ['app'],
  displayName: 'token',
  path: 'auth/token/create',
  createdAt: 1,
  ttlSeconds: 60,
  expiresAt: 60_001,
  metadata: { team: 'a' },
  cubbyhole: '',
};

function cipherOf(key: Uint8Array): TokenCipher {
  return {
    encrypt(plain) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    async decrypt(record) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, record.subarray(0, 12));
        decipher.setAuthTag(record.subarray(-16));
        return Buffer.concat([decipher.update(record.subarray(12, -16)), decipher.final()]);
      } catch {
        throw new LatchkeyError('storage_corrupt', 'it does not authenticate');
      }
    },
  };
}

const cipher = cipherOf(randomBytes(32));

test('what was encoded is decoded', async () => {
  const token = encodeBatchToken(cipher, ENTRY);
  assert.match(token, /^hvb\.[A-Za-z0-9_-]+$/);
  assert.deepEqual(await decodeBatchToken(cipher, token), ENTRY);
});

test('what is as usual takes no room, and what is not is kept', async () => {
  const usual = encodeBatchToken(cipher, { ...ENTRY, metadata: {} });
  assert.ok(usual.length < 240, `${usual.length} characters`);
  const unusual = {
    ...ENTRY,
    parent: 'f00d',
    boundCidrs: ['::1/128'],
    displayName: 'userpass-ann',
    role: 'r',
  };
  assert.deepEqual(await decodeBatchToken(cipher, encodeBatchToken(cipher, unusual)), unusual);
});

test('whatever the length is, the last character counts', async () => {
  for (const path of ['a', 'ab', 'abc']) {
    const token = encodeBatchToken(cipher, { ...ENTRY, path });
    const changed = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((last) => `${token.slice(0, -1)}${last}`);
    for (const text of changed.filter((one) => one !== token)) {
      assert.equal(await decodeBatchToken(cipher, text), undefined);
    }
  }
});

test('a token that was changed anywhere, cut, or made by others is unknown', async () => {
  const token = encodeBatchToken(cipher, ENTRY);
  for (let at = 'hvb.'.length; at < token.length; at += 1) {
    const other = token[at] === 'A' ? 'B' : 'A';
    const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
    assert.equal(await decodeBatchToken(cipher, changed), undefined, `changed at ${at}`);
  }
  const foreign = encodeBatchToken(cipherOf(randomBytes(32)), ENTRY);
  for (const text of [
    foreign,
    token.slice(0, -4),
    'hvb.',
    'hvb.!!',
    `${token}\n`,
    `hvb.${'A'.repeat(9_000)}`,
  ]) {
    assert.equal(await decodeBatchToken(cipher, text), undefined);
  }
});

test('an entry of another kind is unknown, though it authenticates', async () => {
  const service = encodeBatchToken(cipher, { ...ENTRY, type: 'service' });
  assert.equal(await decodeBatchToken(cipher, service), undefined);
});

test('a token that no header would hold is refused when it is made', () => {
  const metadata = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`k${at}`, 'v'.repeat(200)]));
  assert.throws(() => encodeBatchToken(cipher, { ...ENTRY, metadata }), { code: 'bad_request' });
});

test('a failure that is not about the token is no verdict on it', async () => {
  const sealed: TokenCipher = {
    encrypt: cipher.encrypt,
    decrypt: () => Promise.reject(new LatchkeyError('sealed', 'Vault is sealed')),
  };
  await assert.rejects(decodeBatchToken(sealed, encodeBatchToken(cipher, ENTRY)), { code: 'sealed' });
});
