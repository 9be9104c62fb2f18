// Runs after the suite: none of the secrets that it used stands in anything that it or its processes have written.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findSecrets } from './spellings.ts';

test('no secret of the suite is in any log line, message or output', () => {
  const folder = process.env['LATCHKEY_TEST_LEDGER'];
  assert.ok(folder, 'LATCHKEY_TEST_LEDGER is not set: run this through "npm test"');
  const secrets = [...new Set(readFileSync(join(folder, 'secrets'), 'utf8').split('\n'))].filter(
    (line) => line !== '',
  );
  const logs = readdirSync(join(folder, 'logs')).map((name) => join(folder, 'logs', name));
  const outputs = [join(folder, 'suite.out'), ...logs];
  // A suite that used hardly any secret, or kept hardly any log, would pass without meaning anything.
  assert.ok(secrets.length >= 20, `only ${secrets.length} secrets were noted`);
  assert.ok(logs.length >= 10, `only ${logs.length} logs were kept`);
  const found = outputs.flatMap((file) =>
    findSecrets(readFileSync(file, 'utf8'), secrets).map(
      (what) => `${file.slice(folder.length + 1)}: ${what}`,
    ),
  );
  assert.deepEqual(found, []);
});
