// docs/errors.md against the code, both ways: every class that a node can name is described, and no other is.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEAL_CLASS_NAMES } from '../../src/cli/seal-classes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** The types of seal.ts, and the core's own word for the storage. */
const STAGES = ['config', 'dns', 'tcp', 'tls', 'token', 'key', 'wrap', 'unwrap', 'storage'];
/** Taken over from an error's code, so it stands in no `class: '…'`. */
const FROM_A_CODE = ['storage_unavailable'];

interface Row {
  readonly name: string;
  readonly stages: readonly string[];
  readonly meaning: string;
  readonly remedy: string;
}

const rows = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8')
  .split('\n')
  .flatMap((line): Row[] => {
    const [, name, stages, meaning, remedy] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const named = /^`([a-z_]+)`$/.exec(name ?? '')?.[1];
    if (named === undefined) return [];
    const listed = (stages ?? '').split(', ').map((stage) => stage.replaceAll('`', ''));
    return [{ name: named, stages: listed, meaning: meaning ?? '', remedy: remedy ?? '' }];
  });

function classesInCode(): Set<string> {
  const pattern = /class: '([a-z_]+)'|#refusal\(\s*'[a-z]+',\s*'([a-z_]+)'|timeoutClass = '([a-z_]+)'/g;
  const found = new Set<string>(FROM_A_CODE);
  for (const room of ['seal', 'core']) {
    for (const file of readdirSync(join(ROOT, 'src', room), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || /\.(test|contract|fuzz)\.ts$/.test(file)) continue;
      const text = readFileSync(join(ROOT, 'src', room, file), 'utf8');
      for (const [, ...names] of text.matchAll(pattern)) found.add(names.find(Boolean) ?? '');
    }
  }
  return found;
}

test('every class in the code has its row, and every row its class', () => {
  const names = rows.map(({ name }) => name);
  const code = classesInCode();
  assert.ok(code.size > 40, `the search finds the classes, not only ${code.size}`);
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
    'no row twice',
  );
  assert.deepEqual(names.toSorted(), [...code].sort());
});

test("the command line's table has the same classes", () => {
  assert.deepEqual(SEAL_CLASS_NAMES.toSorted(), rows.map(({ name }) => name).sort());
});

test('every row says where, what and what to do', () => {
  for (const { name, stages, meaning, remedy } of rows) {
    for (const stage of stages)
      assert.ok(stage === 'any' || STAGES.includes(stage), `${name}: stage ${stage}`);
    assert.ok(meaning.length >= 15 && remedy.length >= 5, name);
  }
});
