// Twenty kills of the active node under load. `npm run test:kill -- --kills 300` runs more of them.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { runKills } from './killing.ts';

const KILLS = 20;

test('kill -9 of the active node under load: nothing acknowledged is lost, nothing is half done', {
  timeout: 240_000,
}, async (context) => {
  const seed = randomInt(2 ** 31);
  context.diagnostic(`seed ${seed}`);
  const report = await runKills(KILLS, seed);
  context.diagnostic(JSON.stringify(report));
  assert.equal(report.kills, KILLS);
  for (const what of ['kv put', 'shared counter', 'token create', 'tree revoke', 'policy', 'unmount']) {
    assert.ok((report.acknowledged[what] ?? 0) > 0, `the load had ${what} in it`);
  }
});
