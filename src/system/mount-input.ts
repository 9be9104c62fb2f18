// What callers send about mounts, read into settings: for enabling (sys/mounts, sys/auth) and for their tune.

import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject } from '../base/json.ts';
import { type Fields, readFields } from '../engine/fields.ts';
import type { MountRequest, MountTuning, MountView } from './ports.ts';

const CONFIG_FIELDS = {
  default_lease_ttl: {
    type: 'string',
    help: 'Lifetime unless one is asked for; "system" for the server\'s.',
  },
  max_lease_ttl: { type: 'string', help: 'Longest lifetime; "system" for the server\'s.' },
  listing_visibility: { type: 'string', help: '"unauth": shown to callers without a token; "hidden".' },
  audit_non_hmac_request_keys: { type: 'strings', help: 'Members of requests shown in clear in audit logs.' },
  audit_non_hmac_response_keys: { type: 'strings', help: 'Members of answers shown in clear in audit logs.' },
  passthrough_request_headers: { type: 'strings', help: 'Kept and shown; no engine reads headers yet.' },
  allowed_response_headers: { type: 'strings', help: 'Kept and shown; no engine sends headers yet.' },
  token_type: { type: 'string', help: 'Kind of the tokens that an auth method gives.' },
  plugin_version: { type: 'string', help: 'There are no plugins, so only an empty one.' },
} as const satisfies Fields;

export const TUNE_FIELDS = {
  ...CONFIG_FIELDS,
  description: { type: 'string', help: 'Words for people.' },
  options: { type: 'object', help: 'Options of the engine, e.g. {"version": "2"}.' },
  user_lockout_config: { type: 'object', help: 'Not in this version.' },
} as const satisfies Fields;

export const ENABLE_FIELDS = {
  type: { type: 'string', help: 'Type of the engine, e.g. kv or kv-v2.' },
  description: { type: 'string', help: 'Words for people.' },
  options: { type: 'object', help: 'Options of the engine, e.g. {"version": "2"}.' },
  config: { type: 'object', help: 'Settings, as for tune.' },
  local: { type: 'boolean', help: 'Kept and shown; nothing is replicated.' },
  seal_wrap: { type: 'boolean', help: 'Kept and shown; everything is encrypted alike.' },
} as const satisfies Fields;

const ENTRIES_MAX = 256;
const TEXT_CHARACTERS_MAX = 4_096;

/** @param path of the mount, with `auth/` for an auth method. @throws LatchkeyError bad_request */
export function readMountRequest(path: string, input: JsonObject): MountRequest {
  const fields = readFields(ENABLE_FIELDS, input);
  const given = fields.type ?? '';
  if (given === '') throw refusal('backend type must be specified as a string');
  const isAuth = path.startsWith('auth/');
  const options = optionsOf(fields.options ?? {});
  const version = /^kv-v([12])$/.exec(given)?.[1];
  const type = version === undefined || isAuth ? given : 'kv';
  if (version !== undefined && type === 'kv') options['version'] = version;
  if ((options['version'] ?? '') !== '' && type !== 'kv') {
    throw refusal(`${isAuth ? 'auth method' : 'secrets engine'} "${type}" does not allow setting a version`);
  }
  const config = fields.config ?? {};
  return {
    ...readConfig(config, isAuth),
    forceNoCache: readFields({ force_no_cache: { type: 'boolean', help: '-' } }, config).force_no_cache,
    path,
    type,
    description: shortText(fields.description),
    options,
    local: fields.local ?? false,
    sealWrap: fields.seal_wrap ?? false,
  };
}

/** @throws LatchkeyError bad_request in Vault's words. */
export function readTuning(mount: MountView, input: JsonObject): MountTuning {
  const fields = readFields(TUNE_FIELDS, input);
  assertTunable(mount, input);
  if (fields.user_lockout_config !== undefined && Object.keys(fields.user_lockout_config).length > 0) {
    throw refusal('user_lockout_config is not in this version');
  }
  const isAuth = mount.kind === 'auth';
  if (fields.token_type !== undefined) {
    if (!isAuth) throw refusal("'token_type' can only be modified on auth mounts");
    if (mount.info['type'] === 'token') {
      throw refusal("'token_type' cannot be set for 'token' or 'ns_token' auth mounts");
    }
  }
  return {
    ...readConfig(input, isAuth),
    description: shortText(fields.description),
    options: fields.options && optionsOf(fields.options),
  };
}

