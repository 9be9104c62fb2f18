// `operator key-status` and `operator rotate`: the key that encrypts what is stored from now on.

import { isObject, type JsonObject } from '../../base/json.ts';
import type { VaultClient } from '../../client/client.ts';
import { objectOf, textOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';
import { columns } from '../output/table.ts';
import { show } from '../output/value.ts';

export const operatorKeyStatusCommand: Command = {
  words: ['operator', 'key-status'],
  synopsis: 'Show the newest encryption key',
  usage: '[options]',
  help: ['Shows term, age and use of the key that encrypts what is stored from now on.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const status = await keyStatus(call.connect());
    if (call.format === 'table') call.terminal.print(keyRows(status));
    else printData(call, status);
    return 0;
  },
};

export const operatorRotateCommand: Command = {
  words: ['operator', 'rotate'],
  synopsis: 'Add a new encryption key',
  usage: '[options]',
  help: [
    'Adds a key that encrypts what is stored from now on; what was stored before keeps its own and stays ' +
      'readable. Unseal and recovery keys stay as they are. Needs a token with sudo.',
  ],
  flags: [],
  output: 'format',
  remote: true,
  async run(call: CommandCall) {
    expectArguments(call.args, 0);
    const client = call.connect();
    await attempt('Error rotating key', () => client.request({ method: 'PUT', path: 'sys/rotate' }));
    const status = await keyStatus(client);
    if (call.format === 'table') call.terminal.print(`Success! Rotated key\n\n${keyRows(status)}`);
    else printData(call, status);
    return 0;
  },
};

async function keyStatus(client: VaultClient): Promise<JsonObject> {
  const path = 'sys/key-status';
  const answer = await attempt('Error reading key status', () => client.request({ method: 'GET', path }));
  const body = isObject(answer.body) ? answer.body : {};
  return objectOf(body, 'data') ?? body;
}

function keyRows(status: JsonObject): string {
  return columns([
    ['Key Term', show(status['term'] ?? '')],
    ['Install Time', rfc822(textOf(status, 'install_time'))],
    ['Encryption Count', show(status['encryptions'] ?? '')],
  ]);
}

/** `24 Nov 26 15:04 UTC`, as Go's `time.RFC822`; what is no time stays as it is. */
function rfc822(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return time;
  const [, day, month, year, clock] = at.toUTCString().split(/[ ]/);
  return `${day} ${month} ${year?.slice(-2)} ${clock?.slice(0, 5)} UTC`;
}
