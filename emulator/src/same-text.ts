// Compares a secret that was given with the one that is expected.

import { createHash, timingSafeEqual } from 'node:crypto';

/** Over hashes, so that neither content nor length shows in the time it takes. */
export function sameText(given: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
