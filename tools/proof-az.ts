// `npm run proof:az`: the unmodified Azure CLI against the local Azure, one row a command, each with its effect on a
// real cluster. Exit code 0 only if all hold.

import { prepareGo, preparePython } from './proof-az-programs.ts';
import { Proof } from './proof-az-proof.ts';
import { ROWS } from './proof-az-rows.ts';
import { Site } from './proof-az-site.ts';

interface Result {
  readonly command: string;
  readonly holds: boolean;
  readonly seen: string;
  readonly seconds: number;
}

const say = (line: string) => console.error(line);
const programs = { python: await preparePython(say), go: await prepareGo(say) };
const results = await prove();
console.log('\n| # | command | seen | s |\n| -: | --- | --- | -: |');
for (const [index, { command, holds, seen, seconds }] of results.entries()) {
  const cells = [index + 1, `\`${command}\``, `${holds ? '' : 'FAILED: '}${seen}`, seconds.toFixed(1)];
  console.log(
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`,
  );
}
const failed = ROWS.length - results.filter((result) => result.holds).length;
console.log(`\n${results.length - failed} of ${ROWS.length} rows hold.`);
process.exitCode = failed === 0 ? 0 : 1;

/** Stops at the first row that does not hold: the later ones stand on it. */
async function prove(): Promise<Result[]> {
  await using site = await Site.build(programs);
  const proof = new Proof(site);
  const done: Result[] = [];
  for (const { command, run } of ROWS) {
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1_000;
    console.error(`${done.length + 1}/${ROWS.length} ${command}`);
    try {
      const seen = await run(proof);
      done.push({ command, holds: true, seen, seconds: seconds() });
    } catch (error) {
      const seen = error instanceof Error ? error.message : String(error);
      done.push({ command, holds: false, seen, seconds: seconds() });
      break;
    }
  }
  return done;
}
