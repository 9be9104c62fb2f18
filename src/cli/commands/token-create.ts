// `token create`: a new token under the caller's own.

import { type Command, printSecret } from '../command.ts';
import { given, parsePairs } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';

export const tokenCreateCommand: Command = {
  words: ['token', 'create'],
  synopsis: 'Create a token',
  usage: '[options]',
  help: [
    "Creates a token that is revoked with the caller's own, unless -orphan is given. Without -policy it may do " +
      'what the caller may.',
    ' $ latchkey token create -policy=app -ttl=1h',
  ],
  flags: [
    { name: 'policy', kind: 'texts', help: 'Policy of the token. May be given several times.' },
    { name: 'ttl', kind: 'duration', help: 'Lifetime; the token can be renewed.' },
    { name: 'explicit-max-ttl', kind: 'duration', help: 'Longest lifetime, whatever is renewed.' },
    { name: 'period', kind: 'duration', help: 'Each renewal starts this lifetime anew, without end.' },
    { name: 'use-limit', kind: 'count', help: 'How often it can be used. 0: no limit.' },
    { name: 'renewable', kind: 'switch', help: 'Whether it can be renewed. Default: yes.' },
    { name: 'orphan', kind: 'switch', help: "Not revoked with the caller's token." },
    { name: 'no-default-policy', kind: 'switch', help: 'Without the policy "default".' },
    { name: 'display-name', kind: 'text', help: 'Name for people and audit logs.' },
    { name: 'metadata', kind: 'texts', help: 'key=value, shown in audit logs. May be given several times.' },
    { name: 'role', kind: 'text', help: 'Create it as this token role says.' },
    { name: 'type', kind: 'text', help: 'service or batch.' },
    { name: 'entity-alias', kind: 'text', help: 'Alias of the entity; only with -role.' },
    { name: 'id', kind: 'text', help: 'The token itself. It can be seen in the list of processes.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const { flags } = call;
    const role = flags.text('role');
    if (role !== undefined && !/^[\w.-]+$/.test(role))
      throw new UsageError('-role is not the name of a role');
    const policies = flags.texts('policy');
    const body = given({
      id: flags.text('id'),
      policies: policies.length === 0 ? undefined : [...policies],
      meta: parsePairs(flags.texts('metadata'), 'metadata'),
      ttl: flags.duration('ttl'),
      explicit_max_ttl: flags.duration('explicit-max-ttl'),
      period: flags.duration('period'),
      num_uses: flags.count('use-limit'),
      renewable: flags.choice('renewable') ?? true,
      no_parent: flags.choice('orphan'),
      no_default_policy: flags.choice('no-default-policy'),
      display_name: flags.text('display-name'),
      type: flags.text('type'),
      entity_alias: flags.text('entity-alias'),
    });
    // Creating an orphan by its own path needs a policy for that path, and no sudo.
    const orphan = flags.isOn('orphan') ? 'auth/token/create-orphan' : 'auth/token/create';
    const path = role === undefined ? orphan : `auth/token/create/${role}`;
    const secret = await attempt('Error creating token', () => call.connect().write(path, body));
    if (secret === undefined) throw new CommandFailure(2, 'Error creating token: the answer holds no token');
    printSecret(call, secret);
    return 0;
  },
};
