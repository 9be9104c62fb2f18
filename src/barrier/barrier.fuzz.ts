// Fuzz targets: records and keyrings as they lie in the storage, where anybody who reaches it may have changed them.

import assert from 'node:assert/strict';
import { fromHex, SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { decryptRecord, encryptRecord, termOf } from './aead.ts';
import { decryptKeyring, encryptKeyring, Keyring } from './keyring.ts';

/** So that a seed gives the same inputs in every run. */
const fixed: Random = { fill: (target) => void target.fill(7), uuid: () => '', fraction: () => 0 };
const key = SecretBytes.fill(32, (target) => target.fill(0x41));
const STORAGE_KEY = 'mount/x/data';
const record = encryptRecord(key, 1, STORAGE_KEY, utf8('{"a":"b"}'), fixed);
const keyring = encryptKeyring(Keyring.create(fixed, 0), key, fixed);

export const recordTarget = {
  name: 'record',
  corpus: [record, encryptRecord(key, 7, STORAGE_KEY, new Uint8Array(), fixed), new Uint8Array([1])],
  run(input: Uint8Array): void {
    termOf(STORAGE_KEY, input);
    decryptRecord(key, STORAGE_KEY, input);
    const isKnown = recordTarget.corpus.some((one) => toHex(one) === toHex(input));
    assert.ok(isKnown, 'a record opened that nobody made');
  },
};

export const keyringTarget = {
  name: 'keyring',
  corpus: [keyring],
  run(input: Uint8Array): void {
    decryptKeyring(input, key).wipe();
    assert.equal(toHex(input), toHex(keyring), 'a keyring opened that nobody made');
  },
};

export const keyringTextTarget = {
  name: 'keyring-plain',
  corpus: [
    fromHex(
      '0100010000000100000000000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
    ) ?? utf8(''),
  ],
  run(input: Uint8Array): void {
    Keyring.parse(input).wipe();
  },
};
