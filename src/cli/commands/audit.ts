// `audit enable|disable|list`: where requests are written down.

import { isObject } from '../../base/json.ts';
import { flagOf, objectOf, textOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData } from '../command.ts';
import { given, parseData } from '../data-arguments.ts';
import { attempt, CommandFailure, type ExitCode, expectArguments, UsageError } from '../failure.ts';
import { type Row, table } from '../output/table.ts';
import { show, sortedEntries } from '../output/value.ts';
import { namedPath } from '../paths.ts';

export const auditEnableCommand: Command = {
  words: ['audit', 'enable'],
  synopsis: 'Enable an audit device',
  usage: '[options] TYPE [K=V...]',
  help: [
    'Enables a device of this type; K=V pairs are its options.',
    ' $ latchkey audit enable file file_path=/var/log/latchkey.log',
  ],
  flags: [
    { name: 'path', kind: 'text', help: 'Name of the device. Default: its type.' },
    { name: 'description', kind: 'text', help: 'Words for people.' },
    { name: 'local', kind: 'switch', help: 'Do not replicate.' },
  ],
  output: 'format',
  remote: true,
  async run(call) {
    const [type, ...pairs] = call.args;
    if (type === undefined) throw new UsageError('Error enabling audit device: audit type missing');
    const path = namedPath(call.flags.text('path') ?? type);
    const options = await parseData(pairs, call.terminal);
    const body = given({
      type,
      description: call.flags.text('description'),
      options,
      local: call.flags.choice('local'),
    });
    await attempt('Error enabling audit device', () => call.connect().write(`sys/audit/${path}`, body));
    if (call.format === 'table') {
      call.terminal.print(`Success! Enabled the ${type} audit device at: ${path}/`);
    }
    return 0;
  },
};

export const auditDisableCommand: Command = {
  words: ['audit', 'disable'],
  synopsis: 'Disable an audit device',
  usage: '[options] PATH',
  help: ['Disables the device. The hashes in its log can no longer be compared with new ones.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const path = namedPath(call.args[0]);
    await attempt('Error disabling audit device', () => call.connect().delete(`sys/audit/${path}`));
    if (call.format === 'table') {
      call.terminal.print(`Success! Disabled audit device (if it was enabled) at: ${path}/`);
    }
    return 0;
  },
};

export const auditListCommand: Command = {
  words: ['audit', 'list'],
  synopsis: 'List the audit devices',
  usage: '[options]',
  help: ['Lists the devices. With none the exit code is 2.'],
  flags: [{ name: 'detailed', kind: 'switch', help: 'Show the options too.' }],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const secret = await attempt('Error listing audits', () => call.connect().read('sys/audit'));
    return printDevices(call, sortedEntries(secret?.data ?? {}));
  },
};

function printDevices(call: CommandCall, entries: ReturnType<typeof sortedEntries>): ExitCode {
  if (call.format !== 'table') {
    printData(call, Object.fromEntries(entries));
    return 0;
  }
  if (entries.length === 0) throw new CommandFailure(2, 'No audit devices are enabled.');
  const detailed = call.flags.isOn('detailed');
  const more = detailed ? ['Replication', 'Options'] : [];
  const rows = entries.map(([path, value]): Row => {
    const device = isObject(value) ? value : {};
    const row = [path, textOf(device, 'type'), textOf(device, 'description')];
    if (!detailed) return row;
    const options = sortedEntries(objectOf(device, 'options') ?? {});
    const shown = options.map(([name, option]) => `${name}=${show(option)}`).join(' ');
    return [...row, flagOf(device, 'local') ? 'local' : 'replicated', shown];
  });
  call.terminal.print(table(['Path', 'Type', 'Description', ...more], rows));
  return 0;
}
