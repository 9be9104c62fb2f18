// Limits on the shape of JSON, each at its edge, with Vault's texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatchkeyError } from '../base/errors.ts';
import { checkJsonLimits, type JsonLimits } from './json-limits.ts';

const INFINITE: JsonLimits = {
  depthMax: Number.POSITIVE_INFINITY,
  stringBytesMax: Number.POSITIVE_INFINITY,
  objectEntriesMax: Number.POSITIVE_INFINITY,
  arrayElementsMax: Number.POSITIVE_INFINITY,
  tokensMax: Number.POSITIVE_INFINITY,
  stringsMax: Number.POSITIVE_INFINITY,
  memoryBytesMax: Number.POSITIVE_INFINITY,
};

function check(value: unknown, limits: Partial<JsonLimits>): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  try {
    checkJsonLimits(text, { ...INFINITE, ...limits });
    return 'taken';
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    assert.equal(error.code, 'payload_too_large');
    return error.message;
  }
}

test('each limit takes what just fits and refuses one more', () => {
  const table: [value: unknown, limit: keyof JsonLimits, fits: number, words: RegExp][] = [
    [{ a: [[1]] }, 'depthMax', 3, /nesting depth/],
    [{ a: 'aä€😀\n"' }, 'stringBytesMax', 12, /string value exceeds allowed length/],
    ['{"a":"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\\n"}', 'stringBytesMax', 11, /allowed length/],
    [{ namename: 1 }, 'stringBytesMax', 8, /allowed length/],
    [{ a: 1, b: { c: 1, d: 2, e: 3 } }, 'objectEntriesMax', 3, /object exceeds allowed entry count/],
    [{ a: [1, 'x', null, { b: [] }, []] }, 'arrayElementsMax', 5, /array exceeds allowed element count/],
    [{ a: [-1.5e3, true, null, 'x'] }, 'tokensMax', 9, /token count/],
    [{ a: 'b', c: ['d', 1] }, 'stringsMax', 4, /number of strings/],
    [{ a: [1, true, 'xy'] }, 'memoryBytesMax', 88 + 33 + 40 + 24 + 17 + 34, /estimated memory/],
  ];
  for (const [value, limit, fits, words] of table) {
    assert.equal(check(value, { [limit]: fits }), 'taken', `${limit} ${JSON.stringify(value)}`);
    assert.match(check(value, { [limit]: fits - 1 }), words, limit);
  }
});

test('brackets, colons and quotes inside strings are no structure', () => {
  const tricky = { a: '{[:"\\', '[{"': ']}:,' };
  assert.equal(check(tricky, { depthMax: 1, objectEntriesMax: 2, tokensMax: 6, stringsMax: 4 }), 'taken');
});

test('counts as a plain walk over the parsed value does, and ends on any text', () => {
  const walk = (value: unknown): { tokens: number; depth: number } => {
    if (typeof value !== 'object' || value === null) return { tokens: 1, depth: 0 };
    const inner = Object.values(value).map(walk);
    const names = Array.isArray(value) ? 0 : Object.keys(value).length;
    return {
      tokens: 2 + names + inner.reduce((sum, each) => sum + each.tokens, 0),
      depth: 1 + Math.max(0, ...inner.map((each) => each.depth)),
    };
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { tokens, depth } = walk(JSON.parse(JSON.stringify(value)));
      assert.equal(
        check(JSON.stringify(value), { tokensMax: tokens, depthMax: Math.max(depth, 1) }),
        'taken',
      );
      assert.match(check(JSON.stringify(value), { tokensMax: tokens - 1 }), /token count/);
    }),
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void check(text, { tokensMax: 3 })));
});
