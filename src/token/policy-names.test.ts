import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob, normalizePolicies } from './policy-names.ts';

test('names are small, sorted, each once; root leaves nothing beside it', () => {
  assert.deepEqual(normalizePolicies([' B', 'a', 'b ', '']), ['a', 'b']);
  assert.deepEqual(normalizePolicies(['b'], true), ['b', 'default']);
  assert.deepEqual(normalizePolicies(['a', 'ROOT'], true), ['root']);
});

test('a star stands for any characters, as many as there are; nothing else is special', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
  fc.assert(
    fc.property(piece, name, (glob, text) => {
      const slow = new RegExp(
        `^${glob
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('.*')}$`,
      );
      assert.equal(matchesGlob([glob], text), slow.test(text));
    }),
    { numRuns: 2_000 },
  );
});
