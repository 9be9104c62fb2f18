// `operator members`: the nodes that the active one hears.

import { isObject, type JsonObject } from '../../base/json.ts';
import { flagOf, objectOf, textOf } from '../../client/fields.ts';
import { type Command, printData } from '../command.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import { table } from '../output/table.ts';

const HEADER = [
  'Host Name',
  'API Address',
  'Cluster Address',
  'Active Node',
  'Version',
  'Upgrade Version',
  'Last Echo',
];

export const operatorMembersCommand: Command = {
  words: ['operator', 'members'],
  synopsis: 'List the nodes of the cluster',
  usage: '[options]',
  help: [
    'Lists the nodes that the active one has heard from lately: one that is down drops out. Needs a token.',
  ],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const client = call.connect();
    const answer = await attempt('', () => client.request({ method: 'GET', path: 'sys/ha-status' }));
    const body = isObject(answer.body) ? answer.body : {};
    // The nodes are both in the envelope's data and beside it.
    const nodes = objectOf(body, 'data')?.['nodes'] ?? body['nodes'];
    if (!Array.isArray(nodes)) throw new CommandFailure(2, 'the answer lists no nodes');
    if (call.format !== 'table') printData(call, { Nodes: nodes });
    else call.terminal.print(table(HEADER, nodes.filter(isObject).map(row)));
    return 0;
  },
};

function row(node: JsonObject): string[] {
  return [
    textOf(node, 'hostname'),
    textOf(node, 'api_address'),
    textOf(node, 'cluster_address'),
    String(flagOf(node, 'active_node')),
    textOf(node, 'version'),
    textOf(node, 'upgrade_version'),
    // To the second; the active node has none.
    textOf(node, 'last_echo').replace(/\.\d+/, ''),
  ];
}