/** The server's own mounts have no lifetimes and no visibility to change; only the audit log's view of them. */
function assertTunable({ path, info }: MountView, input: JsonObject): void {
  if (info['type'] !== 'system' && info['type'] !== 'cubbyhole') return;
  const audit = ['audit_non_hmac_request_keys', 'audit_non_hmac_response_keys'];
  const other = Object.keys(input).find((name) => Object.hasOwn(TUNE_FIELDS, name) && !audit.includes(name));
  if (other !== undefined) throw refusal(`cannot tune parameter ${other} of ${path}`);
}

function readConfig(input: JsonObject, isAuth: boolean): MountTuning {
  const fields = readFields(CONFIG_FIELDS, input);
  if ((fields.plugin_version ?? '') !== '') {
    throw refusal('plugin_version is refused: there are no plugins in this version');
  }
  const visibility = fields.listing_visibility;
  if (visibility !== undefined && !['', 'hidden', 'unauth'].includes(visibility)) {
    throw refusal(`invalid listing_visibility ${visibility.slice(0, 64)}`);
  }
  return {
    defaultLeaseTtlSeconds: lifetimeOf(fields.default_lease_ttl, 'default'),
    maxLeaseTtlSeconds: lifetimeOf(fields.max_lease_ttl, 'max'),
    listingVisibility: visibility,
    auditNonHmacRequestKeys: namesOf(fields.audit_non_hmac_request_keys),
    auditNonHmacResponseKeys: namesOf(fields.audit_non_hmac_response_keys),
    passthroughRequestHeaders: namesOf(fields.passthrough_request_headers),
    allowedResponseHeaders: namesOf(fields.allowed_response_headers),
    tokenType: isAuth ? tokenTypeOf(fields.token_type) : undefined,
  };
}

function lifetimeOf(text: string | undefined, which: 'default' | 'max'): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === 'system') return 0;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) {
    throw refusal(`unable to parse ${which} TTL of ${text.slice(0, 64)}: it is not a duration`);
  }
  return Math.floor(milliseconds / 1_000);
}

function tokenTypeOf(text: string | undefined): MountTuning['tokenType'] {
  if (text === undefined) return undefined;
  switch (text) {
    case '':
    case 'default-service':
      return 'default-service';
    case 'default-batch':
    case 'service':
    case 'batch':
      return text;
    default:
      throw refusal("invalid value for 'token_type'");
  }
}

function namesOf(given: readonly string[] | undefined): readonly string[] | undefined {
  const names = given?.map((name) => name.trim()).filter((name) => name !== '');
  if (names !== undefined && names.length > ENTRIES_MAX) {
    throw refusal(`a list of keys or headers takes ${ENTRIES_MAX} entries at most`);
  }
  names?.forEach(shortText);
  return names;
}

/** Values are texts, as in Vault; `null` and `""` take an option away. */
function optionsOf(given: JsonObject): Record<string, string> {
  const entries = Object.entries(given);
  if (entries.length > ENTRIES_MAX) throw refusal(`options takes ${ENTRIES_MAX} entries at most`);
  const texts = entries.map(([name, value]) => {
    if (isObject(value) || Array.isArray(value)) throw refusal('options takes texts alone');
    return [shortText(name), shortText(value === null ? '' : String(value))] as const;
  });
  return Object.fromEntries(texts) as Record<string, string>;
}

function shortText<T extends string | undefined>(text: T): T {
  if (text !== undefined && text.length > TEXT_CHARACTERS_MAX) {
    throw refusal(`a text of a mount takes ${TEXT_CHARACTERS_MAX} characters at most`);
  }
  return text;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
