// `kv rollback -version=N PATH`: an old version becomes the newest.

import { numberOf, objectOf } from '../../client/fields.ts';
import type { Command } from '../command.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';
import { kv2Path } from '../kv-path.ts';
import { printWritten } from './kv-put.ts';

export const kvRollbackCommand: Command = {
  words: ['kv', 'rollback'],
  synopsis: 'Make an old version of a secret the newest',
  usage: '[options] PATH',
  help: [
    'Writes the data of an old version as a new one, unless another write comes between. kv version 2 only.',
    ' $ latchkey kv rollback -version=2 secret/hello',
  ],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
    { name: 'version', kind: 'count', help: 'The version to go back to. Required.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const version = call.flags.count('version') ?? 0;
    if (version === 0) throw new UsageError('Missing -version: say which version to go back to');
    const client = call.connect();
    const wanted = call.args[0] ?? '';
    const path = await kv2Path(client, wanted, call.flags.text('mount'), 'data', 'Rollback');
    const read = (query?: { version: string }) =>
      attempt(`Error reading ${path}`, () => client.unwrapped().read(path, query));
    const newest = await read();
    const cas = numberOf(objectOf(newest?.data ?? {}, 'metadata') ?? {}, 'version');
    if (cas === 0) throw new CommandFailure(2, `No value found at ${path}`);
    const data = objectOf((await read({ version: String(version) }))?.data ?? {}, 'data');
    if (data === undefined) {
      throw new CommandFailure(2, `Version ${version} of ${path} is not there, or was deleted`);
    }
    const body = { data, options: { cas } };
    const secret = await attempt(`Error writing data to ${path}`, () => client.write(path, body));
    printWritten(call, secret, path);
    return 0;
  },
};
