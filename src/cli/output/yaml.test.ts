// What a YAML reader must get back: strings as strings, numbers to the digit, nothing that turns into something else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExactJson } from '../../client/exact-json.ts';
import { yaml } from './yaml.ts';

test('objects, lists and what is empty', () => {
  const value = { b: [1, { y: 2, x: [] }, [3, [4]]], a: {}, n: null, on: true, list: ['x'] };
  assert.equal(
    yaml(value),
    `a: {}
b:
- 1
- x: []
  "y": 2
- - 3
  - - 4
list:
- x
"n": null
"on": true`,
  );
  assert.deepEqual([yaml([]), yaml({}), yaml(null), yaml('x')], ['[]', '{}', 'null', 'x']);
});

test('a string is quoted where a reader could take it for something else', () => {
  const plain = ['kv', 'https://a:8200/x', 'hvs.CAES', 'two words', 'a_b', '/etc/x'];
  for (const text of plain) assert.equal(yaml(text), text);
  const words = ['', 'yes', 'No', 'true', 'NULL', 'y', '~', '1', '1e3', '0x1f', '.inf', '2026-11-24', '<<'];
  const signs = [
    'a: b',
    'a:',
    'a #b',
    '- a',
    '?a',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '`a',
    ' a',
    'a ',
    '"a"',
    '{a',
    'a\n',
  ];
  for (const text of [...words, ...signs]) assert.equal(yaml(text), JSON.stringify(text), text);
  assert.equal(yaml('a\u0085\u2028\u007fé'), '"a\\u0085\\u2028\\u007fé"');
});

test('numbers keep their digits', () => {
  assert.equal(
    yaml(parseExactJson('{"big":12345678901234567890,"f":1.50}')),
    'big: 12345678901234567890\nf: 1.50',
  );
});

test('a key too long for a simple one', () => {
  const key = 'k'.repeat(1_100);
  assert.equal(yaml({ [key]: { a: [1, { b: 2 }], c: 3 } }), `? ${key}\n: a:\n  - 1\n  - b: 2\n  c: 3`);
  assert.equal(yaml([{ [key]: 'x' }]), `- ? ${key}\n  : x`);
});
