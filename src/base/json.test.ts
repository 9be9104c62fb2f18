import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from './errors.ts';
import { isObject, parseJson } from './json.ts';

test('what is parsed is given back to the letter, digits that a double would lose included', () => {
  for (const text of [
    '{"a":9007199254740993,"b":1.0,"c":[1e400,-0,0.1,12345678901234567890.50],"d":"1.0","e":null,"f":7}',
    '1.50',
    '[true,false,-1]',
    '{"time":"2026-01-02T03:04:05.678Z","b":"1.0","n":[-0,1e2,1234567890123456]}',
    '{"\\"1":1E2}',
  ]) {
    assert.equal(JSON.stringify(parseJson(text)), text);
  }
});

test('plain values are plain numbers, and any JSON that JSON.parse takes is taken', () => {
  assert.deepEqual(parseJson('{"cas":1,"x":0.5}'), { cas: 1, x: 0.5 });
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(JSON.stringify(parseJson(text)), text);
    }),
  );
});

test('what is no JSON, or nested too deep, is refused without quoting it', () => {
  const refuses = (text: string, says: RegExp) =>
    assert.throws(
      () => parseJson(text, 4),
      (error) => hasCode(error, 'bad_request') && says.test(error.message) && !error.message.includes('hush'),
    );
  refuses('{"hush":', /not valid JSON/);
  refuses('[[[[["hush"]]]]]', /deeper than 4/);
  assert.deepEqual(parseJson('["[[[[[[[["]', 4), ['[[[[[[[[']);
});

test('any number comes back to the letter, wherever it stands', () => {
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,24}$/)),
      fc.constantFrom('', '.0', '.50', '.125'),
      fc.constantFrom('', 'e5', 'E-7', 'e+400'),
    )
    .map((parts) => parts.join(''));
  const around = fc.constantFrom<(n: string) => string>(
    (n) => n,
    (n) => `[${n},"-0 1.5"]`,
    (n) => `{"a\\"":{"b":${n}},"c":"12345678901234567"}`,
  );
  fc.assert(
    fc.property(number, around, (n, put) => {
      assert.equal(JSON.stringify(parseJson(put(n))), put(n));
    }),
    { numRuns: 500 },
  );
});

test('a number is no object, however it is kept', () => {
  for (const text of ['1', '1.0', '1e400', '9007199254740993', '-0', '[]', 'null', '"a"']) {
    assert.equal(isObject(parseJson(text)), false, text);
  }
  assert.equal(isObject(parseJson('{"rawJSON":1.0}')), true);
});

/** Ended the process within 100 rounds when `JSON.parse` was called with a reviver at once. */
const ILL_FORMED = `
  const { parseJson } = await import(process.argv[1]);
  for (const start of ['{', '{"a":[{', '[{"b":{']) {
    const text = start + '"k":"v","n":1.0,'.repeat(3_000) + '"c":[{"s":"x"x';
    for (let round = 0; round < 250; round += 1) {
      try {
        parseJson(text);
      } catch (error) {
        if (error.code !== 'bad_request') throw error;
      }
      if (round % 25 === 0) gc();
    }
  }
  console.log('alive');
`;

test('an ill-formed text of many members leaves the process alone', () => {
  const json = new URL('./json.ts', import.meta.url).href;
  const flags = [
    '--expose-gc',
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '--eval',
    ILL_FORMED,
  ];
  // Freed memory is overwritten, so that what still points to it shows at once.
  const env = { ...process.env, MALLOC_PERTURB_: '165' };
  const { stdout, signal, status } = spawnSync(process.execPath, [...flags, json], { env, encoding: 'utf8' });
  assert.deepEqual({ stdout, signal, status }, { stdout: 'alive\n', signal: null, status: 0 });
});
