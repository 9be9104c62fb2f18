// Recovery keys: they authorise operators and open nothing by themselves. The key is split and forgotten; a verifier
// inside the barrier tells later whether shares give it back, so that checking them needs no seal.

import { createHmac } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { equalConstantTime, fromHex, fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';

const KEY_BYTES = 32;
const RECORD_PATH = 'recovery';
const LABEL = 'latchkey recovery key verifier 1';

/**
 * Makes a recovery key, stores its verifier and returns its shares: 33 bytes each with the x byte last, as Vault's;
 * a single share is the key itself, 32 bytes. The caller wipes them.
 */
export async function createRecoveryKey(
  view: View,
  random: Random,
  shares: number,
  threshold: number,
): Promise<SecretBytes[]> {
  using key = SecretBytes.fill(KEY_BYTES, (target) => random.fill(target));
  const record = { format: 1, shares, threshold, verifier: verifierOf(key) };
  await view.put(RECORD_PATH, utf8(JSON.stringify(record)));
  return splitKey(key, shares, threshold);
}

/**
 * Shares of a key: its size plus one x byte, which is the last, as Vault's. One share is the key itself.
 * The caller wipes them.
 */
export async function splitKey(key: SecretBytes, shares: number, threshold: number): Promise<SecretBytes[]> {
  if (shares === 1) return [key.clone()];
  return (await split(key.expose(), shares, threshold)).map((share) => SecretBytes.take(share));
}

/** True if the shares give back the key whose verifier is stored. Wrong or too few shares combine to another key. */
export async function verifyRecoveryShares(view: View, shares: readonly SecretBytes[]): Promise<boolean> {
  const bytes = await view.get(RECORD_PATH);
  if (bytes === undefined) throw new LatchkeyError('storage_corrupt', 'the recovery key has no verifier');
  const record: unknown = JSON.parse(fromUtf8(bytes));
  const stored =
    isObject(record) && typeof record['verifier'] === 'string' ? fromHex(record['verifier']) : undefined;
  if (stored === undefined)
    throw new LatchkeyError('storage_corrupt', "the recovery key's verifier is malformed");
  using key = await combineShares(shares);
  if (key === undefined) return false;
  const given = fromHex(verifierOf(key));
  return given !== undefined && equalConstantTime(given, stored);
}

/** Right or wrong: wrong or too few shares combine to another key. Undefined if the shares cannot belong together: of different sizes, or twice the same x. */
export async function combineShares(shares: readonly SecretBytes[]): Promise<SecretBytes | undefined> {
  const [first] = shares;
  if (first === undefined) return undefined;
  if (shares.length === 1) return first.clone();
  // The library checks the very class: it refuses a Buffer and takes a plain Uint8Array.
  try {
    return SecretBytes.take(await combine(shares.map((share) => share.expose())));
  } catch {
    return undefined;
  }
}

function verifierOf(key: SecretBytes): string {
  return createHmac('sha256', key.expose()).update(LABEL).digest('hex');
}
