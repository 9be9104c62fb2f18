// Remembers, inside the barrier, that some token of this cluster has been used: from then on an initialisation
// cannot be started over.

import { utf8 } from '../base/bytes.ts';
import type { View } from '../engine/engine.ts';
import { USED_RECORD } from './layout.ts';

export class UsedMark {
  readonly #view: View;
  #isSet: boolean;
  #writing: Promise<void> | undefined;

  private constructor(view: View, isSet: boolean) {
    this.#view = view;
    this.#isSet = isSet;
  }

  static async open(view: View): Promise<UsedMark> {
    return new UsedMark(view, (await view.get(USED_RECORD)) !== undefined);
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Durable when it resolves. Written once in a cluster's life. */
  set(): Promise<void> {
    if (this.#isSet) return Promise.resolve();
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    await this.#view.put(USED_RECORD, utf8('{"format":1}'));
    this.#isSet = true;
  }
}
