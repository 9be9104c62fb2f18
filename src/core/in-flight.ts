// Which calls this node is answering now, for sys/in-flight-req and the metrics.

import type { Clock } from '../base/clock.ts';
import type { InFlightView } from '../system/ports.ts';
import type { Call } from './call.ts';

export class InFlight {
  readonly #clock: Clock;
  readonly #calls = new Map<string, InFlightView>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Oldest first. */
  list(): readonly InFlightView[] {
    return [...this.#calls.values()];
  }

  /** Until what it returns is disposed of. */
  enter({ id, remoteAddress, verb, path }: Call): Disposable {
    this.#calls.set(id, { id, startedAt: this.#clock.now(), remoteAddress, verb, path });
    return { [Symbol.dispose]: () => void this.#calls.delete(id) };
  }
}
