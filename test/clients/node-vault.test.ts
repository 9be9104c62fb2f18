// A foreign client, unmodified: node-vault from npm, row by row. `npm run test:clients` runs this one and those that need
// other toolchains.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE_VAULT, runClient } from './run-client.ts';

test('node-vault finds every row as it is listed', { timeout: 120_000 }, async () => {
  const result = await runClient(NODE_VAULT);
  assert.deepEqual(result.faults, []);
  const unexpected = result.rows.filter(({ verdict }) => verdict === 'unexpected');
  assert.deepEqual(unexpected, []);
});
