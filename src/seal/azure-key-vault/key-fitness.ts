// Whether a Key Vault key can be a KEK, looked at before anything depends on it: every fault at once.

import type { SealFault } from '../seal.ts';
import type { CheckedConfig } from './config.ts';
import { makeFault, safe } from './encounter.ts';
import type { KeyFacts } from './key-session.ts';

const KEY_BITS_MIN = 2048;
const NEEDED = ['wrapKey', 'unwrapKey'] as const;

interface Shortcoming {
  /** Completes "the key …". */
  readonly says: string;
  readonly class: string;
  /** What `az keyvault key set-attributes` takes to mend it; undefined if the key itself is of the wrong make. */
  readonly option?: string;
}

/** Undefined if the key is fit. `nowMs`: outside its time a key still unwraps, but wraps no more. */
export function fitnessFault(config: CheckedConfig, key: KeyFacts, nowMs: number): SealFault | undefined {
  const found = shortcomingsOf(key, nowMs);
  const [first] = found;
  if (first === undefined) return undefined;
  return makeFault(config.name, {
    stage: 'key',
    class: found.every((each) => each.class === first.class) ? first.class : 'keyvault_key_unsuitable',
    retry: 'slow',
    sentence: `key ${nameOf(config)} in ${config.vaultHost} cannot be the KEK: it ${found.map(({ says }) => says).join(', ')}`,
    remedy: remedyOf(config, found),
    definite: true,
  });
}

function shortcomingsOf(key: KeyFacts, nowMs: number): Shortcoming[] {
  const unsuitable = 'keyvault_key_unsuitable';
  const found: Shortcoming[] = [];
  const bits = bitsOf(key.modulus);
  if (key.type !== 'RSA' && key.type !== 'RSA-HSM') {
    found.push({ class: unsuitable, says: `is of type ${safe(key.type) || 'unknown'}, not RSA or RSA-HSM` });
  } else if (bits < KEY_BITS_MIN) {
    found.push({ class: unsuitable, says: `has ${bits} bits, fewer than ${KEY_BITS_MIN}` });
  }
  const missing = NEEDED.filter((operation) => !key.operations.includes(operation));
  if (missing.length > 0) {
    found.push({
      class: unsuitable,
      says: `does not allow ${missing.join(' and ')}`,
      option: `--ops ${[...new Set([...key.operations.map(safe), ...NEEDED])].join(' ')}`,
    });
  }
  if (!key.enabled) {
    found.push({ class: 'keyvault_key_disabled', says: 'is disabled', option: '--enabled true' });
  }
  return [...found, ...validityShortcomings(key, nowMs)];
}

function validityShortcomings({ notBefore, expiresOn }: KeyFacts, nowMs: number): Shortcoming[] {
  const found: Shortcoming[] = [];
  if (notBefore !== undefined && notBefore.getTime() > nowMs) {
    found.push({
      class: 'keyvault_key_expired',
      says: `is not valid before ${day(notBefore)}`,
      option: `--not-before ${day(new Date(nowMs))}`,
    });
  }
  if (expiresOn !== undefined && expiresOn.getTime() <= nowMs) {
    found.push({
      class: 'keyvault_key_expired',
      says: `expired on ${day(expiresOn)}`,
      option: '--expires <later date>',
    });
  }
  return found;
}

/** A key of the wrong make cannot be mended, only replaced; the rest is one command. */
function remedyOf(config: CheckedConfig, found: readonly Shortcoming[]): string {
  const options = found.map(({ option }) => option);
  const key = `--vault-name ${config.vaultName} --name ${nameOf(config)}`;
  if (options.includes(undefined)) {
    return `az keyvault key create ${key} --kty RSA --size 3072 --ops wrapKey unwrapKey`;
  }
  return `az keyvault key set-attributes ${key} ${options.join(' ')}`;
}

function bitsOf(modulus: Uint8Array): number {
  const first = modulus.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (modulus.byteLength - first) * 8 - Math.clz32((modulus[first] ?? 0) << 24);
}

function nameOf({ keyName = '' }: CheckedConfig): string {
  return keyName;
}

/** As `az` takes it. */
function day(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
