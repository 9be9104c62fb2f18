import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.ts';
import { describeEntry, encodeEntry, leaseIdOf, loginMetadataOf, parseEntry } from './token-entry.ts';

const vector = (name: string) => readFileSync(new URL(`../../test/vectors/token/${name}`, import.meta.url));

test('an entry of format 2 as it was once written is read for ever', () => {
  const entry = parseEntry(vector('entry-2.json'), () => 'unused');
  const { renewData, cubbyhole, numUses, boundCidrs } = entry;
  assert.deepEqual(renewData, { user: 'ann' });
  assert.deepEqual([cubbyhole.length, numUses, boundCidrs], [36, 5, ['10.0.0.0/8']]);
  assert.equal(leaseIdOf({ id: 'f00d', entry }), 'auth/userpass/login/ann/hf00d');
  assert.deepEqual(loginMetadataOf(entry), { username: 'ann' });
  assert.deepEqual(
    parseEntry(encodeEntry(entry), () => ''),
    entry,
  );
  const shown = describeEntry('text', entry, entry.createdAt + 600_001);
  assert.deepEqual([shown['ttl'], shown['expire_time']], [3_000, '2026-01-01T01:00:00.000Z']);
});

test('an entry of format 1, which knew root tokens alone, becomes one without limits', () => {
  const entry = parseEntry(vector('entry-1.json'), () => 'made');
  assert.deepEqual([entry.format, entry.type, entry.cubbyhole, entry.expiresAt], [2, 'service', 'made', 0]);
  assert.equal(leaseIdOf({ id: 'f00d', entry }), '');
});

test('what a token writes on another proves nothing', () => {
  const entry = parseEntry(vector('entry-2.json'), () => '');
  for (const path of ['auth/token/create', 'auth/token/create/ci/v2', 'auth/token/create-orphan']) {
    assert.deepEqual(loginMetadataOf({ ...entry, path }), {});
  }
});

test('another format, and what is none, is refused', () => {
  for (const text of ['{"format":3,"policies":[]}', '{"format":2}', '[]', '{', '\u0000']) {
    assert.throws(() => parseEntry(utf8(text), () => ''), { code: 'storage_corrupt' });
  }
  assert.throws(() => parseEntry(Uint8Array.of(0xff), () => ''), { code: 'storage_corrupt' });
});
