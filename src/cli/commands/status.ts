// `status`: is the node sealed, and why.

import type { Command } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';
import { printSealStatus } from '../seal-report.ts';

export const statusCommand: Command = {
  words: ['status'],
  synopsis: 'Print whether the node is sealed, and why',
  usage: '[options]',
  help: [
    'Prints the state of the node asked. If it is sealed and should not be, the cause and the command that mends ' +
      'it follow. Needs no token.',
    'Exit code 0: unsealed. 2: sealed. 1: error.',
  ],
  flags: [],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const client = call.connect({ withToken: false, rootNamespace: true });
    // 2 means "sealed" here, so every failure is 1.
    const status = await attempt('Error checking seal status', () => client.sealStatus(), 1);
    await printSealStatus(call, client, status);
    return status.sealed ? 2 : 0;
  },
};
