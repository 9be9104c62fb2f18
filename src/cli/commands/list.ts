// `list PATH`: the keys under any path.

import type { Secret } from '../../client/answers.ts';
import { textsOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData, printSecret, printWarnings } from '../command.ts';
import { attempt, CommandFailure, type ExitCode, expectArguments } from '../failure.ts';
import { table } from '../output/table.ts';
import { plainPath } from '../paths.ts';

export const listCommand: Command = {
  words: ['list'],
  synopsis: 'List the keys under any path',
  usage: '[options] PATH',
  help: ['Lists what lies directly under the path. A name that ends in "/" has more under it.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const path = plainPath(call.args[0] ?? '');
    const secret = await attempt(`Error listing ${path}`, () => call.connect().list(path));
    return printList(call, secret, path);
  },
};

/** A list that is not there is `{}` for a program and a sentence otherwise; the exit code is 2 either way. */
export function printList(call: CommandCall, secret: Secret | undefined, path: string): ExitCode {
  if (secret?.wrapInfo !== undefined) {
    printSecret(call, secret);
    return 0;
  }
  const keys = secret?.data === undefined ? [] : textsOf(secret.data, 'keys');
  const isList = Array.isArray(secret?.data?.['keys']);
  if (call.format !== 'table') {
    printData(call, isList ? keys : {});
    return isList ? 0 : 2;
  }
  if (!isList) {
    const what = secret?.data === undefined ? 'No value found at' : 'No entries found at';
    throw new CommandFailure(2, `${what} ${path}`);
  }
  printWarnings(call, secret?.warnings ?? []);
  if (keys.length > 0)
    call.terminal.print(
      table(
        ['Keys'],
        keys.sort().map((key) => [key]),
      ),
    );
  return 0;
}
