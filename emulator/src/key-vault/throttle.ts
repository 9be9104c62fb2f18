// The published limits of Key Vault, as data, and the counting. Source: Azure Key Vault service limits.

import type { Settings } from '../settings.ts';
import type { Operation } from './access.ts';

/** What a transaction is counted as. `weight`: how many of the class's cheapest ones it is worth. */
export interface Cost {
  /** Classes are counted apart. */
  class: 'hsm-key' | 'software-key' | 'hsm-create' | 'software-create' | 'other';
  weight: number;
}

const WINDOW_MS = 10_000;
/** One subscription gets five times what one of its vaults gets. */
const SUBSCRIPTION_FACTOR = 5;

/** Transactions of weight 1 in ten seconds, by vault and region. */
const LIMITS: Record<Settings['throttleLimits'], Record<Cost['class'], number>> = {
  current: { 'hsm-key': 2000, 'software-key': 4000, 'hsm-create': 10, 'software-create': 20, other: 4000 },
  older: { 'hsm-key': 1000, 'software-key': 2000, 'hsm-create': 10, 'software-create': 20, other: 4000 },
};

/** RSA 2048 is the unit; the limits for longer keys are a fourth and an eighth of its. */
const WEIGHTS: Record<number, number> = { 2048: 1, 3072: 4, 4096: 8 };

const KEY_MAKING = ['create', 'import', 'rotate'];
const KEY_WORK = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey', 'sign', 'verify'];

/** `key`: the one that is worked with, if it is there. */
export function costOf(
  { kind, permission }: Operation,
  key: { type: string; size: number } | undefined,
): Cost {
  const hsm = key?.type.endsWith('-HSM') === true;
  if (kind === 'keys' && KEY_MAKING.includes(permission)) {
    return { class: hsm ? 'hsm-create' : 'software-create', weight: 1 };
  }
  if (kind !== 'keys' || !KEY_WORK.includes(permission)) return { class: 'other', weight: 1 };
  return { class: hsm ? 'hsm-key' : 'software-key', weight: WEIGHTS[key?.size ?? 2048] ?? 1 };
}

export class Throttle {
  readonly #settings: Settings;
  #window = 0;
  /** `vault/class` and `/class`, for the subscription → weight so far. */
  #counts = new Map<string, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Counts it, or gives the seconds after which it may be tried again; what is refused does not count. */
  take(vault: string, cost: Cost, nowMs: number): number | undefined {
    const { throttling, throttleFactor, throttleLimits } = this.#settings;
    if (throttling === 'off') return undefined;
    const window = Math.floor(nowMs / WINDOW_MS);
    if (window !== this.#window) {
      this.#window = window;
      this.#counts.clear();
    }
    const limit = LIMITS[throttleLimits][cost.class] * throttleFactor;
    const counters: [string, number][] = [
      [`${vault.toLowerCase()}/${cost.class}`, limit],
      [`/${cost.class}`, limit * SUBSCRIPTION_FACTOR],
    ];
    if (counters.some(([name, most]) => (this.#counts.get(name) ?? 0) + cost.weight > most)) {
      return Math.max(1, Math.ceil(((window + 1) * WINDOW_MS - nowMs) / 1000));
    }
    for (const [name] of counters) this.#counts.set(name, (this.#counts.get(name) ?? 0) + cost.weight);
    return undefined;
  }
}
