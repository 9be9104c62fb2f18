// `kv list PATH`: the names of secrets.

import type { Command } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';
import { kvPlace } from '../kv-path.ts';
import { printList } from './list.ts';

export const kvListCommand: Command = {
  words: ['kv', 'list'],
  synopsis: 'List secrets',
  usage: '[options] PATH',
  help: ['Lists the secrets directly under the path. A name that ends in "/" has more under it.'],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it and may be left out.' },
  ],
  output: 'format',
  remote: true,
  async run(call) {
    const mount = call.flags.text('mount');
    expectArguments(call.args, mount === undefined ? 1 : 0, 1);
    const client = call.connect();
    const place = await kvPlace(client, call.args[0] ?? '', mount, 'metadata');
    const secret = await attempt(`Error listing ${place.path}`, () => client.list(place.path));
    return printList(call, secret, place.path);
  },
};
