// `lease lookup|renew|revoke`: what was given out for a time.

import { type Command, type CommandCall, printSecret } from '../command.ts';
import { given } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';
import { namedPath } from '../paths.ts';
import { wantedSeconds } from './token.ts';

export const leaseLookupCommand: Command = {
  words: ['lease', 'lookup'],
  synopsis: 'Show a lease',
  usage: '[options] LEASE_ID',
  help: ['Shows when a lease was given, when it ends and whether it can be renewed.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    const lease_id = leaseId(call);
    const prefix = `error looking up lease id ${lease_id}`;
    const secret = await attempt(prefix, () => call.connect().write('sys/leases/lookup', { lease_id }));
    if (secret === undefined) throw new CommandFailure(2, `${prefix}: the answer is empty`);
    printSecret(call, secret);
    return 0;
  },
};

export const leaseRenewCommand: Command = {
  words: ['lease', 'renew'],
  synopsis: 'Prolong a lease',
  usage: '[options] LEASE_ID',
  help: ['Prolongs a lease.'],
  flags: [{ name: 'increment', kind: 'duration', help: 'The lifetime wanted from now on.' }],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const body = given({ lease_id: leaseId(call), increment: wantedSeconds(call) });
    const prefix = `Error renewing ${body['lease_id']}`;
    const secret = await attempt(prefix, () => call.connect().write('sys/leases/renew', body));
    if (secret === undefined) throw new CommandFailure(2, `${prefix}: the answer is empty`);
    printSecret(call, secret);
    return 0;
  },
};

export const leaseRevokeCommand: Command = {
  words: ['lease', 'revoke'],
  synopsis: 'End a lease, or all under a prefix',
  usage: '[options] LEASE_ID | PREFIX',
  help: [
    'Ends a lease; the server does the work after it has answered, unless -sync is given.',
    ' $ latchkey lease revoke -prefix auth/approle',
  ],
  flags: [
    { name: 'prefix', kind: 'switch', help: 'The argument is a prefix: end all leases under it.' },
    { name: 'force', kind: 'switch', help: 'Forget leases that cannot be revoked. Only with -prefix.' },
    { name: 'sync', kind: 'switch', help: 'Wait until it is done.' },
  ],
  output: 'none',
  remote: true,
  async run(call) {
    const id = leaseId(call);
    const { flags, terminal } = call;
    const [prefix, force, sync] = [flags.isOn('prefix'), flags.isOn('force'), flags.isOn('sync')];
    if (force && !prefix) throw new UsageError('Specifying -force requires also specifying -prefix');
    // Else "/" would end every lease of the server.
    const under = namedPath(id);
    if (force) {
      terminal.warn('Warning! Force-removing leases can leave what they stood for in place elsewhere.\n');
    }
    const act = () => {
      const client = call.connect();
      if (force) return client.write(`sys/leases/revoke-force/${under}`, {});
      if (prefix) return client.write(`sys/leases/revoke-prefix/${under}`, { sync });
      return client.write('sys/leases/revoke', { lease_id: id, sync });
    };
    const what = prefix ? `leases with prefix ${id}` : `lease ${id}`;
    await attempt(`Error ${force ? 'force ' : ''}revoking ${what}`, act);
    terminal.print(outcome(id, { prefix, force, sync }));
    return 0;
  },
};

function outcome(id: string, how: { prefix: boolean; force: boolean; sync: boolean }): string {
  if (how.force) return `Success! Force revoked any leases with prefix: ${id}`;
  if (!how.sync) return 'All revocation operations queued successfully!';
  return how.prefix ? `Success! Revoked any leases with prefix: ${id}` : `Success! Revoked lease: ${id}`;
}

function leaseId(call: CommandCall): string {
  expectArguments(call.args, 1);
  const id = (call.args[0] ?? '').trim();
  if (id === '') throw new UsageError('the lease id is empty');
  return id;
}
