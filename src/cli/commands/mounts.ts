// `secrets …` and `auth …`: the same five commands for engines that keep secrets and for those that know callers.

import { systemClock } from '../../base/clock.ts';
import { isObject, type JsonObject } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import type { VaultClient } from '../../client/client.ts';
import { flagOf, numberOf, objectOf, textOf } from '../../client/fields.ts';
import { type Command, type CommandCall, printData, printWarnings } from '../command.ts';
import { given, parsePairs } from '../data-arguments.ts';
import { attempt, CommandFailure, expectArguments } from '../failure.ts';
import type { FlagSpec } from '../flags.ts';
import { type Row, table } from '../output/table.ts';
import { show, sortedEntries } from '../output/value.ts';
import { namedPath } from '../paths.ts';

/** What tells the two groups apart. */
interface Kind {
  readonly word: 'secrets' | 'auth';
  readonly api: 'sys/mounts' | 'sys/auth';
  /** What stands before the mount's path in `sys/remount`. */
  readonly root: '' | 'auth/';
  readonly what: 'secrets engine' | 'auth method';
  readonly ownColumn: 'Force No Cache' | 'Token Type';
}

const SECRETS: Kind = {
  word: 'secrets',
  api: 'sys/mounts',
  root: '',
  what: 'secrets engine',
  ownColumn: 'Force No Cache',
};
const AUTH: Kind = {
  word: 'auth',
  api: 'sys/auth',
  root: 'auth/',
  what: 'auth method',
  ownColumn: 'Token Type',
};

const TUNING: readonly FlagSpec[] = [
  { name: 'description', kind: 'text', help: 'Words for people.' },
  {
    name: 'default-lease-ttl',
    kind: 'duration',
    help: 'Lifetime of leases and tokens unless one is asked for.',
  },
  { name: 'max-lease-ttl', kind: 'duration', help: 'Longest lifetime of leases and tokens.' },
  { name: 'listing-visibility', kind: 'text', help: '"unauth": shown to callers without token; "hidden".' },
  {
    name: 'audit-non-hmac-request-keys',
    kind: 'texts',
    help: 'Key of requests to show in clear in audit logs.',
  },
  {
    name: 'audit-non-hmac-response-keys',
    kind: 'texts',
    help: 'Key of answers to show in clear in audit logs.',
  },
  { name: 'passthrough-request-headers', kind: 'texts', help: 'Request header to hand to the engine.' },
  { name: 'allowed-response-headers', kind: 'texts', help: 'Header that the engine may answer with.' },
  { name: 'options', kind: 'texts', help: 'key=value, read by the engine. May be given several times.' },
  { name: 'version', kind: 'count', help: 'Version of the engine: 1 or 2 for kv.' },
  { name: 'token-type', kind: 'text', help: 'Kind of the tokens that an auth method gives.' },
  { name: 'plugin-version', kind: 'text', help: 'Version of the plugin.' },
];
const ENABLING: readonly FlagSpec[] = [
  { name: 'path', kind: 'text', help: 'Where to enable it. Default: its type.' },
  ...TUNING,
  { name: 'force-no-cache', kind: 'switch', help: 'Forbid to cache.' },
  { name: 'local', kind: 'switch', help: 'Do not replicate.' },
  { name: 'seal-wrap', kind: 'switch', help: 'Wrap critical values with the seal.' },
];

export const MOUNT_COMMANDS: readonly Command[] = [SECRETS, AUTH].flatMap((kind) => [
  enableCommand(kind),
  disableCommand(kind),
  listCommand(kind),
  tuneCommand(kind),
  moveCommand(kind),
]);

