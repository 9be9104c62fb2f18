// Names under which what must not be readable in the storage is kept: an HMAC under a key of the mount's own.

import { createHmac } from 'node:crypto';
import { SecretBytes } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { View } from '../../engine/engine.ts';

const RECORD = 'salt';
const KEY_BYTES = 32;

/** What is hashed is bound to what it is, so that an accessor is never taken for a secret id. */
export type Hashed = 'role-id' | 'secret-id' | 'accessor';

export class Hasher implements Disposable {
  readonly #view: View;
  readonly #random: Random;
  #key: Promise<SecretBytes> | undefined;

  constructor(view: View, random: Random) {
    this.#view = view;
    this.#random = random;
  }

  /** 64 hex digits. @throws LatchkeyError storage_corrupt, or what the storage says. */
  async hash(kind: Hashed, text: string): Promise<string> {
    this.#key ??= this.#load();
    let key: SecretBytes;
    try {
      key = await this.#key;
    } catch (error) {
      // The next call tries again.
      this.#key = undefined;
      throw error;
    }
    return createHmac('sha256', key.expose()).update(`${kind}\0${text}`).digest('hex');
  }

  [Symbol.dispose](): void {
    void this.#key?.then(
      (key) => key.wipe(),
      () => {},
    );
  }

  async #load(): Promise<SecretBytes> {
    const kept = await this.#view.get(RECORD);
    if (kept !== undefined) {
      if (kept.byteLength !== KEY_BYTES) {
        throw new LatchkeyError('storage_corrupt', 'the key of an approle mount cannot be read');
      }
      return SecretBytes.take(kept);
    }
    const key = SecretBytes.fill(KEY_BYTES, (target) => this.#random.fill(target));
    await this.#view.put(RECORD, key.expose());
    return key;
  }
}
