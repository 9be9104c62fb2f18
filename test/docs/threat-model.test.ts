// docs/threat-model.md against the tree: each place that it names is there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

test('every test and file that the threat model leans on exists', () => {
  const text = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8');
  const named = [...text.matchAll(/`((?:src|test|bin|docs)\/[^`\s]+)`/g)].map(([, path = '']) => path);
  assert.ok(named.length >= 20, `${named.length} places are named`);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test('every claim of what holds names a test', () => {
  const text = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8');
  const section = /## What holds, and what holds it\n([\s\S]*?)\n## /.exec(text)?.[1] ?? '';
  const claims = section.split(/^- /m).slice(1);
  assert.ok(claims.length >= 8);
  assert.deepEqual(
    claims.filter((claim) => !/\.(test|check)\.ts`/.test(claim)),
    [],
  );
});
