// `npm run test:kill -- --kills 300 [--seed n]`: the kill loop for as long as one likes, with figures at the end.

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runKills } from '../test/kill/killing.ts';

const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } });
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
console.log(`seed ${seed}`);
const report = await runKills(Number(values.kills ?? 300), seed, (count, failOverMs) => {
  if (count % 10 === 0) console.log(`${count} kills; the last fail-over took ${failOverMs} ms`);
});
const sorted = report.failOverMs.toSorted((left, right) => left - right);
const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
console.log(
  `fail-over, ms: min ${sorted[0]}, median ${at(0.5)}, p95 ${at(0.95)}, max ${sorted.at(-1)}; ${report.seconds} s in all`,
);
console.log('acknowledged:', report.acknowledged);
console.log('answer lost, and it had happened or not:', report.unknown);
console.log(`${report.tokens} tokens at the end, each whole`);
