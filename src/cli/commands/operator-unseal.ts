// `operator unseal [KEY]`: hands one share to one node.

import type { Command, CommandCall } from '../command.ts';
import { attempt, expectArguments, UsageError } from '../failure.ts';
import { printSealStatus } from '../seal-report.ts';

export const operatorUnsealCommand: Command = {
  words: ['operator', 'unseal'],
  synopsis: 'Give a node one unseal or recovery key',
  usage: '[options] [KEY]',
  help: [
    'Gives the node asked one key and prints its state: the exit code is 0 even while more keys are needed. ' +
      'Without KEY it is prompted for and not shown; "-" reads it from stdin. A KEY on the command line can be ' +
      "seen in the list of processes and in the shell's history.",
    'A node with an auto-unseal seal opens by itself. It takes recovery keys only after "operator seal".',
  ],
  flags: [{ name: 'reset', kind: 'switch', help: 'Forget the keys given so far.' }],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0, 1);
    const client = call.connect({ withToken: false });
    const reset = call.flags.isOn('reset');
    const key = reset ? '' : await wantedKey(call);
    const status = await attempt(reset ? 'Error resetting unseal process' : 'Error unsealing', () =>
      reset ? client.resetUnseal() : client.unseal(key),
    );
    await printSealStatus(call, client, status);
    return 0;
  },
};

async function wantedKey(call: CommandCall): Promise<string> {
  const given = call.args[0];
  if (given !== undefined && given !== '-') return given.trim();
  const key = given === '-' ? await call.terminal.readAll() : await call.terminal.askHidden(PROMPT);
  if (key.trim() === '') throw new UsageError('No key was given');
  return key.trim();
}

const PROMPT = 'Unseal Key (will be hidden): ';
