import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findSecrets } from './spellings.ts';

const TOKEN = 'hvs.0123456789abcdefABCDEFgh';
const KEY = Buffer.alloc(32, 0xa7).toString('base64');

test('a secret is found plain, in hex, base64 and base64url, and nothing is found where there is none', () => {
  const bytes = Buffer.from(TOKEN);
  const key = Buffer.from(KEY, 'base64');
  for (const text of [
    `token=${TOKEN} level=info`,
    bytes.toString('hex'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    `"${KEY}"`,
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64url'),
  ]) {
    assert.notEqual(findSecrets(`before ${text} after`, [TOKEN, KEY]).length, 0, text);
  }
  assert.deepEqual(findSecrets('nothing of the kind: hvs.0123 p6enp6en', [TOKEN, KEY]), []);
});

test('what was found is told without telling the secret', () => {
  assert.ok(!findSecrets(TOKEN, [TOKEN]).join('').includes(TOKEN));
});
