// `version`.

import type { Command } from '../command.ts';
import { expectArguments } from '../failure.ts';

export const versionCommand: Command = {
  words: ['version'],
  synopsis: 'Print the version of this program',
  usage: '',
  help: ['Prints the version of this program, not that of a server: see status.'],
  flags: [],
  output: 'none',
  remote: false,
  async run(call) {
    expectArguments(call.args, 0);
    const { latchkey, api } = call.around.versions;
    call.terminal.print(`Latchkey v${latchkey}${api === undefined ? '' : ` (API of Vault v${api})`}`);
    return 0;
  },
};
