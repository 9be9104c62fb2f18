// `read PATH`: whatever a GET of the path answers.

import { type Command, printSecret } from '../command.ts';
import { parseQuery } from '../data-arguments.ts';
import { attempt, CommandFailure, UsageError } from '../failure.ts';
import { plainPath } from '../paths.ts';

export const readCommand: Command = {
  words: ['read'],
  synopsis: 'Read data of any path',
  usage: '[options] PATH [K=V...]',
  help: [
    'Reads the path and prints what the server answers. K=V pairs become query parameters.',
    ' $ latchkey read sys/mounts',
  ],
  flags: [],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const [first, ...pairs] = call.args;
    if (first === undefined) throw new UsageError('Not enough arguments (expected 1, got 0)');
    const path = plainPath(first);
    const query = await parseQuery(pairs, call.terminal);
    const secret = await attempt(`Error reading ${path}`, () => call.connect().read(path, query));
    if (secret === undefined) throw new CommandFailure(2, `No value found at ${path}`);
    printSecret(call, secret);
    return 0;
  },
};
