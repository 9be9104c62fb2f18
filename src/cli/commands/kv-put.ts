// `kv put PATH K=V...`: a new version of a secret.

import type { JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { type Command, type CommandCall, printWarnings } from '../command.ts';
import { parseData } from '../data-arguments.ts';
import { attempt, UsageError } from '../failure.ts';
import { kvPlace } from '../kv-path.ts';
import { printBlock, printSecretPath } from './kv-get.ts';
import { printOutcome } from './write.ts';

export const kvPutCommand: Command = {
  words: ['kv', 'put'],
  synopsis: 'Write a secret, replacing what was there',
  usage: '[options] PATH K=V...',
  help: [
    'Writes a secret. A value "@file" is read from a file and "-" from stdin; a sole "@file" or "-" is JSON that ' +
      'holds the whole secret. Values on the command line can be seen in the list of processes and in the ' +
      "shell's history: prefer a file or stdin.",
    ' $ latchkey kv put secret/hello @hello.json',
  ],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
    {
      name: 'cas',
      kind: 'count',
      help: 'Write only if this is the current version; 0: only if there is none. kv version 2 only.',
    },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const [first, ...pairs] = call.args;
    if (first === undefined) throw new UsageError('Not enough arguments (expected >1, got 0)');
    if (pairs.length === 0) throw new UsageError('Must supply data');
    const data = await parseData(pairs, call.terminal);
    const client = call.connect();
    const place = await kvPlace(client, first, call.flags.text('mount'), 'data');
    const cas = call.flags.count('cas');
    if (place.version === 1 && cas !== undefined) {
      throw new UsageError('-cas needs a kv version 2 mount; nothing was written');
    }
    const body: JsonObject = place.version === 1 ? data : { data, options: cas === undefined ? {} : { cas } };
    const secret = await attempt(`Error writing data to ${place.path}`, () => client.write(place.path, body));
    printWritten(call, secret, place.path);
    return 0;
  },
};

/** What the new version is. */
export function printWritten(call: CommandCall, secret: Secret | undefined, path: string): void {
  const plain = call.format === 'table' && (call.flags.text('field') ?? '') === '';
  if (secret === undefined || !plain || secret.wrapInfo !== undefined) {
    printOutcome(call, secret, `Success! Data written to: ${path}`);
    return;
  }
  printWarnings(call, secret.warnings);
  printSecretPath(call, path);
  printBlock(call, 'Metadata', secret.data ?? {});
}
