// How long a token or a lease may live: what was asked for, within what its limits allow.

import { formatDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';

/** Seconds, of the mount that answers a path, or of the system. */
export interface TtlLimits {
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
}

/** Lengths in seconds, 0 for "not given". */
export interface LifetimeWish {
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  /** A periodic token is renewed for ever, unless it has an explicit maximum. */
  readonly periodSeconds: number;
  /** Milliseconds since the epoch: every maximum counts from here. */
  readonly startedAt: number;
}

export interface Lifetime {
  readonly ttlSeconds: number;
  readonly warnings: readonly string[];
}

/**
 * Vault's rule: increment or TTL or the default, capped by the smallest maximum, with a warning when capped.
 * @throws LatchkeyError bad_request if the maximum has passed.
 */
export function lifetimeOf(wish: LifetimeWish, limits: TtlLimits, now: number): Lifetime {
  const { ttlSeconds, maxTtlSeconds, explicitMaxTtlSeconds, periodSeconds, startedAt } = wish;
  const warnings: string[] = [];
  const maxima = [limits.maxSeconds, maxTtlSeconds, explicitMaxTtlSeconds].filter((seconds) => seconds > 0);
  const max = Math.min(...maxima);
  const isPeriodic = periodSeconds > 0;
  let ttl = isPeriodic ? periodSeconds : ttlSeconds > 0 ? ttlSeconds : limits.defaultSeconds;
  if (ttl > max) {
    warnings.push(capped(isPeriodic ? 'period' : 'TTL', ttl, max));
    ttl = max;
  }
  const until = isPeriodic ? explicitMaxTtlSeconds : max;
  if (until === 0) return { ttlSeconds: ttl, warnings };
  const left = Math.floor((startedAt + until * 1_000 - now) / 1_000);
  if (left <= 0) throw new LatchkeyError('bad_request', 'past the max TTL, cannot renew');
  if (ttl > left) {
    if (warnings.length === 0) warnings.push(capped('TTL', ttl, left));
    ttl = left;
  }
  return { ttlSeconds: ttl, warnings };
}

/** The texts are Vault's: tools look for them. */
function capped(what: 'TTL' | 'period', wanted: number, max: number): string {
  const [asked, limit] = [formatDuration(wanted * 1_000), formatDuration(max * 1_000)];
  return `${what} of "${asked}" exceeded the effective max_ttl of "${limit}"; ${what} value is capped accordingly`;
}
