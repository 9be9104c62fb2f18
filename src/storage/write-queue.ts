// Writes that arrive while one is under way go together in the next transaction: the fence lets only one at a time
// through anyway, and they share its commit.

import type { Change, Fence, Unfenced } from './storage.ts';

export interface Group {
  readonly fence: Fence | Unfenced;
  readonly changes: readonly Change[];
}

interface Waiting extends Group {
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A single write may be larger, and then goes alone. */
export interface GroupLimits {
  readonly changesMax: number;
  /** Of all values. */
  readonly bytesMax: number;
}

export class WriteQueue {
  readonly #apply: (group: Group) => Promise<void>;
  readonly #limits: GroupLimits;
  readonly #waiting: Waiting[] = [];
  #running = false;

  /** `apply` is called for one group at a time; what it throws reaches each writer of the group. */
  constructor(apply: (group: Group) => Promise<void>, limits: GroupLimits) {
    this.#apply = apply;
    this.#limits = limits;
  }

  /** Lasting when it resolves. */
  write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, fence, bytes: sizeOf(changes), resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let group = this.#take(); group.length > 0; group = this.#take()) {
      const [{ fence } = { fence: { epoch: 0 } }] = group;
      try {
        await this.#apply({ fence, changes: group.flatMap(({ changes }) => changes) });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }

  /** In the order of arrival, of one fence. */
  #take(): Waiting[] {
    const group: Waiting[] = [];
    let [changes, bytes] = [0, 0];
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const isOther = epochOf(next) !== epochOf(group[0] ?? next);
      changes += next.changes.length;
      bytes += next.bytes;
      const isFull = changes > this.#limits.changesMax || bytes > this.#limits.bytesMax;
      if (group.length > 0 && (isOther || isFull)) break;
      group.push(next);
      this.#waiting.shift();
    }
    return group;
  }
}

function epochOf({ fence }: Group): number | undefined {
  return typeof fence === 'symbol' ? undefined : fence.epoch;
}

function sizeOf(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + (change.kind === 'put' ? change.value.byteLength : 0), 0);
}
