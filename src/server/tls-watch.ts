// Sees to it that changed certificate files come into use. It looks at the files every few seconds instead of asking the
// kernel: Kubernetes swaps a link two folders up, and network file systems report nothing.

import { stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

export interface TlsWatchParts {
  readonly files: readonly string[];
  /** Reads the files and uses them for new connections. @throws if they cannot be used; the old stay in use then. */
  readonly use: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class TlsWatch {
  readonly #parts: TlsWatchParts;
  readonly #stop = new AbortController();
  /** What the files looked like just before they were last read with success, and without. */
  #used = '';
  #refused = '';

  private constructor(parts: TlsWatchParts) {
    this.#parts = parts;
  }

  /** Uses the files for the first time. @throws what `use` throws. */
  static async open(parts: TlsWatchParts): Promise<TlsWatch> {
    const watch = new TlsWatch(parts);
    await watch.reload();
    return watch;
  }

  /** Now, changed or not. @throws what `use` throws. */
  async reload(): Promise<void> {
    // Before they are read, so that a change in between is seen at the next look.
    const looks = await this.#look();
    await this.#parts.use();
    this.#used = looks;
    this.#refused = '';
  }

  /** Looks every `everyMs` until `close`. Never throws. */
  async run(everyMs: number): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    for (;;) {
      try {
        await clock.sleep(everyMs, signal);
      } catch {
        return;
      }
      await this.#check();
    }
  }

  close(): void {
    this.#stop.abort();
  }

  async #check(): Promise<void> {
    const { log } = this.#parts;
    const looks = await this.#look();
    if (looks === this.#used) return;
    try {
      await this.reload();
      log.info('TLS files changed and were read again; new connections use them');
    } catch (error) {
      // Tried again at every look, for they may have been read half-written; said once for each change.
      if (looks === this.#refused) return;
      this.#refused = looks;
      log.error('TLS files changed and cannot be used; the old ones stay in use', { error: explain(error) });
    }
  }

  async #look(): Promise<string> {
    const looks = await Promise.all(this.#parts.files.map(lookOf));
    return looks.join(' ');
  }
}

/** Of the file behind all links. */
async function lookOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  }
}
