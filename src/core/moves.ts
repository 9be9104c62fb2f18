// Moves of mounts in the background, as sys/remount starts them, and what has become of each.

import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { MoveView } from '../system/ports.ts';
import type { Mounts } from './mounts.ts';

/** Remembered in memory alone, as in Vault: the next leader knows none of them, and sys/mounts tells what came of it. */
const MOVES_MAX = 1_000;
/** Milliseconds that a move under way gets when the tenure ends. It is one write, done or not. */
const CLOSING_MS_MAX = 5_000;

export interface MovesParts {
  readonly mounts: Mounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class Moves implements AsyncDisposable {
  readonly #parts: MovesParts;
  readonly #moves = new Map<string, MoveView>();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: MovesParts) {
    this.#parts = parts;
  }

  /** The id under which the move can be followed. @throws LatchkeyError bad_request if it cannot be done. */
  start(from: string, to: string): string {
    const { mounts, random } = this.#parts;
    mounts.checkMove(from, to);
    const id = random.uuid();
    this.#note(id, { from, to, status: 'in-progress' });
    const running = this.#run(id, from, to);
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
    return id;
  }

  find(id: string): MoveView | undefined {
    return this.#moves.get(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const late = new AbortController();
    const tooLate = this.#parts.clock.sleep(CLOSING_MS_MAX, late.signal).catch(() => {});
    await Promise.race([Promise.allSettled(this.#running), tooLate]);
    late.abort();
  }

  async #run(id: string, from: string, to: string): Promise<void> {
    const { mounts, log } = this.#parts;
    log.info('a mount is being moved', { migration_id: id, from, to });
    try {
      await mounts.move(from, to);
      this.#note(id, { from, to, status: 'success' });
      log.info('a mount was moved', { migration_id: id, from, to });
    } catch (error) {
      this.#note(id, { from, to, status: 'failure' });
      log.error('a mount could not be moved', { migration_id: id, from, to, error: explain(error) });
    }
  }

  #note(id: string, move: MoveView): void {
    this.#moves.set(id, move);
    const [oldest] = this.#moves.keys();
    if (this.#moves.size > MOVES_MAX && oldest !== undefined) this.#moves.delete(oldest);
  }
}
