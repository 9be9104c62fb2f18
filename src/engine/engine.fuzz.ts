// Fuzz targets: CIDR blocks that bind a token, and fields out of any JSON.

import assert from 'node:assert/strict';
import { utf8 } from '../base/bytes.ts';
import { isObject, parseJson } from '../base/json.ts';
import { isFrom, parseCidrs } from './bound-cidrs.ts';
import { type FieldType, readFields } from './fields.ts';

export const cidrTarget = {
  name: 'cidr',
  corpus: [
    '10.0.0.0/8',
    '::1',
    'fe80::/10,127.0.0.1/32',
    '0.0.0.0/0',
    '::ffff:1.2.3.4/96',
    'fe80::1%lo/64',
  ].map(utf8),
  words: ['/', '/0', '/32', '/128', ':', '::', '.', '%', ',', '255', 'ffff'],
  bytesMax: 8 * 1024,
  run(input: Uint8Array): void {
    const blocks = parseCidrs(new TextDecoder().decode(input).split(','));
    // What was accepted can be asked about, from any address; and a single address is from itself.
    for (const address of ['127.0.0.1', '::1', '::ffff:10.0.0.1', 'nonsense']) isFrom(blocks, address);
    for (const block of blocks.slice(0, 4)) {
      const [address = ''] = block.split('/');
      assert.ok(isFrom([block], address), `${address} is in ${block}`);
    }
    assert.deepEqual(parseCidrs(blocks), blocks);
  },
};

const TYPES: readonly FieldType[] = ['string', 'boolean', 'integer', 'duration', 'strings', 'object', 'any'];

export const fieldsTarget = {
  name: 'fields',
  corpus: ['{"f":"1h"}', '{"f":[1,"a"]}', '{"f":{"a":1}}', '{"f":1.50}', '{"f":"a, b,,"}'].map(utf8),
  words: ['"f":', 'true', '"true"', '1e400', '[', '{', '"1h"', '-1'],
  run(input: Uint8Array): void {
    const value = parseJson(new TextDecoder().decode(input));
    if (!isObject(value)) return;
    for (const type of TYPES) {
      try {
        readFields({ f: { type, help: 'a field' } }, value);
      } catch (error) {
        // Never its value: it may be a secret.
        assert.match(String((error as Error).message), /^field 'f' must be /);
      }
    }
  },
};
