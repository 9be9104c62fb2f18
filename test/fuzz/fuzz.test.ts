// A short run of every fuzz target, other inputs each time; `npm run test:fuzz -- --seconds 60` runs them for longer.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import { LatchkeyError } from '../../src/base/errors.ts';
import { FuzzFailure, type FuzzTarget, fuzz, tryOne } from './fuzzing.ts';
import { TARGETS } from './targets.ts';

const MILLISECONDS = 200;
const seed = randomInt(2 ** 31);

for (const target of TARGETS) {
  test(`${target.name}, for a moment`, async (context) => {
    const { runs, ends, slowestMs } = await fuzz(target, { seed, milliseconds: MILLISECONDS });
    context.diagnostic(`seed ${seed}: ${runs} inputs, ${ends} different ends, slowest ${slowestMs} ms`);
  });
}

test('each corpus is understood: at least one example is taken', async () => {
  for (const target of TARGETS) {
    const ends = await Promise.all(target.corpus.map((input) => tryOne(target, input, 'its corpus')));
    assert.ok(
      ends.some(({ end }) => end === 'answered'),
      `${target.name} refuses all of its examples: ${ends.map(({ end }) => end)}`,
    );
  }
});

test('every *.fuzz.ts with a target is in the list', () => {
  const root = join(import.meta.dirname, '../..');
  const listed = readFileSync(join(import.meta.dirname, 'targets.ts'), 'utf8');
  const files = globSync('src/**/*.fuzz.ts', { cwd: root }).filter((file) =>
    readFileSync(join(root, file), 'utf8').includes('Target = {'),
  );
  assert.ok(files.length >= 10);
  for (const file of files) assert.ok(listed.includes(`../../${file}`), `${file} is not in targets.ts`);
});

const bad = (run: (input: Uint8Array) => void): FuzzTarget => ({
  name: 'bad',
  corpus: [utf8('{"a":1}')],
  run,
});
const isFailure = (words: RegExp) => (error: unknown) =>
  error instanceof FuzzFailure && words.test(error.message);

test('a parser that throws what is not ours is found, and the seed gives the same input again', async () => {
  const target = bad((input) => {
    JSON.parse(new TextDecoder().decode(input));
  });
  const failure = async () => fuzz(target, { seed: 5, runs: 1_000 }).then(() => '', String);
  const first = await failure();
  assert.match(first, /threw SyntaxError.*\n {2}seed 5, input \d+/);
  assert.equal(await failure(), first);
});

test('a parser that pollutes a prototype, or takes too long, is found', async () => {
  const polluting = bad((input) => {
    if (input.byteLength > 9) Object.assign(Object.prototype, { polluted: 1 });
  });
  try {
    await assert.rejects(fuzz(polluting, { seed: 5, runs: 1_000 }), isFailure(/changed a prototype/));
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted');
  }
  const slow = bad((input) => {
    const until = performance.now() + (input.byteLength > 9 ? 250 : 0);
    while (performance.now() < until);
    throw new LatchkeyError('bad_request', 'slow');
  });
  await assert.rejects(fuzz(slow, { seed: 5, runs: 1_000, runMsMax: 200 }), isFailure(/took \d+ ms/));
});
