// `operator generate-root`: a new root token, made with a quorum of keys and hidden by a one-time password.

import { readFileSync } from 'node:fs';
import { isObject, type JsonObject } from '../../base/json.ts';
import type { ApiRequest, VaultClient } from '../../client/client.ts';
import { flagOf, numberOf, textOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData } from '../command.ts';
import { given } from '../data-arguments.ts';
import { attempt, CommandFailure, type ExitCode, expectArguments, UsageError } from '../failure.ts';
import { columns, type Row, wrap } from '../output/table.ts';
import { decodeToken, makeOtp } from '../root-token-otp.ts';

/** Of a token "hvs." and 24 characters; servers say theirs in `otp_length`. */
const OTP_LENGTH_DEFAULT = 28;
const ATTEMPT = 'sys/generate-root/attempt';
const MODES = ['init', 'cancel', 'status', 'generate-otp', 'decode'] as const;
type Mode = (typeof MODES)[number];

export const operatorGenerateRootCommand: Command = {
  words: ['operator', 'generate-root'],
  synopsis: 'Make a new root token with a quorum of keys',
  usage: '[options] [KEY]',
  help: [
    'Start with -init, which prints a one-time password (OTP). Then each holder of an unseal or recovery key gives ' +
      'it, here without other flags; KEY is prompted for and not shown, or "-" reads it from stdin with -nonce. ' +
      'The last one gets the encoded token; -decode with -otp turns it into the root token.',
    ' $ latchkey operator generate-root -init',
    ' $ latchkey operator generate-root -decode=ENCODED -otp=OTP',
  ],
  flags: [
    { name: 'init', kind: 'switch', help: 'Start. With -otp or -pgp-key, else the server makes an OTP.' },
    { name: 'cancel', kind: 'switch', help: 'Stop, and forget the keys given so far.' },
    { name: 'status', kind: 'switch', help: 'Show how far it is.' },
    { name: 'generate-otp', kind: 'switch', help: 'Only make an OTP, for -init -otp.' },
    { name: 'decode', kind: 'text', help: 'Decode this token with -otp; "-" reads it from stdin.' },
    { name: 'otp', kind: 'text', help: 'The OTP, for -init or -decode.' },
    {
      name: 'pgp-key',
      kind: 'text',
      help: 'File with a PGP public key that hides the token instead of an OTP.',
    },
    {
      name: 'nonce',
      kind: 'text',
      help: 'Nonce of the operation; must be given with each KEY that is not typed.',
    },
  ],
  output: 'format',
  remote: true,
  async run(call) {
    const mode = wantedMode(call);
    expectArguments(call.args, 0, mode === undefined ? 1 : 0);
    if (mode === 'decode') return decode(call);
    const client = call.connect();
    switch (mode) {
      case 'init':
        return start(call, client);
      case 'cancel':
        await attempt('Error canceling root token generation', () => ask(client, 'DELETE', ATTEMPT));
        call.terminal.print('Success! Root token generation canceled (if it was started)');
        return 0;
      case 'status':
        return printStatus(call, await status(client));
      case 'generate-otp':
        return printOtp(call, client);
      default:
        return giveKey(call, client);
    }
  },
};

function wantedMode(call: CommandCall): Mode | undefined {
  const { flags } = call;
  const wanted = MODES.filter((mode) =>
    mode === 'decode' ? flags.text(mode) !== undefined : flags.isOn(mode),
  );
  if (wanted.length > 1) throw new UsageError(`-${wanted.join(' and -')} cannot be used together`);
  return wanted[0];
}

async function start(call: CommandCall, client: VaultClient): Promise<ExitCode> {
  const otp = call.flags.text('otp');
  const file = call.flags.text('pgp-key');
  if (otp !== undefined && file !== undefined)
    throw new UsageError('-otp and -pgp-key cannot be used together');
  const body = given({ otp, pgp_key: file === undefined ? undefined : readKey(file) });
  const started = await attempt('Error initializing root generation', () =>
    ask(client, 'PUT', ATTEMPT, body),
  );
  if (call.format === 'table' && textOf(started, 'otp') !== '') call.terminal.warn(`${wrap(KEEP_OTP)}\n`);
  return printStatus(call, started);
}

