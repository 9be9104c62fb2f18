// Keys that no local Azure makes: curves, and sizes that Key Vault has given up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig } from './config.ts';
import { fitnessFault } from './key-fitness.ts';
import type { KeyFacts } from './key-session.ts';

const NOW = Date.UTC(2026, 10, 24);
const DAY = 86_400_000;

const config = checkConfig({
  name: 'azure',
  vaultUri: 'https://my-vault.vault.azure.net/',
  secretName: 'vault-unseal-key',
  keyName: 'unseal',
  adopt: false,
});

const modulusOf = (bits: number) => {
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  bytes[0] = 0xff >> (bytes.byteLength * 8 - bits);
  return bytes;
};

const good: KeyFacts = {
  version: 'a'.repeat(32),
  enabled: true,
  notBefore: undefined,
  expiresOn: undefined,
  recoveryLevel: 'Recoverable',
  tags: {},
  type: 'RSA',
  modulus: modulusOf(2048),
  exponent: Uint8Array.of(1, 0, 1),
  operations: ['wrapKey', 'unwrapKey'],
};

test('RSA and RSA-HSM of 2048 bits and more, enabled and in their time, are fit', () => {
  for (const key of [
    good,
    { ...good, type: 'RSA-HSM', modulus: modulusOf(4096) },
    { ...good, modulus: Uint8Array.of(0, ...modulusOf(2048)) },
    { ...good, notBefore: new Date(NOW - DAY), expiresOn: new Date(NOW + DAY) },
  ]) {
    assert.equal(fitnessFault(config, key, NOW), undefined);
  }
});

test('each fault by itself: class, words and the command', () => {
  const cases: [Partial<KeyFacts>, string, RegExp, RegExp][] = [
    [
      { type: 'EC', modulus: new Uint8Array() },
      'keyvault_key_unsuitable',
      /of type EC, not RSA/,
      /key create/,
    ],
    [{ type: '' }, 'keyvault_key_unsuitable', /of type unknown/, /key create/],
    [{ modulus: modulusOf(1024) }, 'keyvault_key_unsuitable', /1024 bits, fewer than 2048/, /--size 3072/],
    [{ modulus: modulusOf(2047) }, 'keyvault_key_unsuitable', /2047 bits/, /key create/],
    [{ modulus: new Uint8Array() }, 'keyvault_key_unsuitable', /0 bits/, /key create/],
    [
      { operations: ['sign', 'wrapKey'] },
      'keyvault_key_unsuitable',
      /does not allow unwrapKey$/,
      /set-attributes .*--ops sign wrapKey unwrapKey$/,
    ],
    [{ enabled: false }, 'keyvault_key_disabled', /is disabled$/, /--enabled true$/],
    [
      { notBefore: new Date(NOW + DAY) },
      'keyvault_key_expired',
      /not valid before 2026-11-25T/,
      /--not-before 2026-11-24T00:00:00Z$/,
    ],
    [
      { expiresOn: new Date(NOW) },
      'keyvault_key_expired',
      /expired on 2026-11-24T/,
      /--expires <later date>$/,
    ],
  ];
  for (const [change, className, says, mends] of cases) {
    const facts = fitnessFault(config, { ...good, ...change }, NOW)?.facts;
    assert.equal(facts?.class, className);
    assert.match(facts?.sentence ?? '', says);
    assert.match(facts?.remedy ?? '', mends);
  }
});

test('all of them at once are all in the sentence', () => {
  const worst: KeyFacts = {
    ...good,
    type: 'EC',
    operations: ['sign', 'evil; reboot'],
    enabled: false,
    notBefore: new Date(NOW + DAY),
    expiresOn: new Date(NOW - DAY),
  };
  const long = { ...config, keyName: 'k'.repeat(40) };
  const facts = fitnessFault(long, worst, NOW)?.facts;
  assert.equal(facts?.class, 'keyvault_key_unsuitable');
  for (const words of ['type EC', 'wrapKey and unwrapKey', 'disabled', 'not valid before', 'expired on']) {
    assert.ok(facts?.sentence.includes(words), `${words}: ${facts?.sentence}`);
  }
  assert.ok(!facts?.sentence.endsWith('…'));
  assert.doesNotMatch(`${facts?.remedy}`, /reboot/);
});
