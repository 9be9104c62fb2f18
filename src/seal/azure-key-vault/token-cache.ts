// Keeps tokens until shortly before they expire. Their text is a string of the SDK's making too: it cannot be wiped.

import type { AccessToken } from '@azure/core-auth';
import type { Clock } from '../../base/clock.ts';

/** A token is used no longer than this before it expires, milliseconds. */
const MARGIN_MS = 120_000;

export class TokenCache {
  readonly #clock: Clock;
  readonly #byScope = new Map<string, AccessToken>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A claims challenge says that Key Vault wants a newer token than the one it saw. */
  async get(
    scope: string,
    claims: string | undefined,
    fetch: () => Promise<AccessToken>,
  ): Promise<AccessToken> {
    const cached = this.#byScope.get(scope);
    const isFresh = cached !== undefined && cached.expiresOnTimestamp - this.#clock.now() > MARGIN_MS;
    if (isFresh && claims === undefined) return cached;
    const token = await fetch();
    this.#byScope.set(scope, token);
    return token;
  }

  clear(): void {
    this.#byScope.clear();
  }
}
