// `kv get PATH`: the newest or one version of a secret.

import type { JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { objectOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printField, printSecret, printWarnings } from '../command.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import { kvPlace } from '../kv-path.ts';
import { banner } from '../output/table.ts';
import { keyValueTable, rowsOf } from '../output/value.ts';

export const kvGetCommand: Command = {
  words: ['kv', 'get'],
  synopsis: 'Read a secret',
  usage: '[options] PATH',
  help: [
    'Reads the newest version of a secret, or the one named with -version.',
    ' $ latchkey kv get secret/hello',
    ' $ latchkey kv get -mount=secret -field=password hello',
  ],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
    { name: 'version', kind: 'count', help: 'Version to read. Default 0: the newest. kv version 2 only.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const client = call.connect();
    const place = await kvPlace(client, call.args[0] ?? '', call.flags.text('mount'), 'data');
    const version = call.flags.count('version') ?? 0;
    const query = place.version === 2 && version > 0 ? { version: String(version) } : undefined;
    const secret = await attempt(`Error reading ${place.path}`, () => client.read(place.path, query));
    if (secret === undefined) throw new CommandFailure(2, `No value found at ${place.path}`);
    const field = call.flags.text('field') ?? '';
    if (place.version === 1 || secret.wrapInfo !== undefined) printVersion1(call, secret);
    else if (field !== '') printVersion2Field(call, secret, field, place.path);
    else if (call.format !== 'table') printSecret(call, secret);
    else printVersion2(call, secret, place.path);
    return 0;
  },
};

function printVersion1(call: CommandCall, secret: Secret): void {
  if ((call.flags.text('field') ?? '') !== '' || call.format !== 'table' || secret.wrapInfo !== undefined) {
    printSecret(call, secret);
    return;
  }
  printWarnings(call, secret.warnings);
  printBlock(call, 'Data', secret.data ?? {});
}

function printVersion2(call: CommandCall, secret: Secret, path: string): void {
  printWarnings(call, secret.warnings);
  printSecretPath(call, path);
  const metadata = objectOf(secret.data ?? {}, 'metadata');
  const data = objectOf(secret.data ?? {}, 'data');
  if (metadata !== undefined) {
    printBlock(call, 'Metadata', metadata);
    call.terminal.print('');
  }
  // A deleted version has metadata and no data.
  if (data !== undefined) printBlock(call, 'Data', data);
}

/** `-field=data` is the whole data, unless the secret itself has a key of that name. */
function printVersion2Field(call: CommandCall, secret: Secret, field: string, path: string): void {
  const data = objectOf(secret.data ?? {}, 'data');
  if (data === undefined) throw new CommandFailure(2, `No data found at ${path}`);
  const value = field === 'data' && data['data'] === undefined ? data : data[field];
  printField(call, value ?? undefined, field, 'secret');
}

export function printSecretPath(call: CommandCall, path: string, title = 'Secret Path'): void {
  call.terminal.print(`${banner(title, path.length)}\n${path}\n`);
}

/** A table under a banner as wide as the table would be if every value were called "Value". */
export function printBlock(call: CommandCall, title: string, data: JsonObject): void {
  const widest = Math.max(0, ...Object.keys(data).map((name) => name.length));
  call.terminal.print(banner(title, widest + 4 + 'Value'.length));
  const text = keyValueTable(rowsOf(data));
  if (text !== '') call.terminal.print(text);
}
