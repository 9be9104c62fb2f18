// How long a lease is, and how often its holder and those who wait look after it.

export interface LeaseTimes {
  /** Lease length. */
  readonly leaseMs: number;
  /** Taken off the lease when its holder asks whether it still holds: the time from that question to the answer on the wire. */
  readonly marginMs: number;
  /** How often the holder renews. */
  readonly renewMs: number;
  /** How often a waiting candidate looks; each pause is this long, give or take a quarter. */
  readonly pollMs: number;
}

/** Ratios that leave room for a few renewals to fail before the lease runs out. */
export function leaseTimes(leaseMs: number): LeaseTimes {
  return { leaseMs, marginMs: leaseMs / 10, renewMs: leaseMs / 5, pollMs: 100 };
}
