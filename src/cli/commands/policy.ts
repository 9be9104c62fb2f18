// `policy list|read|write|delete`: who may do what.

import { readFileSync, statSync } from 'node:fs';
import { REQUEST_BODY_BYTES_MAX } from '../../base/limits.ts';
import { textOf, textsOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData } from '../command.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';

export const policyListCommand: Command = {
  words: ['policy', 'list'],
  synopsis: 'List the policies',
  usage: '[options]',
  help: ['Lists the names of the policies, one a line.'],
  flags: [],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const secret = await attempt('Error listing policies', () => call.connect().list('sys/policies/acl'));
    const names = textsOf(secret?.data ?? {}, 'keys');
    if (call.format !== 'table') printData(call, names);
    else for (const name of names) call.terminal.print(name);
    return 0;
  },
};

export const policyReadCommand: Command = {
  words: ['policy', 'read'],
  synopsis: 'Print a policy',
  usage: '[options] NAME',
  help: ['Prints the text of the policy.'],
  flags: [],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const name = policyName(call);
    const path = `sys/policies/acl/${name}`;
    const secret = await attempt(`Error reading policy named ${name}`, () => call.connect().read(path));
    if (secret?.data === undefined) throw new CommandFailure(2, `No policy named: ${name}`);
    const policy = textOf(secret.data, 'policy');
    if (call.flags.text('field') === 'policy') call.terminal.printRaw(policy);
    else if (call.format === 'table') call.terminal.print(policy.trim());
    else printData(call, { policy });
    return 0;
  },
};

export const policyWriteCommand: Command = {
  words: ['policy', 'write'],
  synopsis: 'Store a policy from a file or stdin',
  usage: '[options] NAME PATH',
  help: [
    'Stores the policy in the file, or from stdin if PATH is "-"; one that was there before is replaced.',
    ' $ latchkey policy write app app.hcl',
  ],
  flags: [],
  output: 'none',
  remote: true,
  async run(call) {
    expectArguments(call.args, 2);
    const name = policyName(call);
    const path = (call.args[1] ?? '').trim();
    const policy = path === '-' ? await call.terminal.readAll() : readPolicy(path);
    await attempt('Error uploading policy', () =>
      call.connect().write(`sys/policies/acl/${name}`, { policy }),
    );
    call.terminal.print(`Success! Uploaded policy: ${name}`);
    return 0;
  },
};

export const policyDeleteCommand: Command = {
  words: ['policy', 'delete'],
  synopsis: 'Remove a policy',
  usage: '[options] NAME',
  help: ['Removes the policy. Tokens that have it can do less from that moment on.'],
  flags: [],
  output: 'none',
  remote: true,
  async run(call) {
    expectArguments(call.args, 1);
    const name = policyName(call);
    await attempt(`Error deleting ${name}`, () => call.connect().delete(`sys/policies/acl/${name}`));
    call.terminal.print(`Success! Deleted policy: ${name}`);
    return 0;
  },
};

/** Names are in lower case whatever was typed, as the server keeps them. */
function policyName(call: CommandCall): string {
  const name = (call.args[0] ?? '').trim().toLowerCase();
  if (name === '') throw new UsageError('the name of the policy is empty');
  return name;
}

function readPolicy(path: string): string {
  try {
    if (statSync(path).size > REQUEST_BODY_BYTES_MAX) throw new UsageError(`"${path}" is over 32 MiB`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new CommandFailure(2, `Error opening policy file "${path}": ${reason}`, error);
  }
}
