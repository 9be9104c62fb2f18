// `version-history`: which versions have led the cluster.

import { isObject } from '../../base/json.ts';
import { objectOf, textOf, textsOf } from '../../client/fields.ts';
import { type Command, printData } from '../command.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import { table } from '../output/table.ts';

export const versionHistoryCommand: Command = {
  words: ['version-history'],
  synopsis: 'Print the versions that have led the cluster',
  usage: '[options]',
  help: ['Prints which versions of the server have led the cluster, and since when.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const query = { list: 'true' };
    const answer = await attempt('Error listing version history', () =>
      call.connect().request({ method: 'GET', path: 'sys/version-history', query }),
    );
    const body = isObject(answer.body) ? answer.body : {};
    const data = objectOf(body, 'data');
    if (data === undefined) throw new CommandFailure(2, 'Invalid response returned from Vault');
    if (call.format !== 'table') {
      printData(call, body);
      return 0;
    }
    const info = objectOf(data, 'key_info') ?? {};
    const rows = textsOf(data, 'keys').map((version) => {
      const entry = objectOf(info, version) ?? {};
      return [version, textOf(entry, 'timestamp_installed'), textOf(entry, 'build_date')] as const;
    });
    call.terminal.print(table(['Version', 'Installation Time', 'Build Date'], rows));
    return 0;
  },
};
