// `kv metadata get|put|patch|delete`: what is kept about a secret besides its data.

import { isObject, type JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { readSecret } from '../../client/answers.ts';
import { objectOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printSecret, printWarnings } from '../command.ts';
import { given, parsePairs } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import type { FlagSpec } from '../flags.ts';
import { kv2Path } from '../kv-path.ts';
import { printBlock, printSecretPath } from './kv-get.ts';
import { printOutcome } from './write.ts';

const MOUNT: FlagSpec = { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' };
const SETTINGS: readonly FlagSpec[] = [
  MOUNT,
  { name: 'cas-required', kind: 'switch', help: 'Whether every write must name the current version.' },
  { name: 'max-versions', kind: 'count', help: 'How many versions to keep. 0: as the mount says.' },
  {
    name: 'delete-version-after',
    kind: 'duration',
    help: 'Delete each version this long after it was written. 0s: never.',
  },
  {
    name: 'custom-metadata',
    kind: 'texts',
    help: 'key=value, free for people and programs. May be given several times.',
  },
];

export const kvMetadataGetCommand: Command = {
  words: ['kv', 'metadata', 'get'],
  synopsis: 'Show settings and versions of a secret',
  usage: '[options] PATH',
  help: ['Shows the settings of a secret and, for each version, when it was written, deleted or destroyed.'],
  flags: [MOUNT],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const { client, path } = await place(call);
    const secret = await attempt(`Error reading ${path}`, () => client.read(path));
    if (secret?.data === undefined && secret?.wrapInfo === undefined) {
      throw new CommandFailure(2, `No value found at ${path}`);
    }
    const plain = call.format === 'table' && (call.flags.text('field') ?? '') === '';
    if (plain && secret.data !== undefined) printMetadata(call, secret, secret.data, path);
    else printSecret(call, secret);
    return 0;
  },
};

export const kvMetadataPutCommand: Command = {
  words: ['kv', 'metadata', 'put'],
  synopsis: 'Set the settings of a secret',
  usage: '[options] PATH',
  help: [
    'Sets what is given; the secret need not be there yet. Custom metadata are replaced as a whole.',
    ' $ latchkey kv metadata put -custom-metadata=owner=ops secret/hello',
  ],
  flags: SETTINGS,
  output: 'format',
  remote: true,
  async run(call) {
    const { client, path } = await place(call);
    const body = settings(call);
    const secret = await attempt(`Error writing data to ${path}`, () => client.write(path, body));
    printOutcome(call, secret, `Success! Data written to: ${path}`);
    return 0;
  },
};

export const kvMetadataPatchCommand: Command = {
  words: ['kv', 'metadata', 'patch'],
  synopsis: 'Change some settings of a secret',
  usage: '[options] PATH',
  help: ['Changes what is given and keeps the rest, also among the custom metadata.'],
  flags: [
    ...SETTINGS,
    { name: 'remove-custom-metadata', kind: 'texts', help: 'Key to take out. May be given several times.' },
  ],
  output: 'format',
  remote: true,
  async run(call) {
    const { client, path } = await place(call);
    const body = settings(call);
    const removed = call.flags.texts('remove-custom-metadata');
    if (removed.length > 0) {
      // In a merge patch null means "take out" (RFC 7396).
      const nulls = Object.fromEntries(removed.map((name) => [name, null]));
      body['custom_metadata'] = { ...objectOf(body, 'custom_metadata'), ...nulls };
    }
    const secret = await attempt(`Error writing data to ${path}`, async () =>
      readSecret((await client.request({ method: 'PATCH', path, body })).body),
    );
    printOutcome(call, secret, `Success! Data written to: ${path}`);
    return 0;
  },
};

export const kvMetadataDeleteCommand: Command = {
  words: ['kv', 'metadata', 'delete'],
  synopsis: 'Remove a secret with all its versions for good',
  usage: '[options] PATH',
  help: ['Removes all versions and all that is kept about the secret. There is no way back.'],
  flags: [MOUNT],
  output: 'format',
  remote: true,
  async run(call) {
    const { client, path } = await place(call);
    const secret = await attempt(`Error deleting ${path}`, () => client.delete(path));
    printOutcome(call, secret, `Success! Data deleted (if it existed) at: ${path}`);
    return 0;
  },
};

async function place(call: CommandCall) {
  expectArguments(call.args, 1);
  const client = call.connect();
  const wanted = call.args[0] ?? '';
  return {
    client,
    path: await kv2Path(client, wanted, call.flags.text('mount'), 'metadata', 'Metadata'),
  };
}

function settings(call: CommandCall): JsonObject {
  const { flags } = call;
  return given({
    cas_required: flags.choice('cas-required'),
    max_versions: flags.count('max-versions'),
    delete_version_after: flags.duration('delete-version-after'),
    custom_metadata: parsePairs(flags.texts('custom-metadata'), 'custom-metadata'),
  });
}

function printMetadata(call: CommandCall, secret: Secret, data: JsonObject, path: string): void {
  const { versions, ...rest } = data;
  printWarnings(call, secret.warnings);
  printSecretPath(call, path, 'Metadata Path');
  printBlock(call, 'Metadata', rest);
  const byNumber = Object.entries(isObject(versions) ? versions : {}).sort(
    ([left], [right]) => Number(left) - Number(right),
  );
  for (const [number, version] of byNumber) {
    call.terminal.print('');
    printBlock(call, `Version ${number}`, isObject(version) ? version : {});
  }
}
