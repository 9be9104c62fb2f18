// `delete PATH`: a DELETE of any path.

import type { Command } from '../command.ts';
import { parseQuery } from '../data-arguments.ts';
import { attempt, UsageError } from '../failure.ts';
import { plainPath } from '../paths.ts';
import { printOutcome } from './write.ts';

export const deleteCommand: Command = {
  words: ['delete'],
  synopsis: 'Delete what lies at any path',
  usage: '[options] PATH [K=V...]',
  help: [
    'Deletes the path. What that means is the business of the engine there. K=V pairs become query parameters.',
  ],
  flags: [],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const [first, ...pairs] = call.args;
    if (first === undefined) throw new UsageError('Not enough arguments (expected 1, got 0)');
    const path = plainPath(first);
    const query = await parseQuery(pairs, call.terminal);
    const secret = await attempt(`Error deleting ${path}`, () => call.connect().delete(path, query));
    printOutcome(call, secret, `Success! Data deleted (if it existed) at: ${path}`);
    return 0;
  },
};
