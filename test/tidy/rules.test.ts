// Each rule finds what it is for, and leaves its neighbours alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importFindings } from './import-rules.ts';
import {
  deadFileFindings,
  fileLengthFindings,
  functionLengthFindings,
  nameFindings,
  titleFindings,
} from './shape-rules.ts';
import { type Finding, isSource, readSource, type Tree } from './tree.ts';
import {
  consoleFindings,
  environmentFindings,
  httpStatusFindings,
  idleTestFindings,
  leftoverFindings,
  typeEscapeFindings,
} from './word-rules.ts';

function treeOf(files: Readonly<Record<string, string>>): Tree {
  const paths = Object.keys(files);
  const text = (path: string) => files[path] ?? '';
  return { paths, sources: paths.filter(isSource).map((path) => readSource(path, text(path))), text };
}

/** Which of `files` the rule finds at fault. */
function faulty(check: (tree: Tree) => Finding[], files: Readonly<Record<string, string>>): string[] {
  return [...new Set(check(treeOf(files)).map((finding) => finding.file))];
}

const importing = (specifier: string) => `import { a } from '${specifier}';\n`;
const importingType = (specifier: string) => `import type { A } from '${specifier}';\n`;

test('imports that go up, sideways or into an adapter are found', () => {
  const wrong = {
    'src/base/a.ts': importing('../engine/engine.ts'),
    'src/base/b.ts': importing('node:fs/promises'),
    'src/mount/a.ts': importing('../policy/decide.ts'),
    'src/secrets/kv/a.ts': importing('../transit/b.ts'),
    'src/secrets/kv/b.ts': importing('../../core/call.ts'),
    'src/storage/storage.ts': importing('./memory/memory-storage.ts'),
    'src/storage/memory/a.ts': importing('../lmdb/lmdb-storage.ts'),
    'src/core/a.ts': importing('../storage/memory/memory-storage.ts'),
    'src/core/b.ts': importing('../system/system-engine.ts'),
    'src/barrier/a.ts': importing('../engine/engine.ts'),
    'src/cluster/a.ts': importing('../storage/election.ts'),
    'src/newcomer/a.ts': importing('../base/bytes.ts'),
    'src/client/a.ts': importing('../server/status.ts'),
    'src/core/c.ts': importing('../main.ts'),
    'src/engine/a.ts': importing('./engine.contract.ts'),
    'src/engine/b.ts': importing('../../emulator/src/main.ts'),
    'emulator/src/a.test.ts': importing('../../src/base/bytes.ts'),
    'src/engine/c.ts': `export { a } from '../core/call.ts';`,
    'src/engine/d.ts': `const a = await import('../core/call.ts');`,
  };
  assert.deepEqual(faulty(importFindings, wrong), Object.keys(wrong));
});

test('imports that go down are fine, and tests and main.ts may name everything', () => {
  const right = {
    'src/main.ts': importing('./storage/lmdb/lmdb-storage.ts'),
    'src/base/a.ts': importing('node:crypto'),
    'src/secrets/kv/a.ts': importing('../../engine/engine.ts') + importing('../../base/json.ts'),
    'src/storage/memory/a.ts': importing('../storage.ts') + importing('./b.ts'),
    'src/core/a.ts': importing('../storage/storage.ts') + importingType('../system/ports.ts'),
    'src/barrier/a.ts': importingType('../engine/engine.ts'),
    'src/barrier/a.test.ts': importing('../storage/memory/memory-storage.ts'),
    'src/engine/engine.contract.ts': importing('../storage/memory/memory-storage.ts'),
    'src/seal/seal.fuzz.ts': importing('../../emulator/src/main.ts'),
    'demo/main.ts': importing('../src/client/client.ts'),
    'emulator/src/main.ts': importing('./entra/domain.ts'),
  };
  assert.deepEqual(faulty(importFindings, right), []);
});

test('foreign packages stay at home, the cloud ones load late', () => {
  const wrong = {
    'src/seal/azure-key-vault/a.ts': importing('@azure/identity'),
    'src/core/a.ts': `const a = await import('@azure/keyvault-secrets');`,
    'src/core/b.ts': importingType('@azure/core-auth'),
    'src/storage/memory/a.ts': importing('lmdb'),
  };
  assert.deepEqual(faulty(importFindings, wrong), Object.keys(wrong));
  const right = {
    'src/seal/azure-key-vault/a.ts': `${importingType('@azure/identity')} await import('@azure/identity');`,
    'src/seal/azure-key-vault/a.test.ts': importing('@azure/identity'),
    'src/storage/lmdb/a.ts': importing('lmdb'),
  };
  assert.deepEqual(faulty(importFindings, right), []);
});

