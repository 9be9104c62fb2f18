// Turns what stopped an unseal attempt into a cause with a class and a time to try again.

import { explain, hasCode, LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { SealFault, type SealRetry } from '../seal/seal.ts';
import type { FaultView } from '../system/ports.ts';

/** The cause of one failed attempt; the unsealer adds how often and when next. */
export interface Fault extends Omit<FaultView, 'attempts' | 'nextAttemptAt'> {
  readonly retry: SealRetry;
  readonly retryAfterMs: number | undefined;
}

/** Longest wait between two attempts, milliseconds, by kind of fault. */
const WAIT_MS_MAX: Readonly<Record<SealRetry, number>> = { backoff: 30_000, slow: 60_000, rare: 600_000 };
const FIRST_WAIT_MS = 500;

export const ALTERED =
  'The root key opened, but the record core/root-keys does not carry its MAC: the storage was altered or mixed up.';

export function faultOf(error: unknown, sealName: string): Fault {
  if (error instanceof SealFault) {
    const { facts } = error;
    return {
      stage: facts.stage,
      class: facts.class,
      httpStatus: facts.httpStatus,
      seal: facts.sealName,
      sentence: facts.sentence,
      remedy: facts.remedy,
      retry: facts.retry,
      retryAfterMs: facts.retryAfterMs,
    };
  }
  const base = { httpStatus: undefined, seal: sealName, remedy: undefined, retryAfterMs: undefined };
  if (hasCode(error, 'storage_corrupt')) {
    return { ...base, stage: 'storage', class: 'storage_corrupt', sentence: error.message, retry: 'rare' };
  }
  if (hasCode(error, 'config_invalid')) {
    return { ...base, stage: 'storage', class: 'storage_unusable', sentence: error.message, retry: 'slow' };
  }
  if (error instanceof LatchkeyError) {
    return { ...base, stage: 'storage', class: error.code, sentence: error.message, retry: 'backoff' };
  }
  return { ...base, stage: 'unseal', class: 'unknown', sentence: explain(error), retry: 'backoff' };
}

/**
 * Milliseconds until attempt `attempts` + 1. Doubles from half a second up to the kind's limit, less up to a half at
 * random so that nodes that failed together do not come back together. Never sooner than the service asked for.
 */
export function waitAfter(fault: Fault, attempts: number, random: Random): number {
  const longest = WAIT_MS_MAX[fault.retry];
  const grown =
    fault.retry === 'rare' ? longest : Math.min(longest, FIRST_WAIT_MS * 2 ** Math.min(attempts - 1, 16));
  const jittered = grown * (1 - random.fraction() / 2);
  return Math.max(jittered, fault.retryAfterMs ?? 0);
}
