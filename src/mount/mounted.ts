// One open mount: its engine, and who is inside it. It can be shut, so that nothing is written or handed out while it
// is taken away, moved or made anew.

import type { LatchkeyError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { MountEntry } from './mount-table.ts';
import { RouteTable } from './route-match.ts';

export class Mounted {
  readonly engine: Engine;
  readonly routes: RouteTable;
  #entry: MountEntry;
  #inside = 0;
  #refusal: LatchkeyError | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(entry: MountEntry, engine: Engine) {
    this.#entry = entry;
    this.engine = engine;
    this.routes = new RouteTable(engine.routes);
  }

  get entry(): MountEntry {
    return this.#entry;
  }

  /** New settings for the same engine at the same path. */
  retune(entry: MountEntry): void {
    this.#entry = entry;
  }

  /**
   * Goes in, until what it returns is disposed of.
   * @throws LatchkeyError what `shut` was given, while it is shut.
   */
  enter(): Disposable {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#inside += 1;
    return {
      [Symbol.dispose]: () => {
        this.#inside -= 1;
        if (this.#inside === 0) for (const emptied of this.#waiting.splice(0)) emptied();
      },
    };
  }

  /** Refuses whoever comes from now on; resolves when those inside have left. */
  shut(refusal: LatchkeyError): Promise<void> {
    this.#refusal = refusal;
    if (this.#inside === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  reopen(): void {
    this.#refusal = undefined;
  }
}
