// Whatever class a server can name, the CLI can explain: a listener that strangers reach says the class alone.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEAL_CLASS_NAMES } from '../../src/cli/seal-classes.ts';

const SOURCE = join(import.meta.dirname, '..', '..', 'src');
const PATTERN = /class: '([a-z_]+)'|#refusal\(\s*'[a-z]+',\s*'([a-z_]+)'/g;

test('every class of a seal fault in the source has a sentence and a remedy in the CLI', () => {
  const named = new Set<string>();
  for (const room of ['seal', 'core']) {
    for (const file of readdirSync(join(SOURCE, room), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || /\.(test|contract|fuzz)\.ts$/.test(file)) continue;
      const text = readFileSync(join(SOURCE, room, file), 'utf8');
      for (const [, plain, refused] of text.matchAll(PATTERN)) named.add(plain ?? refused ?? '');
    }
  }
  for (const known of ['keyvault_forbidden_rbac', 'cluster_id_mismatch', 'storage_corrupt']) {
    assert.ok(named.has(known), `the search finds ${known}`);
  }
  assert.deepEqual([...named].filter((name) => !SEAL_CLASS_NAMES.includes(name)).sort(), []);
});
