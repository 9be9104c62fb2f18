import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatchkeyError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { newMountEntry } from './mount-table.ts';
import { Mounted } from './mounted.ts';

const SHUT = new LatchkeyError('no_route', 'shut');

function open(): Mounted {
  return new Mounted(newMountEntry(systemRandom, { path: 'a/', type: 'kv' }), { routes: [] });
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  return Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(resolve, false)),
  ]);
}

test('who is inside is waited for, and nobody else comes in', async () => {
  const mounted = open();
  const first = mounted.enter();
  const second = mounted.enter();
  const empty = mounted.shut(SHUT);
  assert.throws(() => mounted.enter(), SHUT);
  first[Symbol.dispose]();
  assert.equal(await isDone(empty), false);
  second[Symbol.dispose]();
  assert.equal(await isDone(empty), true);
});

test('an empty mount is shut at once, and opens again', async () => {
  const mounted = open();
  assert.equal(await isDone(mounted.shut(SHUT)), true);
  assert.throws(() => mounted.enter(), SHUT);
  mounted.reopen();
  mounted.enter()[Symbol.dispose]();
});

test('shut twice, the first who waited is told as well', async () => {
  const mounted = open();
  const inside = mounted.enter();
  const both = [mounted.shut(SHUT), mounted.shut(SHUT)];
  inside[Symbol.dispose]();
  for (const empty of both) assert.equal(await isDone(empty), true);
});
