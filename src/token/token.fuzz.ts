// Fuzz targets: batch tokens as clients send them, and stored entries of tokens.

import assert from 'node:assert/strict';
import { utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { decodeBatchToken, encodeBatchToken, type TokenCipher } from './batch-token.ts';
import { encodeEntry, parseEntry, type TokenEntry, UNLIMITED } from './token-entry.ts';

const entry: TokenEntry = {
  format: 2,
  type: 'batch',
  accessor: '',
  policies: ['default', 'app'],
  displayName: 'token',
  path: 'auth/token/create',
  createdAt: 1,
  metadata: { a: 'b' },
  cubbyhole: '',
  ...UNLIMITED,
};

/** A mark instead of a MAC: cheap, and enough to tell what was made here. */
const cipher: TokenCipher = {
  encrypt: (plain) => Uint8Array.of(7, ...plain),
  decrypt: async (record) => {
    if (record[0] !== 7) throw new LatchkeyError('storage_corrupt', 'not ours');
    return record.slice(1);
  },
};

export const batchTokenTarget = {
  name: 'batch-token',
  corpus: [encodeBatchToken(cipher, entry), 'hvb.AAAA', 'hvs.x'].map(utf8),
  words: ['hvb.', '-', '_', '='],
  async run(input: Uint8Array): Promise<void> {
    const found = await decodeBatchToken(cipher, new TextDecoder().decode(input));
    if (found !== undefined) assert.equal(found.type, 'batch');
  },
};

export const tokenEntryTarget = {
  name: 'token-entry',
  corpus: [encodeEntry(entry), utf8('{"format":1,"policies":["root"],"accessor":"a"}')],
  words: ['"format":2', '"policies":[', 'null'],
  run(input: Uint8Array): void {
    try {
      assert.equal(parseEntry(input, () => 'c').format, 2);
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      assert.equal(error.code, 'storage_corrupt');
    }
  },
};
