// The recovery shares that operators have given so far, on this node, in memory alone.

import type { SecretBytes } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

export class ShareCollection {
  readonly #random: Random;
  #shares: SecretBytes[] = [];
  #nonce = '';

  constructor(random: Random) {
    this.#random = random;
  }

  get progress(): number {
    return this.#shares.length;
  }

  /** Names this attempt; empty while no share was given. */
  get nonce(): string {
    return this.#nonce;
  }

  /** Takes the share over. A share that was given before is ignored, as in Vault. */
  add(share: SecretBytes): void {
    if (this.#shares.some((given) => given.size === share.size && given.equals(share))) {
      share.wipe();
      return;
    }
    if (this.#shares.length === 0) this.#nonce = this.#random.uuid();
    this.#shares.push(share);
  }

  /** Hands the shares out and forgets them: right or wrong, an attempt ends at the threshold. */
  take(): readonly SecretBytes[] {
    const taken = this.#shares;
    this.#shares = [];
    this.#nonce = '';
    return taken;
  }

  reset(): void {
    for (const share of this.take()) share.wipe();
  }
}
