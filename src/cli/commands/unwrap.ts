// `unwrap [TOKEN]`: what a wrapping token holds.

import { type Command, type CommandCall, printSecret } from '../command.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';

export const unwrapCommand: Command = {
  words: ['unwrap'],
  synopsis: 'Take out what a wrapping token holds',
  usage: '[options] [TOKEN]',
  help: [
    "Prints the wrapped answer, once: a second time it is gone. Without TOKEN the caller's own token is the " +
      'wrapping token; "-" reads it from stdin.',
  ],
  flags: [],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0, 1);
    const token = await wrappingToken(call);
    const client = call.connect();
    // A caller with no token of its own, or with the wrapping token itself, is known by the wrapping token.
    const own = client.options.token;
    const separate = token !== '' && own !== undefined && own !== token;
    const asked = separate || token === '' ? client : client.withToken(token);
    const secret = await attempt('Error unwrapping', () => {
      return asked.write('sys/wrapping/unwrap', separate ? { token } : {});
    });
    if (secret === undefined) throw new CommandFailure(2, 'Could not find wrapped response');
    printSecret(call, secret);
    return 0;
  },
};

async function wrappingToken(call: CommandCall): Promise<string> {
  const given = call.args[0] ?? '';
  return (given === '-' ? await call.terminal.readAll() : given).trim();
}
