// An engine's window on the storage: one prefix, in plain text, encrypted and fenced underneath.

import { LatchkeyError } from '../base/errors.ts';
import type { View, ViewChange } from '../engine/engine.ts';
import type { Change, Fence, ListOptions, Storage } from '../storage/storage.ts';

/** What a view needs of the barrier. All throw `sealed` while it is sealed. */
export interface Records {
  encrypt(key: string, value: Uint8Array): Change;
  remove(key: string): Change;
  decrypt(key: string, record: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  assertOpen(): void;
}

export class BarrierView implements View {
  readonly #records: Records;
  readonly #storage: Storage;
  readonly #prefix: string;
  readonly #fence: Fence | undefined;

  /** `prefix` is empty or ends in `/`. Without a fence the view only reads. */
  constructor(records: Records, storage: Storage, prefix: string, fence: Fence | undefined) {
    assertPrefix(prefix);
    this.#records = records;
    this.#storage = storage;
    this.#prefix = prefix;
    this.#fence = fence;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const key = this.#key(path);
    this.#records.assertOpen();
    const record = await this.#storage.get(key);
    // Looked at again: an absent record says nothing once the barrier was sealed while the storage was asked.
    this.#records.assertOpen();
    return record === undefined ? undefined : this.#records.decrypt(key, record);
  }

  async list(prefix: string, options?: ListOptions): Promise<string[]> {
    assertPrefix(prefix);
    this.#records.assertOpen();
    const names = await this.#storage.list(this.#prefix + prefix, options);
    this.#records.assertOpen();
    return names;
  }

  put(path: string, value: Uint8Array): Promise<void> {
    return this.write([{ kind: 'put', path, value }]);
  }

  delete(path: string): Promise<void> {
    return this.write([{ kind: 'delete', path }]);
  }

  async write(changes: readonly ViewChange[]): Promise<void> {
    this.#records.assertOpen();
    if (this.#fence === undefined) {
      throw new LatchkeyError('fenced', 'only the active node may write', {
        detail: 'write through an unfenced view',
      });
    }
    const batch = changes.map((change): Change => {
      const key = this.#key(change.path);
      return change.kind === 'put' ? this.#records.encrypt(key, change.value) : this.#records.remove(key);
    });
    await this.#storage.write(batch, this.#fence);
  }

  sub(prefix: string): View {
    assertPrefix(prefix);
    return new BarrierView(this.#records, this.#storage, this.#prefix + prefix, this.#fence);
  }

  #key(path: string): string {
    if (!isPath(path)) {
      throw new LatchkeyError('bad_request', 'the path is not a valid storage path', {
        detail: `under '${this.#prefix}'`,
      });
    }
    return this.#prefix + path;
  }
}

/**
 * Segments parted by `/`, none empty, `.` or `..`, no control characters, and no lone surrogate: in UTF-8 all of those
 * become the same character, so that two different paths would share one associated data.
 */
function isPath(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return path.isWellFormed() && !/^$|^\/|\/$|\/\/|(?:^|\/)\.\.?(?:\/|$)|[\x00-\x1f\x7f]/.test(path);
}

function assertPrefix(prefix: string): void {
  if (prefix === '' || (prefix.endsWith('/') && isPath(prefix.slice(0, -1)))) return;
  throw new LatchkeyError('bad_request', 'the path is not a valid folder of the storage');
}
