// `kv undelete` and `kv destroy`: bring versions back, or end them for good.

import type { Command, CommandCall } from '../command.ts';
import { attempt, type ExitCode, expectArguments, UsageError } from '../failure.ts';
import type { FlagSpec } from '../flags.ts';
import { kv2Path } from '../kv-path.ts';
import { wantedVersions } from './kv-delete.ts';
import { printOutcome } from './write.ts';

const FLAGS: readonly FlagSpec[] = [
  { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
  { name: 'versions', kind: 'texts', help: 'The versions, with commas between. Required.' },
];

export const kvUndeleteCommand: Command = {
  words: ['kv', 'undelete'],
  synopsis: 'Bring deleted versions of a secret back',
  usage: '[options] PATH',
  help: [
    'Takes back the deletion of versions that were not destroyed. kv version 2 only.',
    ' $ latchkey kv undelete -versions=3 secret/hello',
  ],
  flags: FLAGS,
  output: 'field-and-format',
  remote: true,
  run: (call) => markVersions(call, 'undelete'),
};

export const kvDestroyCommand: Command = {
  words: ['kv', 'destroy'],
  synopsis: 'Remove the data of versions for good',
  usage: '[options] PATH',
  help: [
    'Removes the data of the versions for good; their metadata stay. kv version 2 only.',
    ' $ latchkey kv destroy -versions=1,2 secret/hello',
  ],
  flags: FLAGS,
  output: 'field-and-format',
  remote: true,
  run: (call) => markVersions(call, 'destroy'),
};

async function markVersions(call: CommandCall, verb: 'undelete' | 'destroy'): Promise<ExitCode> {
  expectArguments(call.args, 1);
  const versions = wantedVersions(call);
  if (versions.length === 0) throw new UsageError(`No versions provided: say with -versions what to ${verb}`);
  const client = call.connect();
  const what = verb === 'undelete' ? 'Undelete' : 'Destroy';
  const path = await kv2Path(client, call.args[0] ?? '', call.flags.text('mount'), verb, what);
  const secret = await attempt(`Error writing data to ${path}`, () => client.write(path, { versions }));
  printOutcome(call, secret, `Success! Data written to: ${path}`);
  return 0;
}
