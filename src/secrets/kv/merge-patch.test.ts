import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type JsonObject, parseJson } from '../../base/json.ts';
import { mergePatch, subkeysOf } from './merge-patch.ts';

test('the examples of RFC 7396, appendix A, whose target and patch are objects', () => {
  const cases: readonly (readonly [JsonObject, JsonObject, JsonObject])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of cases) assert.deepEqual(mergePatch(target, patch), expected);
});

test('a patch leaves its arguments alone, and applied twice gives the same', () => {
  const objects = fc.object({ maxDepth: 3, values: [fc.string(), fc.integer(), fc.constant(null)] });
  fc.assert(
    fc.property(objects, objects, (left, right) => {
      const target = structuredClone(left) as JsonObject;
      const patch = structuredClone(right) as JsonObject;
      const once = mergePatch(target, patch);
      assert.deepEqual(mergePatch(once, patch), once);
      assert.deepEqual([target, patch], [left, right]);
    }),
  );
});

test('a number that keeps its digits is a value, not an object', () => {
  const exact = parseJson('{"a":9007199254740993}') as JsonObject;
  assert.equal(JSON.stringify(mergePatch({ a: { b: 1 } }, exact)), '{"a":9007199254740993}');
  assert.deepEqual(subkeysOf(exact, 0), { a: null });
});

test('subkeys show names and no values, as deep as asked', () => {
  const secret = { a: { b: { c: 1 }, d: 'x' }, e: {}, f: [1] };
  assert.deepEqual(subkeysOf(secret, 0), { a: { b: { c: null }, d: null }, e: null, f: null });
  assert.deepEqual(subkeysOf(secret, 1), { a: null, e: null, f: null });
  assert.deepEqual(subkeysOf(secret, 2), { a: { b: null, d: null }, e: null, f: null });
});
