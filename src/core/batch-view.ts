// A view that collects instead of writing: initialisation builds every first record through the rooms' own code and
// then writes them all in one fenced batch.

import { LatchkeyError } from '../base/errors.ts';
import type { View, ViewChange } from '../engine/engine.ts';
import type { Change } from '../storage/storage.ts';

export class BatchView implements View {
  readonly #prefix: string;
  readonly #encrypt: (key: string, value: Uint8Array) => Change;
  readonly #changes: Change[];

  constructor(encrypt: (key: string, value: Uint8Array) => Change, changes: Change[], prefix = '') {
    this.#encrypt = encrypt;
    this.#changes = changes;
    this.#prefix = prefix;
  }

  sub(prefix: string): BatchView {
    return new BatchView(this.#encrypt, this.#changes, `${this.#prefix}${prefix}`);
  }

  async put(path: string, value: Uint8Array): Promise<void> {
    this.#changes.push(this.#encrypt(`${this.#prefix}${path}`, value));
  }

  async delete(path: string): Promise<void> {
    this.#changes.push({ kind: 'delete', key: `${this.#prefix}${path}` });
  }

  async write(changes: readonly ViewChange[]): Promise<void> {
    for (const change of changes) {
      if (change.kind === 'put') await this.put(change.path, change.value);
      else await this.delete(change.path);
    }
  }

  get(): Promise<never> {
    throw new LatchkeyError('internal', 'a batch that is being collected cannot be read');
  }

  list(): Promise<never> {
    throw new LatchkeyError('internal', 'a batch that is being collected cannot be listed');
  }
}
