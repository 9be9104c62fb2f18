// How a client of the kill loop asks: any node that answers, and an honest account of what came of it.

import { ApiError, UnreachableError } from '../../src/client/api-error.ts';
import type { ApiAnswer, ApiRequest, VaultClient } from '../../src/client/client.ts';

/** `unknown`: the answer was lost or was no verdict; it may have happened or not, or may yet. */
export type Outcome =
  | { readonly kind: 'done'; readonly answer: ApiAnswer }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | { readonly kind: 'unknown' };

/** Longer than any fail-over: a cluster that gives no verdict for so long has failed the test. */
const PATIENCE_MS = 60_000;

export class Line {
  readonly #clients: readonly VaultClient[];
  readonly #pick: () => number;
  readonly #onDone: () => void;

  /** `pick` in [0, 1). Whichever node it falls on is asked, so that most calls go through a standby. */
  constructor(clients: readonly VaultClient[], pick: () => number, onDone: () => void) {
    this.#clients = clients;
    this.#pick = pick;
    this.#onDone = onDone;
  }

  withToken(token: string): Line {
    return new Line(
      this.#clients.map((client) => client.withToken(token)),
      this.#pick,
      this.#onDone,
    );
  }

  /** One attempt that may have had an effect; a node that is not there had none, and another one is asked. */
  async ask(call: ApiRequest): Promise<Outcome> {
    for (const deadline = performance.now() + PATIENCE_MS; ; ) {
      if (performance.now() > deadline) throw new Error('no node of the cluster can be reached any more');
      const client = this.#clients[Math.floor(this.#pick() * this.#clients.length)];
      try {
        const answer = await client?.request(call);
        if (answer === undefined) throw new Error('there is no client');
        this.#onDone();
        return { kind: 'done', answer };
      } catch (error) {
        if (error instanceof UnreachableError && error.reason === 'ECONNREFUSED') {
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        if (error instanceof ApiError && error.status < 500) {
          return { kind: 'refused', status: error.status, text: error.message };
        }
        if (error instanceof ApiError || error instanceof UnreachableError) return { kind: 'unknown' };
        throw error;
      }
    }
  }

  /** For what may be repeated: asks until there is a verdict. */
  async insist(call: ApiRequest): Promise<Exclude<Outcome, { kind: 'unknown' }>> {
    for (const deadline = performance.now() + PATIENCE_MS; ; ) {
      if (performance.now() > deadline) throw new Error(`no verdict on ${call.method} ${call.path}`);
      const outcome = await this.ask(call);
      if (outcome.kind !== 'unknown') return outcome;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
