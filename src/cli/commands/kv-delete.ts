// `kv delete PATH`: marks the newest version, or some, as deleted.

import type { Command, CommandCall } from '../command.ts';
import { attempt, expectArguments, UsageError } from '../failure.ts';
import { kvPlace } from '../kv-path.ts';
import { printOutcome } from './write.ts';

export const kvDeleteCommand: Command = {
  words: ['kv', 'delete'],
  synopsis: 'Delete the newest version of a secret, or some versions',
  usage: '[options] PATH',
  help: [
    'Deletes the newest version, or those named with -versions. On kv version 1 the secret is gone for good.',
  ],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
    { name: 'versions', kind: 'texts', help: 'Versions to delete, with commas between. kv version 2 only.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const versions = wantedVersions(call);
    const client = call.connect();
    const mount = call.flags.text('mount');
    const target = await kvPlace(client, call.args[0] ?? '', mount, versions.length > 0 ? 'delete' : 'data');
    if (target.version === 1 && versions.length > 0) {
      throw new UsageError('-versions needs a kv version 2 mount; nothing was deleted');
    }
    const secret = await attempt(`Error deleting ${target.path}`, () =>
      versions.length > 0 ? client.write(target.path, { versions }) : client.delete(target.path),
    );
    printOutcome(call, secret, `Success! Data deleted (if it existed) at: ${target.path}`);
    return 0;
  },
};

/** `-versions 1,2 -versions 3`. */
export function wantedVersions(call: CommandCall): string[] {
  const versions = call.flags.texts('versions').flatMap((text) => text.split(','));
  if (!versions.every((version) => /^\d+$/.test(version))) throw new UsageError('-versions takes numbers');
  return versions;
}
