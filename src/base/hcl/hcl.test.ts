import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { LatchkeyError } from '../errors.ts';
import { type HclBody, type HclValue, parseHcl } from './hcl.ts';
import { HCL_BYTES_MAX, HCL_DEPTH_MAX, HCL_NODES_MAX } from './hcl-tree.ts';

/** A tree without positions: lists of [key, labels, value]. */
type Plain =
  | null
  | boolean
  | number
  | string
  | Plain[]
  | { list: Plain[] }
  | { body: [string, string[], Plain][] };

function plain(value: HclValue): Plain {
  if (value.kind === 'body') {
    return {
      body: value.entries.map((entry) => [
        entry.key.text,
        entry.labels.map((label) => label.text),
        plain(entry.value),
      ]),
    };
  }
  if (value.kind === 'list') return { list: value.items.map(plain) };
  return value.kind === 'null' ? null : value.value;
}

function entries(text: string, file = 'test.hcl'): [string, string[], Plain][] {
  return (plain(parseHcl(text, file)) as { body: [string, string[], Plain][] }).body;
}

const block = (...body: [string, string[], Plain][]): Plain => ({ body });

test('what HCL1 takes', () => {
  const accepted: [text: string, expected: [string, string[], Plain][]][] = [
    ['', []],
    ['\uFEFF# only a comment', []],
    ['a = 1', [['a', [], 1]]],
    [
      'a = 1 b = 2',
      [
        ['a', [], 1],
        ['b', [], 2],
      ],
    ],
    [
      'a = 1, b = 2,',
      [
        ['a', [], 1],
        ['b', [], 2],
      ],
    ],
    ['"a b" = true', [['a b', [], true]]],
    ['a.b-c = false', [['a.b-c', [], false]]],
    ['größe = 1', [['größe', [], 1]]],
    ['a { }', [['a', [], block()]]],
    [
      'a {}\na {}',
      [
        ['a', [], block()],
        ['a', [], block()],
      ],
    ],
    ['a = { b = 1 }', [['a', [], block(['b', [], 1])]]],
    ['a "x" "y" { b = 1 c = 2 }', [['a', ['x', 'y'], block(['b', [], 1], ['c', [], 2])]]],
    ['listener tcp { address = ":1" }', [['listener', ['tcp'], block(['address', [], ':1'])]]],
    [
      'path "secret/*" { capabilities = ["read"] }',
      [['path', ['secret/*'], block(['capabilities', [], { list: ['read'] }])]],
    ],
    ['a = { "H": ["v", "w",] }', [['a', [], block(['H', [], { list: ['v', 'w'] }])]]],
    ['a = [1, [2], { b = 3 }, "x"]', [['a', [], { list: [1, { list: [2] }, block(['b', [], 3]), 'x'] }]]],
    ['a = [\n 1,\n # no\n 2\n]', [['a', [], { list: [1, 2] }]]],
    [
      'a = -1 b = 1.5 c = 1e3 d = -2.5e-1 e = 0x1F f = 0750 g = -0x10 h = .5',
      [
        ['a', [], -1],
        ['b', [], 1.5],
        ['c', [], 1000],
        ['d', [], -0.25],
        ['e', [], 31],
        ['f', [], 488],
        ['g', [], -16],
        ['h', [], 0.5],
      ],
    ],
    [
      '// x\na = 1 // y\n# z\n/* many\nlines */ b /* here */ = 2',
      [
        ['a', [], 1],
        ['b', [], 2],
      ],
    ],
    ['a = "q\\"b\\\\n\\n\\t\\u00e9\\U0001F511\\x41\\101"', [['a', [], 'q"b\\n\n\té🔑AA']]],
    // Interpolation stands as it is, quotes and backslashes with it.
    [`a = "\${env("X")}\\n\${a{b}c}"`, [['a', [], `\${env("X")}\n\${a{b}c}`]]],
    ['a = "$x $$ {y}"', [['a', [], '$x $$ {y}']]],
    ['a = "\\u0024{x"', [['a', [], `\${x`]]],
    [
      'a = <<EOF\none\n  two\nEOF\nb = 1',
      [
        ['a', [], 'one\n  two\n'],
        ['b', [], 1],
      ],
    ],
    ['a = <<-EOF\n    one\n      two\n\n    EOF\n', [['a', [], 'one\n  two\n\n']]],
    ['a = <<-EOF\n  one\n    EOF', [['a', [], '  one\n']]],
    ['a = <<EOF\nEOF', [['a', [], '']]],
    ['a = [<<X\nv\nX\n, 2]', [['a', [], { list: ['v\n', 2] }]]],
    [
      'a = 1\r\nb {\r\n c = 2\r\n}\r\n',
      [
        ['a', [], 1],
        ['b', [], block(['c', [], 2])],
      ],
    ],
    [
      '{"a": {"b": [1, null, "x\\u00e9"]}, "a": true}',
      [
        ['a', [], block(['b', [], { list: [1, null, 'xé'] }])],
        ['a', [], true],
      ],
    ],
  ];
  for (const [text, expected] of accepted) assert.deepEqual(entries(text), expected, text);
});

