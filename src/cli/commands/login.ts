// `login [TOKEN]`: checks a token and keeps it for later commands; `login -method=…`: gets one from an auth method.

import type { JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { VaultClient } from '../../client/client.ts';
import { numberOf, textOf, textsOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printSecret } from '../command.ts';
import { parseData } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments, UsageError } from '../failure.ts';
import { LOGIN_METHODS, type LoginMethod } from '../login-methods.ts';
import { wrap } from '../output/table.ts';
import { plainPath } from '../paths.ts';
import { writeTokenFile } from '../token-file.ts';

export const loginCommand: Command = {
  words: ['login'],
  synopsis: 'Check a token and keep it for later commands',
  usage: '[options] [TOKEN | K=V...]',
  help: [
    'Checks the token and keeps it in ~/.vault-token, readable by you alone. Without TOKEN it is prompted for and ' +
      'not shown; "-" reads it from stdin. A TOKEN on the command line can be seen in the list of processes and ' +
      "in the shell's history.",
    'With -method an auth method gives the token. What it needs is given as K=V, where "@file" reads a value from a ' +
      'file and "-" from stdin; what is secret and left out is prompted for.',
    ...Object.values(LOGIN_METHODS).map(({ example }) => ` $ latchkey login ${example}`),
  ],
  flags: [
    { name: 'method', kind: 'text', help: `token, ${Object.keys(LOGIN_METHODS).join(', ')}. Default token.` },
    { name: 'path', kind: 'text', help: 'Where the auth method is enabled. Default: its name.' },
    { name: 'no-print', kind: 'switch', help: 'Print nothing; still keep the token.' },
    { name: 'no-store', kind: 'switch', help: 'Do not keep the token.' },
    {
      name: 'token-only',
      kind: 'switch',
      help: 'Print the token alone; it is not kept, nor checked if given.',
    },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const { flags, terminal } = call;
    const tokenOnly = flags.isOn('token-only');
    const noStore = tokenOnly || flags.isOn('no-store');
    const noPrint = flags.isOn('no-print');
    if (noStore && noPrint) throw new UsageError('-no-store and -no-print cannot be used together');
    const got = await obtain(call, noStore);
    if (tokenOnly) {
      terminal.printRaw(got.token);
      return 0;
    }
    const secret = got.secret ?? (await lookUp(call, got.token));
    if (noStore) terminal.warn(`${wrap(NOT_KEPT)}\n`);
    else keep(call, got.token);
    if (noPrint) return 0;
    const plain = call.format === 'table' && (flags.text('field') ?? '') === '';
    if (plain && !noStore) terminal.print(`${wrap(KEPT)}\n`);
    printSecret(call, secret);
    return 0;
  },
};

/** `secret` is what an auth method answered; undefined for a token that was brought. */
interface Obtained {
  readonly token: string;
  readonly secret: Secret | undefined;
}

async function obtain(call: CommandCall, mayStayWrapped: boolean): Promise<Obtained> {
  const name = plainPath(call.flags.text('method') ?? '') || 'token';
  if (name === 'token') {
    expectArguments(call.args, 0, 1);
    return { token: await wantedToken(call), secret: undefined };
  }
  const method = Object.hasOwn(LOGIN_METHODS, name) ? LOGIN_METHODS[name] : undefined;
  if (method === undefined) {
    const known = ['token', ...Object.keys(LOGIN_METHODS)].join(', ');
    throw new UsageError(`Unknown auth method: ${name}. Known here: ${known}; others by "latchkey write".`);
  }
  const secret = await logIn(call, name, method);
  const { auth, wrapInfo } = secret;
  if (auth !== undefined) return { token: textOf(auth, 'client_token'), secret };
  if (wrapInfo === undefined) {
    throw new CommandFailure(2, 'Error authenticating: no auth or wrapping info in response');
  }
  const wrapping = textOf(wrapInfo, 'token');
  if (mayStayWrapped) return { token: wrapping, secret };
  const unwrapped = await attempt('Error extracting token', () => {
    return clientWith(call, wrapping).write('sys/wrapping/unwrap', {});
  });
  if (unwrapped?.auth === undefined) {
    throw new CommandFailure(2, 'Error extracting token: wrapped response does not contain a token');
  }
  return { token: textOf(unwrapped.auth, 'client_token'), secret: unwrapped };
}

async function logIn(call: CommandCall, name: string, method: LoginMethod): Promise<Secret> {
  const { mount: given, ...data } = await parseData(call.args, call.terminal);
  const mount = plainPath(call.flags.text('path') ?? '') || plainPath(String(given ?? '')) || name;
  const { path, body } = await method.request(data, call.terminal, call.around.env);
  const secret = await attempt('Error authenticating', () => {
    return call.connect({ withToken: false }).write(`auth/${mount}/${path}`, body);
  });
  if (secret !== undefined) return secret;
  throw new CommandFailure(2, 'Error authenticating: empty response from credential provider');
}

/** Known by this token, and asking for no wrapping again. */
function clientWith(call: CommandCall, token: string): VaultClient {
  const { options } = call.connect({ withToken: false });
  return new VaultClient({ ...options, token, wrapTtl: undefined });
}

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