function enableCommand(kind: Kind): Command {
  const example = kind === SECRETS ? 'secrets enable -path=team -version=2 kv' : 'auth enable approle';
  return {
    words: [kind.word, 'enable'],
    synopsis: `Enable one ${kind.what}`,
    usage: '[options] TYPE',
    help: [`Enables the ${kind.what} of this type.`, ` $ latchkey ${example}`],
    flags: ENABLING,
    output: 'format',
    remote: true,
    async run(call) {
      expectArguments(call.args, 1);
      const { flags } = call;
      const type = (call.args[0] ?? '').trim();
      const path = namedPath(flags.text('path') ?? type);
      const { description, options, ...config } = tuning(call);
      const body = given({
        type,
        description,
        options,
        config: { ...config, ...given({ force_no_cache: flags.choice('force-no-cache') }) },
        local: flags.choice('local'),
        seal_wrap: flags.choice('seal-wrap'),
      });
      const prefix = `Error enabling ${kind === SECRETS ? '' : `${type} auth`}`.trim();
      const secret = await attempt(prefix, () => call.connect().write(`${kind.api}/${path}`, body));
      const named = kind === SECRETS ? `the ${type} secrets engine` : `${type} auth method`;
      done(call, secret, `Success! Enabled ${named} at: ${path}/`);
      return 0;
    },
  };
}

function disableCommand(kind: Kind): Command {
  return {
    words: [kind.word, 'disable'],
    synopsis: `Disable one ${kind.what}`,
    usage: '[options] PATH',
    help: [
      `Disables the ${kind.what} at the path. All that it keeps is removed for good, and what it gave out is revoked.`,
    ],
    flags: [],
    output: 'format',
    remote: true,
    async run(call) {
      expectArguments(call.args, 1);
      const path = namedPath(call.args[0]);
      const prefix = `Error disabling ${kind.what} at ${path}/`;
      const secret = await attempt(prefix, () => call.connect().delete(`${kind.api}/${path}`));
      done(call, secret, `Success! Disabled the ${kind.what} (if it existed) at: ${path}/`);
      return 0;
    },
  };
}

function listCommand(kind: Kind): Command {
  return {
    words: [kind.word, 'list'],
    synopsis: `List every ${kind.what}`,
    usage: '[options]',
    help: [`Lists what is enabled. A TTL of "system" is the server's default.`],
    flags: [{ name: 'detailed', kind: 'switch', help: 'Show lifetimes, options and more.' }],
    output: 'format',
    remote: true,
    async run(call) {
      expectArguments(call.args, 0);
      const prefix =
        kind === SECRETS ? 'Error listing secrets engines' : 'Error listing enabled authentications';
      const secret = await attempt(prefix, () => call.connect().read(kind.api));
      const mounts = secret?.data ?? {};
      if (call.format === 'table') printMounts(call, kind, mounts);
      else printData(call, mounts);
      return 0;
    },
  };
}

function tuneCommand(kind: Kind): Command {
  return {
    words: [kind.word, 'tune'],
    synopsis: `Change settings of one ${kind.what}`,
    usage: '[options] PATH',
    help: ['Changes what is given and keeps the rest.', ` $ latchkey read ${kind.api}/PATH/tune`],
    flags: TUNING,
    output: 'format',
    remote: true,
    async run(call) {
      expectArguments(call.args, 1);
      const path = namedPath(call.args[0]);
      const prefix = `Error tuning ${kind.what} ${path}/`;
      const secret = await attempt(prefix, () =>
        call.connect().write(`${kind.api}/${path}/tune`, tuning(call)),
      );
      done(call, secret, `Success! Tuned the ${kind.what} at: ${path}/`);
      return 0;
    },
  };
}

function moveCommand(kind: Kind): Command {
  return {
    words: [kind.word, 'move'],
    synopsis: `Move one ${kind.what} to another path`,
    usage: '[options] SOURCE DESTINATION',
    help: [
      `Moves the ${kind.what} with all that it keeps, and waits for the end. What it gave out is revoked.`,
    ],
    flags: [],
    output: 'format',
    remote: true,
    async run(call) {
      expectArguments(call.args, 2);
      const [from, to] = call.args.map((path) => `${kind.root}${namedPath(path)}/`);
      const client = call.connect();
      const prefix = `Error moving ${kind.what} ${from} to ${to}`;
      const body = given({ from, to });
      const secret = await attempt(prefix, () => client.write('sys/remount', body));
      const id = textOf(secret?.data ?? {}, 'migration_id');
      const named = `moving ${kind.what} ${from} to ${to}${id === '' ? '' : `, with migration ID ${id}`}`;
      // A server that gives no id has moved it already.
      if (id !== '') {
        if (call.format === 'table') call.terminal.print(`Started ${named}`);
        await attempt(prefix, () => moved(client, id, prefix));
      }
      if (call.format === 'table') call.terminal.print(`Success! Finished ${named}`);
      return 0;
    },
  };
}

