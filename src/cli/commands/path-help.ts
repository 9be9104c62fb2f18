// `path-help PATH`: what the server says about a path.

import { isObject } from '../../base/json.ts';
import { textOf } from '../../client/fields.ts';
import { type Command, printData } from '../command.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import { plainPath } from '../paths.ts';

export const pathHelpCommand: Command = {
  words: ['path-help'],
  synopsis: 'Print what the server says about a path',
  usage: '[options] PATH',
  help: ['Prints the help of an engine or of one of its paths.', ' $ latchkey path-help sys/mounts'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const path = plainPath(call.args[0] ?? '');
    const query = { help: '1' };
    const answer = await attempt('Error retrieving help', () =>
      call.connect().request({ method: 'GET', path, query }),
    );
    const body = isObject(answer.body) ? answer.body : {};
    const help = textOf(body, 'help');
    if (call.format !== 'table') printData(call, body);
    else if (help === '') throw new CommandFailure(2, `No help found at ${path}`);
    else call.terminal.print(help.trimEnd());
    return 0;
  },
};
