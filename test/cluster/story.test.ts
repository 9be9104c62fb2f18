// The story of the README on every storage that it can be told on, a test for each of its steps, in their order and on
// the same processes.

import { after, before, describe, test } from 'node:test';
import { DEMO_STORAGES, Stage } from '../../demo/stage.ts';
import { STORY } from '../../demo/story.ts';
import { keepLogs, noteSecrets } from '../leaks/ledger.ts';

for (const storage of DEMO_STORAGES) {
  describe(`the story on ${storage}`, { timeout: 240_000 }, () => {
    let stage: Stage;
    before(async () => {
      stage = await Stage.build(storage);
    });
    after(async () => {
      noteSecrets(stage.secrets);
      keepLogs(stage.folder);
      await stage.clear(false);
    });
    for (const step of STORY) {
      test(`${step.number}. ${step.title}`, async (context) => {
        for (const line of await step.run(stage, 0)) context.diagnostic(line);
      });
    }
  });
}