const MOVE_PAUSE_MS = 1_000;

async function moved(client: VaultClient, id: string, prefix: string): Promise<void> {
  for (;;) {
    const data = (await client.read(`sys/remount/status/${id}`))?.data ?? {};
    const status = textOf(objectOf(data, 'migration_info') ?? {}, 'status');
    if (status === 'success') return;
    if (status !== 'in-progress') {
      throw new CommandFailure(2, `${prefix}: the server says "${status || 'unknown'}"`);
    }
    await systemClock.sleep(MOVE_PAUSE_MS);
  }
}

function tuning(call: CommandCall): JsonObject {
  const { flags } = call;
  const list = (name: string) => {
    const texts = flags.texts(name);
    return texts.length === 0 ? undefined : [...texts];
  };
  const version = flags.count('version');
  const options = given({
    ...parsePairs(flags.texts('options'), 'options'),
    version: version === undefined ? undefined : String(version),
  });
  return given({
    description: flags.text('description'),
    options: Object.keys(options).length === 0 ? undefined : options,
    default_lease_ttl: flags.duration('default-lease-ttl'),
    max_lease_ttl: flags.duration('max-lease-ttl'),
    listing_visibility: flags.text('listing-visibility'),
    audit_non_hmac_request_keys: list('audit-non-hmac-request-keys'),
    audit_non_hmac_response_keys: list('audit-non-hmac-response-keys'),
    passthrough_request_headers: list('passthrough-request-headers'),
    allowed_response_headers: list('allowed-response-headers'),
    token_type: flags.text('token-type'),
    plugin_version: flags.text('plugin-version'),
  });
}

function done(call: CommandCall, secret: Secret | undefined, success: string): void {
  printWarnings(call, secret?.warnings ?? []);
  if (call.format === 'table') call.terminal.print(success);
}

function printMounts(call: CommandCall, kind: Kind, mounts: JsonObject): void {
  const entries = sortedEntries(mounts).flatMap(([path, info]) => (isObject(info) ? [{ path, info }] : []));
  const detailed = call.flags.isOn('detailed');
  const brief = ['Path', 'Type', 'Accessor', 'Description', ...(kind === AUTH ? ['Version'] : [])];
  const header = detailed ? detailedHeader(kind) : brief;
  const rows = entries.map(({ path, info }): Row => {
    if (detailed) return detailedRow(kind, path, info);
    const row = [path, textOf(info, 'type'), textOf(info, 'accessor'), textOf(info, 'description')];
    return kind === AUTH ? [...row, textOf(info, 'plugin_version')] : row;
  });
  call.terminal.print(table(header, rows));
}

function detailedHeader(kind: Kind): Row {
  const first = ['Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL', kind.ownColumn, 'Replication'];
  const next = ['Seal Wrap', 'External Entropy Access', 'Options', 'Description', 'UUID'];
  return [...first, ...next, 'Version', 'Running Version', 'Running SHA256', 'Deprecation Status'];
}

function detailedRow(kind: Kind, path: string, info: JsonObject): Row {
  const type = textOf(info, 'type');
  const config = objectOf(info, 'config') ?? {};
  // These two have no leases, so no lifetimes.
  const none = type === 'system' || type === 'cubbyhole';
  const ttl = (name: string) => (none ? '' : String(numberOf(config, name) || 'system'));
  return [
    path,
    type,
    textOf(info, 'accessor'),
    ttl('default_lease_ttl'),
    ttl('max_lease_ttl'),
    kind === SECRETS ? String(flagOf(config, 'force_no_cache')) : textOf(config, 'token_type'),
    flagOf(info, 'local') ? 'local' : 'replicated',
    String(flagOf(info, 'seal_wrap')),
    String(flagOf(info, 'external_entropy_access')),
    show(objectOf(info, 'options') ?? {}),
    ...['description', 'uuid', 'plugin_version', 'running_plugin_version'].map((name) => textOf(info, name)),
    textOf(info, 'running_sha256'),
    textOf(info, 'deprecation_status'),
  ];
}
