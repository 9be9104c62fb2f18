import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitsGlob } from './glob.ts';

test('a star stands for any text, also for none', () => {
  const cases: [string, string, boolean][] = [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['**', 'abc', true],
    ['a*', 'a', true],
    ['*a', 'ba', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['*ab*ab*', 'abab', true],
    ['*ab*ab*', 'aba', false],
    ['ab*bc', 'abc', false],
    ['a.c', 'abc', false],
    ['a\n*', 'a\nb', true],
  ];
  for (const [pattern, text, fits] of cases)
    assert.equal(fitsGlob(pattern, text), fits, `${pattern} ${text}`);
});

test('property: it fits what the regular expression of the same meaning fits', () => {
  const letters = fc
    .array(fc.constantFrom('a', 'b', '*', '.', '\n'), { maxLength: 10 })
    .map((all) => all.join(''));
  fc.assert(
    fc.property(letters, letters, (pattern, text) => {
      const source = pattern.split('*').map(RegExp.escape).join('.*');
      assert.equal(fitsGlob(pattern, text), new RegExp(`^${source}$`, 's').test(text));
    }),
    { numRuns: 2_000 },
  );
});
