// Names of policies as tokens carry them.

import { LatchkeyError } from '../base/errors.ts';
import { WRAPPING_POLICY } from './token-entry.ts';

/** Small letters, each once, sorted; `root` stands alone, since it leaves nothing to add. */
export function normalizePolicies(given: readonly string[], addDefault = false): readonly string[] {
  const names = given.map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
  const all = new Set(names);
  if (all.has('root')) return ['root'];
  if (addDefault) all.add('default');
  return [...all].sort();
}

/** @throws LatchkeyError bad_request for a policy that is never handed out. */
export function assertAssignable(policies: readonly string[]): void {
  for (const name of [WRAPPING_POLICY, 'control-group']) {
    if (policies.includes(name)) throw new LatchkeyError('bad_request', `cannot assign policy "${name}"`);
  }
}

export function matchesGlob(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => {
    const pieces = glob.split('*');
    const [first = '', ...rest] = pieces;
    const last = rest.pop();
    if (last === undefined) return glob === name;
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
      return false;
    let at = first.length;
    for (const piece of rest) {
      const found = name.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= name.length - last.length;
  });
}
