// How a mount shows itself: the members of Vault's sys/mounts, sys/auth and their tune.

import type { JsonObject } from '../base/json.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import { AUTH_PREFIX, type MountEntry } from '../mount/mount-table.ts';
import type { MountView } from '../system/ports.ts';

export function viewOf(entry: MountEntry, system: TtlLimits): MountView {
  return { path: entry.path, kind: kindOf(entry), info: infoOf(entry), tuning: tuningOf(entry, system) };
}

export function kindOf(entry: MountEntry): MountView['kind'] {
  if (entry.path.startsWith(AUTH_PREFIX)) return 'auth';
  return entry.path === 'sys/' ? 'system' : 'secret';
}

/** The mount's own values, where it was given some. */
export function limitsOf(entry: MountEntry | undefined, system: TtlLimits): TtlLimits {
  const maxSeconds = entry?.maxLeaseTtlSeconds || system.maxSeconds;
  const defaultSeconds = Math.min(entry?.defaultLeaseTtlSeconds || system.defaultSeconds, maxSeconds);
  return { defaultSeconds, maxSeconds };
}

function infoOf(entry: MountEntry): JsonObject {
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: entry.defaultLeaseTtlSeconds,
      force_no_cache: entry.forceNoCache,
      max_lease_ttl: entry.maxLeaseTtlSeconds,
      ...settingsThatAreSet(entry),
    },
    deprecation_status: 'supported',
    description: entry.description,
    external_entropy_access: false,
    local: entry.local,
    options: hasNoOptions(entry) ? null : { ...entry.options },
    plugin_version: '',
    running_plugin_version: '',
    running_sha256: '',
    seal_wrap: entry.sealWrap,
    type: entry.type,
    uuid: entry.uuid,
  };
}

/** Here the lifetimes are the system's where the mount has none; as in Vault, its default may be over its maximum. */
function tuningOf(entry: MountEntry, system: TtlLimits): JsonObject {
  return {
    default_lease_ttl: entry.defaultLeaseTtlSeconds || system.defaultSeconds,
    description: entry.description,
    force_no_cache: entry.forceNoCache,
    max_lease_ttl: entry.maxLeaseTtlSeconds || system.maxSeconds,
    ...settingsThatAreSet(entry),
    ...(Object.keys(entry.options).length === 0 ? {} : { options: { ...entry.options } }),
  };
}

/** The server's own mounts have none to set; of others Vault shows an empty object. */
function hasNoOptions({ type, options }: MountEntry): boolean {
  return Object.keys(options).length === 0 && ['system', 'cubbyhole', 'token'].includes(type);
}

function settingsThatAreSet(entry: MountEntry): JsonObject {
  const lists = {
    audit_non_hmac_request_keys: entry.auditNonHmacRequestKeys,
    audit_non_hmac_response_keys: entry.auditNonHmacResponseKeys,
    passthrough_request_headers: entry.passthroughRequestHeaders,
    allowed_response_headers: entry.allowedResponseHeaders,
  };
  const given = Object.entries(lists).filter(([, list]) => list.length > 0);
  return {
    ...Object.fromEntries(given.map(([name, list]) => [name, [...list]])),
    ...(entry.listingVisibility === '' ? {} : { listing_visibility: entry.listingVisibility }),
    ...(kindOf(entry) === 'auth' ? { token_type: entry.tokenType || 'default-service' } : {}),
  };
}
