// Rotates the key of the data by itself: after so many encryptions, or when it is so old.
// Vault's API page /api-docs/system/rotate-config.

import { TERM_ENCRYPTIONS_MAX } from '../barrier/aead.ts';
import type { KeyStatus } from '../barrier/barrier.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import type { Logger } from '../base/log.ts';
import type { View } from '../engine/engine.ts';
import type { RotationConfig, RotationPort } from '../system/ports.ts';
import { ROTATION_RECORD } from './layout.ts';

export interface KeyRotationParts {
  /** The core's own records. */
  readonly view: View;
  keyStatus(): KeyStatus;
  rotate(): Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
}

const OPERATIONS_MIN = 1_000_000;
const INTERVAL_SECONDS_MIN = 24 * 3_600;
const DEFAULT: RotationConfig = { enabled: true, maxOperations: TERM_ENCRYPTIONS_MAX, intervalSeconds: 0 };
/** Milliseconds between two looks at the key. */
const LOOK_MS = 60_000;

export class KeyRotation implements RotationPort, AsyncDisposable {
  readonly #parts: KeyRotationParts;
  readonly #stop = new AbortController();
  #config: RotationConfig;
  #running: Promise<void> = Promise.resolve();
  #lastFailure = '';

  private constructor(parts: KeyRotationParts, config: RotationConfig) {
    this.#parts = parts;
    this.#config = config;
  }

  /** Looks at the key from now on. @throws LatchkeyError storage_corrupt */
  static async open(parts: KeyRotationParts): Promise<KeyRotation> {
    const stored = await parts.view.get(ROTATION_RECORD);
    const rotation = new KeyRotation(parts, stored === undefined ? DEFAULT : read(stored));
    rotation.#running = rotation.#run();
    return rotation;
  }

  config(): RotationConfig {
    return this.#config;
  }

  async configure(config: RotationConfig): Promise<void> {
    const { maxOperations, intervalSeconds } = config;
    if (intervalSeconds !== 0 && intervalSeconds < INTERVAL_SECONDS_MIN) {
      throw new LatchkeyError('bad_request', 'interval must be greater or equal to 24h0m0s');
    }
    if (maxOperations < OPERATIONS_MIN || maxOperations > TERM_ENCRYPTIONS_MAX) {
      throw new LatchkeyError(
        'bad_request',
        `max_operations must be in the range [${OPERATIONS_MIN},${TERM_ENCRYPTIONS_MAX}]`,
      );
    }
    await this.#parts.view.put(ROTATION_RECORD, utf8(JSON.stringify({ format: 1, ...config })));
    this.#config = config;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    for (;;) {
      try {
        await clock.sleep(LOOK_MS, this.#stop.signal);
      } catch {
        return;
      }
      try {
        await this.#look();
        this.#lastFailure = '';
      } catch (error) {
        // A full keyring fails at every look, and one line is enough.
        const failure = explain(error);
        if (failure !== this.#lastFailure)
          log.error('the key could not be rotated; trying again', { error: failure });
        this.#lastFailure = failure;
      }
    }
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#parts;
    const { enabled, maxOperations, intervalSeconds } = this.#config;
    if (!enabled) return;
    const { term, encryptions, installedAt } = this.#parts.keyStatus();
    const isOld = intervalSeconds > 0 && clock.now() - installedAt > intervalSeconds * 1_000;
    if (encryptions <= maxOperations && !isOld) return;
    await this.#parts.rotate();
    const reason = isOld ? 'rotation interval reached' : 'reached max operations';
    log.info('the key was rotated by itself', { reason, after_term: term });
  }
}

function read(stored: Uint8Array): RotationConfig {
  const value = parseJson(fromUtf8(stored), 2);
  const { format, enabled, maxOperations, intervalSeconds } = isObject(value) ? value : {};
  if (
    format !== 1 ||
    typeof enabled !== 'boolean' ||
    typeof maxOperations !== 'number' ||
    typeof intervalSeconds !== 'number'
  ) {
    throw new LatchkeyError('storage_corrupt', 'the settings of key rotation have an unknown format');
  }
  return { enabled, maxOperations, intervalSeconds };
}
