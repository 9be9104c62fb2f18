import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, functionsOf, importsOf } from './structure.ts';
import { tokenize } from './tokens.ts';

const kindsOf = (source: string) => tokenize(source).map((token) => `${token.kind} ${token.text}`);
const imports = (source: string) =>
  importsOf(codeOf(tokenize(source))).map((found) => `${found.kind} ${found.specifier}`);
const functions = (source: string) =>
  functionsOf(codeOf(tokenize(source))).map((span) => `${span.name} ${span.line}-${span.lineEnd}`);

test('a slash is a regex where an expression starts, else a division', () => {
  assert.deepEqual(
    kindsOf('a / b / c').filter((text) => text.startsWith('regex')),
    [],
  );
  assert.deepEqual(
    kindsOf('x = (1 + 2) / 3 / 4').filter((text) => text.startsWith('regex')),
    [],
  );
  assert.deepEqual(
    kindsOf('list[0] / 2; i++ / 2').filter((text) => text.startsWith('regex')),
    [],
  );
  assert.deepEqual(kindsOf('return /[/"]\\/{/.test(x)')[1], 'regex /[/"]\\/{/');
  assert.deepEqual(kindsOf('if (a) /"{/g.test(b)')[4], 'regex /"{/g');
  assert.deepEqual(kindsOf('f(/`/, 1)')[2], 'regex /`/');
  assert.deepEqual(kindsOf('`$' + '{a / 2}` / /}/.b').slice(4), [
    'template `',
    'punctuator /',
    'regex /}/',
    'punctuator .',
    'word b',
  ]);
});

test('strings, templates and comments hide what is in them', () => {
  assert.deepEqual(kindsOf("'it\\'s // no {comment'"), ["string 'it\\'s // no {comment'"]);
  assert.deepEqual(kindsOf('"a\\"/*" /* "b */ c // `d'), [
    'string "a\\"/*"',
    'comment /* "b */',
    'word c',
    'comment // `d',
  ]);
  assert.deepEqual(kindsOf('`a #{ {b: `c #{d} $e`} } \\#{f} {`'.replaceAll('#{', '$' + '{')), [
    'template a $' + '{',
    'punctuator {',
    'word b',
    'punctuator :',
    'template c $' + '{',
    'word d',
    'template  $e`',
    'punctuator }',
    'template  \\$' + '{f} {`',
  ]);
});

test('lines are counted through templates and comments', () => {
  const tokens = tokenize('/* one\ntwo */\n`three\n$' + '{four}\nfive`\nsix');
  assert.equal(tokens.at(-1)?.line, 6);
  assert.deepEqual(
    tokens.map((token) => token.lineEnd),
    [2, 4, 4, 5, 6],
  );
});

test('what does not close is refused with its line', () => {
  assert.throws(() => tokenize('a\n{ b'), /line 2: \{ never closed/);
  assert.throws(() => tokenize('a\n)'), /line 2: unexpected \)/);
  assert.throws(() => tokenize('\n`a'), /line 2: template never ends/);
  assert.throws(() => tokenize("\n\n'a\n'"), /line 3: string never ends/);
});

test('every form of import is found, with its kind', () => {
  assert.deepEqual(imports(`import a from './a.ts';`), ['static ./a.ts']);
  assert.deepEqual(imports(`import './b.ts';\nimport * as c from "./c.ts";`), [
    'static ./b.ts',
    'static ./c.ts',
  ]);
  assert.deepEqual(imports(`import {\n  type D,\n  e,\n} from './d.ts';`), ['static ./d.ts']);
  assert.deepEqual(imports(`import type { F } from './f.ts';`), ['type ./f.ts']);
  assert.deepEqual(imports(`import type from './g.ts';`), ['static ./g.ts']);
  assert.deepEqual(imports(`import j from './j.json' with { type: 'json' };`), ['static ./j.json']);
  assert.deepEqual(imports(`export { a } from './h.ts'; export * from './i.ts';`), [
    'static ./h.ts',
    'static ./i.ts',
  ]);
  assert.deepEqual(imports(`export type { A } from './k.ts'; export * as l from './l.ts';`), [
    'type ./k.ts',
    'static ./l.ts',
  ]);
  assert.deepEqual(imports(`const m = await import('./m.ts');`), ['dynamic ./m.ts']);
  assert.deepEqual(imports(`let n: typeof import('./n.ts'); let o: import('./o.ts').O;`), [
    'type ./n.ts',
    'type ./o.ts',
  ]);
});

test('what only looks like an import is none', () => {
  assert.deepEqual(imports(`const text = "import a from './a.ts'"; // import './b.ts'`), []);
  assert.deepEqual(imports(`new URL('./c.ts', import.meta.url); x.import('./d.ts');`), []);
  assert.deepEqual(imports(`export const e = './e.ts'; export { f };`), []);
});

test('functions of every form are found, from head to closing brace', () => {
  assert.deepEqual(functions('function a(b = {}) {\n  return 1;\n}'), ['a 1-3']);
  assert.deepEqual(functions('export const a = async (b: string): Promise<{ c: number }> => {\n};'), [
    'a 1-2',
  ]);
  assert.deepEqual(functions('const a = b => {\n};'), ['b 1-2']);
  assert.deepEqual(functions('class A {\n  #a(\n    b: B,\n  ): C<D, () => void> {\n  }\n}'), ['#a 2-5']);
  assert.deepEqual(functions('class A { get a(): { b: string } { return x; } }'), ['a 1-1']);
  assert.deepEqual(functions('function a<T extends {}>(b: T): b is T & { c: 1 } {\n}'), ['a 1-2']);
  assert.ok(functions('function a(): (b: string) => { c: string } {\n}').includes('a 1-2'));
  assert.deepEqual(functions('const a = (): (string | number) => {\n};'), ['a 1-2']);
  assert.deepEqual(functions('const o = { async *a() {\n}, get(b) {} };'), ['a 1-2', 'get 2-2']);
});

test('blocks, types and objects are no functions', () => {
  assert.deepEqual(functions('if (a) {\n} else if (b) {\n} for (;;) { } while (c) { } switch (d) { }'), []);
  assert.deepEqual(functions('for await (const a of b) { } try { } catch (e) { } { }'), []);
  assert.deepEqual(functions('interface A { b(c: D): { e: F }; }\ntype G = { h(i: J): { k: L } };'), []);
  assert.deepEqual(functions('const a = b ? c(d) : { e: 1 };'), []);
  assert.deepEqual(functions('switch (a) { case b(c): return { d: 1 }; }'), []);
});

test('the callback of a test call is told from a function inside of it', () => {
  const spans = functionsOf(
    codeOf(tokenize(`test('a', async () => {\n  const b = () => { };\n});\nf(() => { });`)),
  );
  assert.deepEqual(
    spans.map((span) => span.callbackOf),
    ['test', undefined, undefined],
  );
});
