// `token lookup|renew|revoke|capabilities`: what one token is, may do, and when it ends.

import { parseDuration } from '../../base/durations.ts';
import type { JsonObject } from '../../base/json.ts';
import { textsOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData, printSecret } from '../command.ts';
import { given } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';
import type { FlagSpec } from '../flags.ts';
import { namedPath, plainPath } from '../paths.ts';

const ACCESSOR: FlagSpec = {
  name: 'accessor',
  kind: 'switch',
  help: 'The argument is the accessor of a token, not the token.',
};
const HIDE = 'A TOKEN on the command line can be seen in the list of processes; "-" reads it from stdin.';

export const tokenLookupCommand: Command = {
  words: ['token', 'lookup'],
  synopsis: 'Show what a token is',
  usage: '[options] [TOKEN | ACCESSOR]',
  help: [`Shows a token, by default the caller's own. ${HIDE}`],
  flags: [ACCESSOR],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const { named, verb } = await target(call, 'lookup');
    const client = call.connect();
    const path = `auth/token/${verb}`;
    const secret = await attempt('Error looking up token', () => {
      return named === undefined ? client.read(path) : client.write(path, named);
    });
    if (secret === undefined) throw new CommandFailure(2, 'Error looking up token: the answer is empty');
    printSecret(call, secret);
    return 0;
  },
};

export const tokenRenewCommand: Command = {
  words: ['token', 'renew'],
  synopsis: 'Prolong a token',
  usage: '[options] [TOKEN | ACCESSOR]',
  help: [`Prolongs a token, by default the caller's own. ${HIDE}`],
  flags: [ACCESSOR, { name: 'increment', kind: 'duration', help: 'The lifetime wanted from now on.' }],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const { named, verb } = await target(call, 'renew');
    const increment = wantedSeconds(call);
    const body = { ...named, ...given({ increment }) };
    const secret = await attempt('Error renewing token', () =>
      call.connect().write(`auth/token/${verb}`, body),
    );
    if (secret === undefined) throw new CommandFailure(2, 'Error renewing token: the answer is empty');
    printSecret(call, secret);
    return 0;
  },
};

export const tokenRevokeCommand: Command = {
  words: ['token', 'revoke'],
  synopsis: 'End a token and all that came from it',
  usage: '[options] [TOKEN | ACCESSOR]',
  help: [
    `Revokes a token with its children and leases. ${HIDE}`,
    '-mode=orphan keeps the children; -mode=path takes a path and revokes every token that was made there.',
  ],
  flags: [
    ACCESSOR,
    { name: 'self', kind: 'switch', help: "Revoke the caller's own token." },
    { name: 'mode', kind: 'text', help: 'orphan or path.' },
  ],
  output: 'none',
  remote: true,
  async run(call) {
    const { path, body } = await revocation(call);
    await attempt('Error revoking token', () => call.connect().write(path, body));
    call.terminal.print('Success! Revoked token (if it existed)');
    return 0;
  },
};

export const tokenCapabilitiesCommand: Command = {
  words: ['token', 'capabilities'],
  synopsis: 'Show what a token may do at a path',
  usage: '[options] [TOKEN | ACCESSOR] PATH',
  help: [`Shows the capabilities of a token, by default the caller's own. ${HIDE}`],
  flags: [ACCESSOR],
  output: 'format',
  remote: true,
  async run(call) {
    const accessor = call.flags.isOn('accessor');
    expectArguments(call.args, accessor ? 2 : 1, 2);
    const path = plainPath(call.args.at(-1) ?? '');
    const named = call.args.length === 2 ? await typed(call, call.args[0] ?? '') : undefined;
    const route =
      named === undefined ? 'capabilities-self' : accessor ? 'capabilities-accessor' : 'capabilities';
    const body = given({ [accessor ? 'accessor' : 'token']: named, paths: [path] });
    const secret = await attempt('Error listing capabilities', () =>
      call.connect().write(`sys/${route}`, body),
    );
    const data = secret?.data ?? {};
    const capabilities = textsOf(data, Array.isArray(data[path]) ? path : 'capabilities').sort();
    if (call.format === 'table') call.terminal.print(capabilities.join(', '));
    else printData(call, capabilities);
    return 0;
  },
};

interface Target {
  /** Undefined: the caller's own token. */
  readonly named: JsonObject | undefined;
  /** Last part of the path, e.g. `lookup-self`. */
  readonly verb: string;
}

async function target(call: CommandCall, verb: string): Promise<Target> {
  expectArguments(call.args, 0, 1);
  const [first] = call.args;
  if (call.flags.isOn('accessor')) {
    if (first === undefined) throw new UsageError('Not enough arguments with -accessor: expected 1, got 0');
    return { named: { accessor: await typed(call, first) }, verb: `${verb}-accessor` };
  }
  if (first === undefined) return { named: undefined, verb: `${verb}-self` };
  return { named: { token: await typed(call, first) }, verb };
}

async function typed(call: CommandCall, argument: string): Promise<string> {
  const text = (argument === '-' ? await call.terminal.readAll() : argument).trim();
  if (text === '') throw new UsageError('the token or accessor is empty');
  return text;
}

async function revocation(call: CommandCall): Promise<{ path: string; body: JsonObject }> {
  expectArguments(call.args, 0, 1);
  const { flags } = call;
  const [first] = call.args;
  const mode = flags.text('mode') ?? '';
  const accessor = flags.isOn('accessor');
  if (flags.isOn('self')) {
    if (first !== undefined) throw new UsageError('Too many arguments with -self: expected 0, got 1');
    if (accessor || mode !== '') throw new UsageError('-self goes with neither -accessor nor -mode');
    return { path: 'auth/token/revoke-self', body: {} };
  }
  if (first === undefined) throw new UsageError('Not enough arguments: give a token, or -self');
  if (accessor && mode !== '') throw new UsageError('-accessor and -mode cannot be used together');
  const named = await typed(call, first);
  if (accessor) return { path: 'auth/token/revoke-accessor', body: { accessor: named } };
  if (mode === 'orphan') return { path: 'auth/token/revoke-orphan', body: { token: named } };
  if (mode === 'path') return { path: `sys/leases/revoke-prefix/${namedPath(named)}`, body: {} };
  if (mode !== '') throw new UsageError('-mode is "orphan" or "path"');
  return { path: 'auth/token/revoke', body: { token: named } };
}

/** `-increment` as the API takes it; undefined if it was not given. */
export function wantedSeconds(call: CommandCall): number | undefined {
  const milliseconds = parseDuration(call.flags.text('increment') ?? '');
  return milliseconds === undefined ? undefined : Math.ceil(milliseconds / 1_000);
}
