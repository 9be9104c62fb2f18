// `kv enable-versioning PATH`: a kv version 1 mount becomes version 2.

import type { Command } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';
import { namedPath } from '../paths.ts';

export const kvEnableVersioningCommand: Command = {
  words: ['kv', 'enable-versioning'],
  synopsis: 'Turn a kv version 1 mount into version 2',
  usage: '[options] PATH',
  help: ['Asks the server to keep versions from now on. There is no way back.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const path = namedPath(call.args[0]);
    const body = { options: { version: '2' } };
    await attempt(`Error tuning secrets engine ${path}/`, () =>
      call.connect().write(`sys/mounts/${path}/tune`, body),
    );
    if (call.format === 'table') call.terminal.print(`Success! Tuned the secrets engine at: ${path}/`);
    return 0;
  },
};
