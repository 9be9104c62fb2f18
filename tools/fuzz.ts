// `npm run test:fuzz -- [--seconds 60] [--seed n] [target …]`: each target for that long. Exit code 1 if one failed.

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzz } from '../test/fuzz/fuzzing.ts';
import { TARGETS } from '../test/fuzz/targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const milliseconds = Number(values.seconds ?? 60) * 1_000;
const chosen = TARGETS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (chosen.length === 0)
  console.error(`there is no such target; there are: ${TARGETS.map(({ name }) => name).join(', ')}`);
for (const target of chosen) {
  try {
    const { runs, ends, slowestMs } = await fuzz(target, { seed, milliseconds });
    console.log(
      `${target.name}: ${runs} inputs, ${ends} different ends, slowest ${slowestMs} ms (seed ${seed})`,
    );
  } catch (error) {
    process.exitCode = 1;
    console.error(error);
  }
}
