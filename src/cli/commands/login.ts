// `login [TOKEN]`: checks a token and keeps it for later commands.

import type { JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { numberOf, textOf, textsOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printSecret } from '../command.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';
import { wrap } from '../output/table.ts';
import { writeTokenFile } from '../token-file.ts';

export const loginCommand: Command = {
  words: ['login'],
  synopsis: 'Check a token and keep it for later commands',
  usage: '[options] [TOKEN]',
  help: [
    'Checks the token and keeps it in ~/.vault-token, readable by you alone. Without TOKEN it is prompted for and ' +
      'not shown; "-" reads it from stdin. A TOKEN on the command line can be seen in the list of processes and ' +
      "in the shell's history.",
  ],
  flags: [
    { name: 'method', kind: 'text', help: 'Only "token" so far.' },
    { name: 'no-print', kind: 'switch', help: 'Print nothing; still keep the token.' },
    { name: 'no-store', kind: 'switch', help: 'Do not keep the token.' },
    { name: 'token-only', kind: 'switch', help: 'Print the token alone, unchecked and not kept.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0, 1);
    const { flags, terminal } = call;
    const method = flags.text('method') ?? 'token';
    if (method !== 'token')
      throw new UsageError(`Unknown auth method: ${method}. Only "token" is there so far.`);
    const tokenOnly = flags.isOn('token-only');
    const noStore = tokenOnly || flags.isOn('no-store');
    const noPrint = flags.isOn('no-print');
    if (noStore && noPrint) throw new UsageError('-no-store and -no-print cannot be used together');
    const token = await wantedToken(call);
    if (tokenOnly) {
      terminal.printRaw(token);
      return 0;
    }
    const secret = await lookUp(call, token);
    if (noStore) terminal.warn(`${wrap(NOT_KEPT)}\n`);
    else keep(call, token);
    if (noPrint) return 0;
    const plain = call.format === 'table' && (flags.text('field') ?? '') === '';
    if (plain && !noStore) terminal.print(`${wrap(KEPT)}\n`);
    printSecret(call, secret);
    return 0;
  },
};

const KEPT =
  'Success! You are now authenticated. The token is kept in ~/.vault-token and later commands use it by ' +
  'themselves: there is no need to log in again.';
const NOT_KEPT =
  'The token was not kept. Set VAULT_TOKEN, or log in without -no-store, to use it with later commands.';
const OVERRIDDEN =
  'WARNING! VAULT_TOKEN is set in the environment and goes before the token that was just kept. Unset it, or ' +
  'give it the new value.';

async function wantedToken(call: CommandCall): Promise<string> {
  const given = (call.args[0] ?? '').replace(/^token=/, '');
  if (given !== '' && given !== '-') return given.trim();
  const label = 'Token (will be hidden): ';
  const token = given === '-' ? await call.terminal.readAll() : await call.terminal.askHidden(label);
  if (token.trim() === '') throw new UsageError('No token was given');
  return token.trim();
}

/** What the token says of itself, in the shape of any other login. */
async function lookUp(call: CommandCall, token: string): Promise<Secret> {
  const secret = await attempt('Error authenticating', () => {
    return call.connect({ withToken: false }).withToken(token).read('auth/token/lookup-self');
  });
  const data = secret?.data;
  if (secret === undefined || data === undefined) {
    throw new CommandFailure(2, 'Error authenticating: the server said nothing about the token');
  }
  const policies = textsOf(data, 'policies');
  const identityPolicies = textsOf(data, 'identity_policies');
  const metadata = data['meta'] ?? null;
  const auth: JsonObject = {
    client_token: token,
    accessor: textOf(data, 'accessor'),
    policies: [...new Set([...policies, ...identityPolicies])],
    token_policies: policies,
    identity_policies: identityPolicies,
    metadata,
    lease_duration: numberOf(data, 'ttl'),
    renewable: data['renewable'] === true,
  };
  return { ...secret, data: undefined, auth };
}

function keep(call: CommandCall, token: string): void {
  writeTokenFile(call.around.env, token);
  const { env } = call.around;
  if (env['VAULT_TOKEN'] || env['BAO_TOKEN']) call.terminal.warn(`${wrap(OVERRIDDEN)}\n`);
}
