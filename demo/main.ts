// `npm run demo`: tells the story step by step, then stays up until Ctrl-C. With --once it checks, clears up and ends.
// With --storage postgresql or etcd the clusters lie in a server of that kind that is started for it.

import { parseArgs } from 'node:util';
import { DEMO_STORAGES, Stage } from './stage.ts';
import { STORY } from './story.ts';

const FIRST_PORT = 8200;
const { values: options } = parseArgs({
  options: { once: { type: 'boolean', default: false }, storage: { type: 'string', default: 'lmdb' } },
});
const { once } = options;
const storage = DEMO_STORAGES.find((known) => known === options.storage);
if (storage === undefined) {
  console.error(`There is no storage ${options.storage} in the demo; there are: ${DEMO_STORAGES.join(', ')}`);
  process.exit(1);
}
const startedAt = performance.now();

const stage = await Stage.build(storage);
let interrupted = false;
const interrupt = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    interrupt.resolve();
  });
}

const failed = await tell();
if (failed === undefined && !once && !interrupted) {
  sayWhatNext();
  await interrupt.promise;
}
await stage.clear(failed !== undefined);
if (failed !== undefined) console.log(`\nThe logs are kept in ${stage.folder}`);
process.exit(failed === undefined ? 0 : 1);

/** The number of the step that failed. */
async function tell(): Promise<number | undefined> {
  for (const step of STORY) {
    if (interrupted) return undefined;
    console.log(`\n[${elapsed()}] ${step.number}. ${step.title}`);
    for (const command of step.byHand) console.log(`         by hand:  ${command}`);
    try {
      for (const line of await step.run(stage, FIRST_PORT)) console.log(`         ${line}`);
    } catch (error) {
      if (interrupted) return undefined;
      console.log(`\nStep ${step.number} failed: ${error instanceof Error ? error.message : String(error)}`);
      return step.number;
    }
  }
  console.log(`\n[${elapsed()}] All ${STORY.length} steps held.`);
  return undefined;
}

function elapsed(): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5)} s`;
}

function sayWhatNext(): void {
  const [first] = stage.servers;
  console.log(`
The cluster stays up until Ctrl-C. Try:

    export VAULT_ADDR=${first?.address} VAULT_TOKEN=${stage.rootToken}
    bin/latchkey status
    bin/latchkey kv get secret/hello
    bin/latchkey operator members
    kill -9 ${first?.pid}        # then start it again:
    bin/latchkey server -config=${first?.configFile}

Config files and logs: ${stage.folder}`);
}