const KEEP_OTP =
  'The OTP below is shown this once: without it the encoded token cannot be decoded. Whoever has both, has the ' +
  'root token.';

/** Binary keys go as base64, as the API takes them; armoured ones as they are. */
function readKey(file: string): string {
  try {
    const bytes = readFileSync(file.replace(/^@/, ''));
    return bytes.includes('-----BEGIN') ? bytes.toString('utf8') : bytes.toString('base64');
  } catch (error) {
    throw new UsageError(
      `error reading file "${file}": ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`,
    );
  }
}

async function giveKey(call: CommandCall, client: VaultClient): Promise<ExitCode> {
  const before = await status(client);
  if (!flagOf(before, 'started')) {
    throw new CommandFailure(
      1,
      'No root generation is in progress. Start one with: latchkey operator generate-root -init',
    );
  }
  const [given] = call.args;
  let nonce = call.flags.text('nonce');
  let key: string;
  if (given === undefined) {
    nonce ??= textOf(before, 'nonce');
    // On stderr, so that a holder sees which operation the key is for while stdout holds the answer alone.
    call.terminal.warn(`Operation nonce: ${nonce}`);
    key = await call.terminal.askHidden('Unseal Key (will be hidden): ');
  } else {
    // Somebody who reads the key from a file has not seen which operation it will be for.
    if (nonce === undefined) throw new UsageError('Missing nonce value: give it with -nonce');
    key = given === '-' ? await call.terminal.readAll() : given;
  }
  if (key.trim() === '') throw new UsageError('No key was given');
  const body = { key: key.trim(), nonce };
  const after = await attempt('Error posting unseal key', () =>
    ask(client, 'PUT', 'sys/generate-root/update', body),
  );
  return printStatus(call, after);
}

async function printOtp(call: CommandCall, client: VaultClient): Promise<ExitCode> {
  const otp = makeOtp(numberOf(await status(client), 'otp_length') || OTP_LENGTH_DEFAULT);
  if (call.format === 'table') call.terminal.printRaw(otp);
  else printData(call, { otp, otp_length: otp.length });
  return 0;
}

async function decode(call: CommandCall): Promise<ExitCode> {
  const { flags, terminal } = call;
  const otp = flags.text('otp');
  if (otp === undefined) throw new UsageError('Missing OTP value: give it with -otp');
  const encoded = flags.text('decode') ?? '';
  const token = decodeToken((encoded === '-' ? await terminal.readAll() : encoded).trim(), otp.trim());
  if (call.format === 'table') terminal.printRaw(token);
  else printData(call, { token });
  return 0;
}

function status(client: VaultClient): Promise<JsonObject> {
  return attempt('Error getting root generation status', () => ask(client, 'GET', ATTEMPT));
}

async function ask(
  client: VaultClient,
  method: ApiRequest['method'],
  path: string,
  body?: JsonObject,
): Promise<JsonObject> {
  const answer = await client.request({ method, path, body });
  return isObject(answer.body) ? answer.body : {};
}

function printStatus(call: CommandCall, status: JsonObject): ExitCode {
  if (call.format !== 'table') {
    printData(call, status);
    return 0;
  }
  const rows: Row[] = [
    ['Nonce', textOf(status, 'nonce')],
    ['Started', String(flagOf(status, 'started'))],
    ['Progress', `${numberOf(status, 'progress')}/${numberOf(status, 'required')}`],
    ['Complete', String(flagOf(status, 'complete'))],
  ];
  const optional: [string, string][] = [
    ['PGP Fingerprint', textOf(status, 'pgp_fingerprint')],
    ['Encoded Token', textOf(status, 'encoded_token') || textOf(status, 'encoded_root_token')],
    ['OTP', textOf(status, 'otp')],
  ];
  rows.push(...optional.filter(([, value]) => value !== ''));
  const length = numberOf(status, 'otp_length');
  if (length > 0) rows.push(['OTP Length', String(length)]);
  call.terminal.print(columns(rows));
  return 0;
}
