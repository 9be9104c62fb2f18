// `write PATH K=V...`: a PUT of the data to any path.

import type { Secret } from '../../client/answers.ts';
import { type Command, type CommandCall, printSecret } from '../command.ts';
import { parseData } from '../data-arguments.ts';
import { attempt, UsageError } from '../failure.ts';
import { plainPath } from '../paths.ts';

export const writeCommand: Command = {
  words: ['write'],
  synopsis: 'Write data to any path',
  usage: '[options] PATH [K=V...]',
  help: [
    'Writes the data to the path. A value "@file" is read from a file and "-" from stdin; a sole "@file" or "-" ' +
      'is JSON that holds all of the data.',
    ' $ latchkey write secret/data/hello @hello.json',
  ],
  flags: [
    { name: 'force', kind: 'switch', help: 'Write although there is no data, to paths that only act.' },
    { name: 'f', kind: 'switch', help: 'Same as -force.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const [first, ...pairs] = call.args;
    if (first === undefined) throw new UsageError('Not enough arguments (expected 1, got 0)');
    const forced = call.flags.isOn('force') || call.flags.isOn('f');
    if (pairs.length === 0 && !forced) throw new UsageError('Must supply data or use -force');
    const path = plainPath(first);
    const data = await parseData(pairs, call.terminal);
    const secret = await attempt(`Error writing data to ${path}`, () => call.connect().write(path, data));
    printOutcome(call, secret, `Success! Data written to: ${path}`);
    return 0;
  },
};

/** The answer, or (for a person alone) a word that there was none. */
export function printOutcome(call: CommandCall, secret: Secret | undefined, success: string): void {
  if (secret !== undefined) printSecret(call, secret);
  else if (call.format === 'table') call.terminal.print(success);
}
