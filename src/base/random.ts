// Randomness, injected, so that a simulation can be replayed from a seed.

import { randomFillSync, randomUUID } from 'node:crypto';

export interface Random {
  /** Fills `target` with bytes fit for keys and nonces. */
  fill(target: Uint8Array): void;
  /** RFC 9562 version 4. */
  uuid(): string;
  /** Uniform in [0, 1): for jitter alone, never for secrets. */
  fraction(): number;
}

export const systemRandom: Random = {
  fill(target) {
    randomFillSync(target);
  },
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of base62, unbiased: bytes of 248 and over are thrown away. */
export function base62(random: Random, length: number): string {
  let text = '';
  const batch = new Uint8Array(length * 2);
  while (text.length < length) {
    random.fill(batch);
    for (const byte of batch) {
      if (byte < 248 && text.length < length) text += BASE62[byte % 62];
    }
  }
  batch.fill(0);
  return text;
}
