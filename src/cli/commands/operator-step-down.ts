// `operator step-down`: the active node hands over.

import type { Command } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';

export const operatorStepDownCommand: Command = {
  words: ['operator', 'step-down'],
  synopsis: 'Make the active node hand over to another',
  usage: '[options]',
  help: ['The active node gives up its leadership and stays unsealed as a standby. Needs a token with sudo.'],
  flags: [],
  output: 'none',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const client = call.connect();
    await attempt('Error stepping down', () => client.stepDown());
    call.terminal.print(`Success! Stepped down: ${client.address}`);
    return 0;
  },
};