test('what is refused, where, and what was expected instead', () => {
  const refused: [text: string, message: RegExp][] = [
    ['a', /^test\.hcl:1:2: expected =, \{ or a label behind the key, found the end of the file$/],
    ['a =', /^test\.hcl:1:4: expected a value/],
    ['a = }', /:1:5: expected a value: .*found \}$/],
    ['\n  a = yes', /:2:7: expected a value.*found a bare word \(text needs double quotes/],
    ['a = 30s', /:1:5: this number runs into/],
    ['a = 10.0.0.1', /:1:5: this number runs into/],
    ['a = 0x', /:1:5: this number runs into/],
    ['a = 089', /:1:5: .*octal/],
    ['a = 1e999', /:1:5: this number is too large/],
    ['a = - 1', /U\+002D/],
    ["a = 'x'", /:1:5: text stands in double quotes/],
    ['a = "x', /:1:5: the text that opens here is not closed/],
    ['a = "x\ny"', /:1:5: the text that opens here is not closed/],
    [`a = "\${x"`, /:1:6: the interpolation/],
    ['a = "\\q"', /:1:6: a backslash needs/],
    ['a = "\\uD800"', /:1:6: a backslash needs/],
    ['a = "\\UFFFFFFFF"', /:1:6: a backslash needs/],
    ['a {', /:1:3: the block that opens here is not closed; expected \}/],
    ['a "x" {\n b = 1\n', /:1:7: the block that opens here/],
    ['a = {', /:1:5: the block that opens here/],
    ['a = [1', /:1:5: the list that opens here is not closed; expected \]/],
    ['a = [1 2]', /:1:8: expected , or \] behind the list item, found a number/],
    ['a = [,]', /:1:6: expected a value/],
    ['a = [b = 1]', /:1:6: expected a value/],
    ['}', /:1:1: expected a key, found \}/],
    ['a { ] }', /:1:5: expected a key or \}, found \]/],
    ['200 = {}', /:1:1: expected a key, found a number/],
    ['a "x" = 1', /:1:7: expected \{ behind the labels/],
    ['a: 1', /:1:2: expected =/],
    ['a = 1,, b = 2', /:1:7: expected a key, found ,/],
    ['/* x', /:1:1: the comment that opens here is not closed/],
    ['a = <<EOF\nx\n', /:1:5: the << text that opens here is not closed/],
    ['a = << EOF\nx\nEOF', /:1:5: expected a name and the end of the line/],
    ['a = 1\n\0', /:2:1: a NUL byte/],
    ['a = §', /:1:5: the character U\+00A7/],
  ];
  for (const [text, message] of refused) assertRefused(text, 'test.hcl', message);
  const json: [text: string, message: RegExp][] = [
    ['', /^c\.json:1:1: expected \{ at the start of a JSON file, found the end of the file$/],
    ['a = 1', /:1:1: expected \{/],
    ['[1]', /:1:1: expected \{/],
    ['{\n"a" 1}', /:2:5: expected : behind the key/],
    ['{"a": 1,}', /:1:9: expected a key in double quotes/],
    ['{"a": 01}', /:1:8: expected , or \}/],
    ['{"a": yes}', /:1:7: expected a value/],
    ['{"a": [1 2]}', /:1:10: expected , or \]/],
    ['{"a": "x\n"}', /:1:7: the text that opens here/],
    ['{"a": "\\x41"}', /:1:8: a backslash needs/],
    ['{"a": 1} x', /:1:10: expected the end of the file/],
    ['{"a": 1e999}', /:1:7: this number is too large/],
    ['{ # no\n}', /:1:3: expected a key/],
  ];
  for (const [text, message] of json) assertRefused(text, 'c.json', message);
});

