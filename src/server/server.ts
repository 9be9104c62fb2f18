// A running server: a node behind its listeners, and the signals that it obeys.

import { rm } from 'node:fs/promises';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Node } from '../core/node.ts';
import type { Listener } from './listener.ts';

/** Milliseconds that answers under way get when the process is told to stop. */
const STOP_GRACE_MS = 5_000;

/** The cluster port, of which a server knows that it must be closed. */
export interface Closable {
  close(): Promise<void>;
}

export class Server {
  readonly node: Node;
  readonly #listeners: readonly Listener[];
  readonly #cluster: Closable | undefined;
  readonly #pidFile: string | undefined;
  readonly #log: Logger;
  readonly #stopped = Promise.withResolvers<void>();
  #hangup: () => Promise<void> = async () => {};
  #stopping = false;

  constructor(
    node: Node,
    listeners: readonly Listener[],
    cluster: Closable | undefined,
    pidFile: string | undefined,
    log: Logger,
  ) {
    this.node = node;
    this.#listeners = listeners;
    this.#cluster = cluster;
    this.#pidFile = pidFile;
    this.#log = log;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.#stop(signal));
    process.on('SIGHUP', () => void this.#reload());
  }

  /** What else a SIGHUP does. */
  onHangup(act: () => Promise<void>): void {
    this.#hangup = act;
  }

  untilStopped(): Promise<void> {
    return this.#stopped.promise;
  }

  async #stop(signal: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info('stopping', { signal });
    try {
      // The lead first, so that the next node serves while this one still finishes its answers.
      await this.node.stop();
      await Promise.all(this.#listeners.map((listener) => listener.close(STOP_GRACE_MS)));
      await this.#cluster?.close();
      if (this.#pidFile !== undefined) await rm(this.#pidFile, { force: true });
      this.#log.info('stopped');
    } catch (error) {
      this.#log.error('did not stop in good order', { error: explain(error) });
    }
    this.#stopped.resolve();
  }

  async #reload(): Promise<void> {
    this.#log.info('SIGHUP: reading certificates and log level again; a sealed node tries again now');
    this.node.poke();
    for (const act of [this.#hangup, ...this.#listeners.map((listener) => () => listener.reload())]) {
      await act().catch((error: unknown) =>
        this.#log.error('reload failed; the old stays', { error: explain(error) }),
      );
    }
  }
}
