// `kv patch PATH K=V...`: a new version that keeps what is not named.

import type { JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { readSecret } from '../../client/answers.ts';
import { ApiError } from '../../client/api-error.ts';
import type { VaultClient } from '../../client/client.ts';
import { numberOf, objectOf } from '../../client/fields.ts';
import type { Command } from '../command.ts';
import { given, parseData } from '../data-arguments.ts';
import { attempt, CommandFailure, UsageError } from '../failure.ts';
import { kv2Path } from '../kv-path.ts';
import { printWritten } from './kv-put.ts';

export const kvPatchCommand: Command = {
  words: ['kv', 'patch'],
  synopsis: 'Change some values of a secret and keep the others',
  usage: '[options] PATH [K=V...]',
  help: [
    'Writes a new version with the values given and all others as they were. Values are taken as in "kv put". ' +
      'kv version 2 only.',
    'By default the server merges, which needs the capability "patch"; if it cannot, the secret is read and ' +
      'written back, guarded by -cas.',
  ],
  flags: [
    { name: 'mount', kind: 'text', help: 'Path of the mount; PATH is then below it.' },
    { name: 'cas', kind: 'count', help: 'Write only if this is the current version.' },
    {
      name: 'method',
      kind: 'text',
      help: 'patch: the server merges. rw: read, then write. Default: either.',
    },
    { name: 'remove-data', kind: 'texts', help: 'Key to take out. May be given several times.' },
  ],
  output: 'field-and-format',
  remote: true,
  async run(call) {
    const [first, ...pairs] = call.args;
    if (first === undefined) throw new UsageError('Not enough arguments (expected >1, got 0)');
    const removed = call.flags.texts('remove-data');
    if (pairs.length === 0 && removed.length === 0) throw new UsageError('Must supply data');
    const method = call.flags.text('method') ?? '';
    if (!['', 'patch', 'rw'].includes(method)) throw new UsageError('-method is "patch" or "rw"');
    const changes = await parseData(pairs, call.terminal);
    // In a merge patch null means "take out" (RFC 7396).
    const nulls = Object.fromEntries(removed.map((name) => [name, null]));
    const patch = { ...changes, ...nulls };
    const cas = call.flags.count('cas');
    const client = call.connect();
    const path = await kv2Path(client, first, call.flags.text('mount'), 'data', 'Patch');
    const merged = method === 'rw' ? 'unsupported' : await merge(client, path, patch, cas, method === '');
    const secret = merged === 'unsupported' ? await readAndWrite(client, path, patch, cas) : merged;
    printWritten(call, secret, path);
    return 0;
  },
};

/** Resolves to `unsupported` if `orElse` and the server has no PATCH. */
async function merge(
  client: VaultClient,
  path: string,
  data: JsonObject,
  cas: number | undefined,
  orElse: boolean,
): Promise<Secret | undefined | 'unsupported'> {
  const body = { data, options: given({ cas }) };
  return attempt(`Error writing data to ${path}`, async () => {
    try {
      return readSecret((await client.request({ method: 'PATCH', path, body })).body);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 405 && orElse) return 'unsupported';
      if (error.status === 404 && error.errors.length === 0) throw nothingAt(path);
      throw error;
    }
  });
}

/** The version that was read must still be the newest when it is written. */
async function readAndWrite(
  client: VaultClient,
  path: string,
  patch: JsonObject,
  cas: number | undefined,
): Promise<Secret | undefined> {
  const found = await attempt(`Error reading ${path}`, () => client.unwrapped().read(path));
  const data = objectOf(found?.data ?? {}, 'data');
  if (data === undefined) throw nothingAt(path);
  const version = numberOf(objectOf(found?.data ?? {}, 'metadata') ?? {}, 'version');
  const body = { data: merged(data, patch), options: { cas: cas ?? version } };
  return attempt(`Error writing data to ${path}`, () => client.write(path, body));
}

function merged(data: JsonObject, patch: JsonObject): JsonObject {
  const entries = Object.entries({ ...data, ...patch });
  return Object.fromEntries(entries.filter(([name, value]) => value !== null || !Object.hasOwn(patch, name)));
}

function nothingAt(path: string): CommandFailure {
  return new CommandFailure(2, `No value found at ${path}`);
}
