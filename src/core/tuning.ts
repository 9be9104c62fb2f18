// What a mount's settings become when some of them are given, and which must not be.

import { LatchkeyError } from '../base/errors.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import type { MountEntry, MountSettings } from '../mount/mount-table.ts';
import type { MountTuning } from '../system/ports.ts';

/** `before` with what `tuning` gives. */
export function settingsOf(before: MountSettings, tuning: MountTuning): MountSettings {
  return {
    description: tuning.description ?? before.description,
    options: tuning.options ?? before.options,
    defaultLeaseTtlSeconds: tuning.defaultLeaseTtlSeconds ?? before.defaultLeaseTtlSeconds,
    maxLeaseTtlSeconds: tuning.maxLeaseTtlSeconds ?? before.maxLeaseTtlSeconds,
    listingVisibility: tuning.listingVisibility ?? before.listingVisibility,
    auditNonHmacRequestKeys: tuning.auditNonHmacRequestKeys ?? before.auditNonHmacRequestKeys,
    auditNonHmacResponseKeys: tuning.auditNonHmacResponseKeys ?? before.auditNonHmacResponseKeys,
    passthroughRequestHeaders: tuning.passthroughRequestHeaders ?? before.passthroughRequestHeaders,
    allowedResponseHeaders: tuning.allowedResponseHeaders ?? before.allowedResponseHeaders,
    tokenType: tuning.tokenType ?? before.tokenType,
    forceNoCache: tuning.forceNoCache ?? before.forceNoCache,
  };
}

/**
 * @param system of a new mount, whose default must fit the system's maximum.
 * @throws LatchkeyError bad_request in Vault's words.
 */
export function checkLifetimes(settings: MountSettings, system: TtlLimits | undefined): void {
  const { defaultLeaseTtlSeconds: least, maxLeaseTtlSeconds: most } = settings;
  if (most !== 0 && least > most) {
    throw refusal(
      system === undefined
        ? `backend max lease TTL of ${most} would be less than backend default lease TTL of ${least}`
        : 'given default lease TTL greater than given max lease TTL',
    );
  }
  if (system !== undefined && most === 0 && least > system.maxSeconds) {
    throw refusal(`given default lease TTL greater than system max lease TTL of ${system.maxSeconds}`);
  }
}

/**
 * The mount's options with those given; an empty value takes one away. A kv mount turns from version 1 to 2 and not
 * back: what version 2 keeps, version 1 has no place for.
 * @throws LatchkeyError bad_request in Vault's words.
 */
export function checkedOptions(
  entry: MountEntry,
  given: Readonly<Record<string, string>>,
): MountSettings['options'] {
  const options: Record<string, string> = { ...entry.options };
  for (const [name, value] of Object.entries(given)) {
    if (value === '' && name !== 'version') delete options[name];
    else options[name] = value;
  }
  if (given['version'] === undefined) return options;
  if (entry.type !== 'kv') {
    throw refusal(`secrets engine "${entry.type}" does not allow setting a version`);
  }
  const before = entry.options['version'] ?? '1';
  const after = given['version'];
  if (after !== '1' && after !== '2') throw refusal(`invalid version provided: ${after.slice(0, 32)}`);
  if (after < before) throw refusal(`cannot downgrade mount from version ${before}`);
  return options;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