test('every node knows its file, line and column', () => {
  const hcl = parseHcl('# c\nlistener "tcp" {\n  address = <<E\nx\nE\n  n = [1, true]\n}', 'a.hcl');
  const listener = hcl.entries[0];
  assert.deepEqual(listener?.key.at, { file: 'a.hcl', line: 2, column: 1 });
  assert.deepEqual(listener?.labels[0]?.at, { file: 'a.hcl', line: 2, column: 10 });
  assert.deepEqual(listener?.value.at, { file: 'a.hcl', line: 2, column: 16 });
  const [address, n] = (listener?.value as HclBody | undefined)?.entries ?? [];
  assert.deepEqual(address?.value.at, { file: 'a.hcl', line: 3, column: 13 });
  assert.deepEqual(n?.value.at, { file: 'a.hcl', line: 6, column: 7 });
  const json = parseHcl('{\n "a":\n  {"b": null}}', 'a.json');
  assert.deepEqual(json.entries[0]?.value.at, { file: 'a.json', line: 3, column: 3 });
});

test('limits on size, depth and number of nodes', () => {
  const nested = (depth: number) => `a = ${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.equal(entries(nested(HCL_DEPTH_MAX)).length, 1);
  assertRefused(nested(HCL_DEPTH_MAX + 1), 'x.hcl', /nested deeper than 64 levels/);
  assertRefused(`${'a {'.repeat(50_000)}`, 'x.hcl', /nested deeper/);
  assertRefused(`{"a": ${'['.repeat(50_000)}`, 'x.json', /nested deeper/);
  assertRefused('a=1 '.repeat(HCL_NODES_MAX / 2 + 1), 'x.hcl', /more than 100000 keys and values/);
  assertRefused(`#${'x'.repeat(HCL_BYTES_MAX)}`, 'x.hcl', /larger than 1048576 bytes/);
  assertRefused(`#${'é'.repeat(HCL_BYTES_MAX / 2)}`, 'x.hcl', /larger than 1048576 bytes/);
  assert.deepEqual(entries(`#${'x'.repeat(HCL_BYTES_MAX - 1)}`), []);
});

test('a syntax error never quotes what stands in the file', () => {
  const secret = 'hunter2';
  for (const text of [
    `s = ${secret}`,
    `s = "${secret}`,
    `s ${secret} = 1`,
    `s = '${secret}'`,
    `s = "a" "${secret}" 1`,
  ]) {
    for (const source of [text, `{"s": ${secret}}`]) {
      assert.throws(
        () => parseHcl(source, 'x.hcl'),
        (error: Error) => error instanceof LatchkeyError && !error.message.includes(secret),
      );
    }
  }
});

test('print → parse gives the same tree', () => {
  fc.assert(
    fc.property(bodyArbitrary, styleArbitrary, (body, style) => {
      assert.deepEqual(entries(printHcl(body, style)), body);
    }),
    { numRuns: 300 },
  );
});

test('JSON.stringify → parse gives the same tree', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (object) => {
      const text = JSON.stringify(object, null, 2);
      assert.deepEqual(entries(text, 'x.json'), fromJson(JSON.parse(text)).body);
    }),
    { numRuns: 300 },
  );
});