test('files and functions are measured; tests inside a suite count for themselves', () => {
  const lines = (count: number) => 'a();\n'.repeat(count);
  assert.deepEqual(
    faulty(fileLengthFindings, {
      'src/a.ts': lines(401),
      'src/b.ts': lines(400),
      'src/a.test.ts': lines(900),
    }),
    ['src/a.ts'],
  );
  const body = (count: number) => `function a() {\n${lines(count - 2)}}\n`;
  const story = (count: number) => `test('a', () => {\n${lines(count - 2)}});\n`;
  const files = {
    'src/a.ts': body(71),
    'src/b.ts': body(70),
    'src/a.test.ts': body(71),
    'src/b.test.ts': story(120),
    'src/c.test.ts': story(121),
    'src/d.contract.ts': `export function suite() {\n${story(60)}${story(60)}}`,
  };
  assert.deepEqual(faulty(functionLengthFindings, files), ['src/a.ts', 'src/a.test.ts', 'src/c.test.ts']);
});

test('drawers and odd names are found', () => {
  const wrong = [
    'src/utils/a.ts',
    'src/core/helpers.ts',
    'test/common/a.ts',
    'src/core/KeyLock.ts',
    'docs/my_page.md',
  ];
  const right = [
    'src/core/key-lock.test.ts',
    'README.md',
    '.ci/run',
    'chart/templates/_helpers.tpl',
    'docs/a/0001-b.md',
  ];
  const files = Object.fromEntries([...wrong, ...right].map((path) => [path, '']));
  assert.deepEqual(faulty(nameFindings, files), wrong);
});

test('a file that nobody reaches is dead; one that is imported, started or named is not', () => {
  const files = {
    'package.json': '{"scripts": {"x": "node tools/folder/script.mjs"}}',
    'src/main.ts': `${importing('./a.ts')} new URL('./worker.ts', import.meta.url);`,
    'src/a.ts': '',
    'src/worker.ts': '',
    'src/orphan.ts': '',
    'src/orphan.test.ts': '',
    'src/told-of.ts': '// nobody imports ./told-of.ts',
    'tools/folder/script.mjs': '',
    'emulator/src/early.ts': '',
  };
  assert.deepEqual(faulty(deadFileFindings, files), ['src/orphan.ts', 'src/told-of.ts']);
});

test('a page without a title is found', () => {
  assert.deepEqual(faulty(titleFindings, { 'a.md': '\n# A\n', 'b.md': 'b\n', 'c.md': '## C\n' }), [
    'b.md',
    'c.md',
  ]);
});

test('evasions of the type check are found, the word any in other places is not', () => {
  const wrong = {
    'src/a.ts': 'let a: any;',
    'src/b.ts': 'const b = c as any;',
    'src/c.ts': 'let d: Map<string, any>;',
    'src/d.ts': `// @ts-${'ignore'} because it is late`,
    'src/e.ts': `// @ts-${'expect-error'}`,
    'src/f.ts': `// biome-${'ignore'} lint/suspicious/noExplicitAny: no`,
  };
  assert.deepEqual(faulty(typeEscapeFindings, wrong), Object.keys(wrong));
  const right = {
    'src/a.ts': `type A = { any: string }; const b = { a: 1, any: 'any' }; AbortSignal.any([]); // any: any`,
    'src/b.ts': `// @ts-${'expect-error'} the type wants a name, the test leaves it out`,
    'src/c.ts': `// biome-${'ignore'} lint/suspicious/noControlCharactersInRegex: the rule of the wire format`,
  };
  assert.deepEqual(faulty(typeEscapeFindings, right), []);
});

test('leftovers are found in comments alone', () => {
  const files = { 'src/a.ts': `// ${'TO'}${'DO'} later`, 'src/b.ts': `const a = '${'TO'}${'DO'}';` };
  assert.deepEqual(faulty(leftoverFindings, files), ['src/a.ts']);
});

test('console, environment and HTTP status numbers are found outside their places', () => {
  const spoken = {
    'src/core/a.ts': 'console.log(1)',
    'src/cli/a.ts': 'console.log(1)',
    'demo/a.ts': 'console.error(1)',
  };
  assert.deepEqual(faulty(consoleFindings, spoken), ['src/core/a.ts']);
  const environment = {
    'src/core/a.ts': 'process.env.HOME',
    'src/core/b.ts': `import { argv, env } from 'node:process';`,
    'src/core/c.ts': 'context.env; const text = "process.env";',
    'src/main.ts': 'process.env.HOME',
  };
  assert.deepEqual(faulty(environmentFindings, environment), ['src/core/a.ts', 'src/core/b.ts']);
  const statuses = {
    'src/core/a.ts': 'return { httpStatus: 403 };',
    'src/core/b.ts': 'const waitMs = 500;',
    'src/server/status.ts': 'const status = 403;',
    'emulator/src/a.ts': 'const status = 403;',
  };
  assert.deepEqual(faulty(httpStatusFindings, statuses), ['src/core/a.ts']);
});

test('tests that do not run are found', () => {
  const wrong = {
    'src/a.test.ts': `test.${'skip'}('a', () => {})`,
    'src/b.test.ts': `t.${'todo'}()`,
    'src/c.test.ts': `test('a', { ${'only'}: true }, () => {})`,
  };
  assert.deepEqual(faulty(idleTestFindings, wrong), Object.keys(wrong));
  assert.deepEqual(
    faulty(idleTestFindings, { 'src/d.test.ts': 'list.skip(1)', 'src/e.ts': '({ only: 1 })' }),
    [],
  );
});
