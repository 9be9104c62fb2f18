// `print token`: the token that other commands would send.

import { variable } from '../../client/options.ts';
import type { Command } from '../command.ts';
import { expectArguments } from '../failure.ts';
import { readTokenFile } from '../token-file.ts';

export const printTokenCommand: Command = {
  words: ['print', 'token'],
  synopsis: 'Print the token that commands would send',
  usage: '',
  help: [
    'Prints the token from VAULT_TOKEN, else from ~/.vault-token. Asks no server whether it is any good.',
  ],
  flags: [],
  output: 'none',
  remote: false,
  async run(call) {
    expectArguments(call.args, 0);
    const { env } = call.around;
    call.terminal.print(variable(env, 'TOKEN') ?? readTokenFile(env) ?? '');
    return 0;
  },
};