test('random text is parsed or refused, never anything else', () => {
  const pieces = fc.constantFrom(
    'a',
    '"',
    '"x"',
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    ':',
    '\n',
    ' ',
    '1',
    '-',
    '0x',
    '.',
    '${',
    '\\',
    '<<E\n',
    'E\n',
    '<<-E\n',
    '#',
    '/*',
    '*/',
    '//',
    'true',
    'null',
    '\uFEFF',
    '\r',
    "'",
    '\u{1F511}',
    '\uD800',
  );
  const soup = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));
  const bytes = fc.uint8Array({ maxLength: 200 }).map((raw) => new TextDecoder().decode(raw));
  fc.assert(
    fc.property(fc.oneof(soup, bytes), fc.constantFrom('x.hcl', 'x.json'), (text, file) => {
      try {
        parseHcl(text, file);
      } catch (error) {
        assert.ok(error instanceof LatchkeyError && error.code === 'config_invalid', String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test('the largest texts take no more than a moment', () => {
  const unit = [
    'a = "',
    '/*',
    '#\n',
    '<<E\n',
    '${',
    '\\',
    '"${',
    '{',
    'a ',
    '\n',
    'a = <<E\nE\n',
    '-',
    '0',
    '.',
  ];
  for (const each of unit) {
    const text = each.repeat(Math.floor(HCL_BYTES_MAX / each.length));
    for (const source of [text, `a = "${text}`, `a = <<X\n${text}`]) {
      const started = performance.now();
      try {
        parseHcl(source.slice(0, HCL_BYTES_MAX), 'x.hcl');
      } catch (error) {
        assert.ok(error instanceof LatchkeyError, String(error));
      }
      assert.ok(performance.now() - started < 5_000, JSON.stringify(each));
    }
  }
});

function assertRefused(text: string, file: string, message: RegExp): void {
  const shown = text.slice(0, 60);
  assert.throws(
    () => parseHcl(text, file),
    (error: unknown) => {
      assert.ok(error instanceof LatchkeyError, `${shown}: ${error}`);
      assert.equal(error.code, 'config_invalid');
      assert.match(error.message, message, shown);
      return true;
    },
    shown,
  );
}

function fromJson(value: unknown): { body: [string, string[], Plain][] } {
  const convert = (inner: unknown): Plain => {
    if (Array.isArray(inner)) return { list: inner.map(convert) };
    return typeof inner === 'object' && inner !== null ? fromJson(inner) : (inner as Plain);
  };
  return { body: Object.entries(value as object).map(([key, inner]) => [key, [], convert(inner)]) };
}

const wordArbitrary = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.-]{0,8}$/);
const keyArbitrary = fc.oneof(
  wordArbitrary,
  fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => !/[\0\uD800-\uDFFF]/.test(text)),
);
const textArbitrary = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((text) => text.replaceAll(/\0|[\uD800-\uDFFF]/g, '$'));
const { body: bodyArbitrary } = fc.letrec<{
  value: Plain;
  body: [string, string[], Plain][];
  entry: [string, string[], Plain];
}>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.boolean(),
    textArbitrary,
    fc.integer(),
    fc.double({ noDefaultInfinity: true, noNaN: true }),
    fc.array(tie('value'), { maxLength: 4 }).map((list) => ({ list })),
    tie('body').map((body) => ({ body })),
  ),
  entry: fc.oneof(
    fc.tuple(keyArbitrary, fc.constant<string[]>([]), tie('value')),
    fc.tuple(
      keyArbitrary,
      fc.array(keyArbitrary, { minLength: 1, maxLength: 2 }),
      tie('body').map((body) => ({ body })),
    ),
  ),
  body: fc.array(tie('entry'), { maxLength: 5 }),
}));
const styleArbitrary = fc.array(fc.nat(5), { minLength: 1, maxLength: 20 });

/** Prints a tree, with spacing, commas, comments and block forms chosen by `style` in turn. */
function printHcl(body: [string, string[], Plain][], style: number[]): string {
  let turn = 0;
  const pick = (...choices: string[]): string => {
    turn += 1;
    return choices[(style[turn % style.length] ?? 0) % choices.length] ?? '';
  };
  const gap = () => pick(' ', '\n', '\t', ' /* c */ ', '\r\n', ' # c\n');
  const quoted = (text: string) =>
    `"${text.replaceAll(/["\\\n\r\u2028]|\$(?=\{)/gu, (char) => (char === '"' || char === '\\' ? `\\${char}` : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`))}"`;
  const name = (text: string) =>
    /^[a-zA-Z_][a-zA-Z0-9_.-]*$/.test(text) && pick('bare', 'quoted') === 'bare' ? text : quoted(text);
  const value = (inner: Plain): string => {
    if (typeof inner === 'string') return quoted(inner);
    if (typeof inner === 'number') return Object.is(inner, -0) ? '-0' : String(inner);
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return String(inner);
    if ('list' in inner)
      return `[${gap()}${inner.list.map(value).join(`${gap()},`)}${inner.list.length > 0 ? pick('', ',') : ''}]`;
    return `{${gap()}${print(inner.body)}}`;
  };
  const print = (list: [string, string[], Plain][]): string =>
    list
      .map(([key, labels, inner]) => {
        const isBody = typeof inner === 'object' && inner !== null && 'body' in inner;
        const mark =
          labels.length > 0 || (isBody && pick('block', 'assign') === 'block') ? '' : pick('=', ' = ');
        return `${[key, ...labels].map(name).join(' ')}${gap()}${mark}${gap()}${value(inner)}`;
      })
      .join(pick('\n', ' , ', ',\n', ' '))
      .concat(pick('\n', '\n', ' '));
  return print(body);
}
