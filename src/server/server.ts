// A running server: a node behind its listeners, and the signals that it obeys.

import { rm } from 'node:fs/promises';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Node } from '../core/node.ts';
import type { Listener } from './listener.ts';
import type { CustomHeaders } from './response-headers.ts';

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
  #hangup: () => Promise<readonly string[]> = async () => [];
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

  /** What a SIGHUP does before the rest; resolves to names of what it has read again, for the log. */
  onHangup(act: () => Promise<readonly string[]>): void {
    this.#hangup = act;
  }

  /** One list for each listener, in their order. */
  setResponseHeaders(headers: readonly (readonly CustomHeaders[])[]): void {
    for (const [index, listener] of this.#listeners.entries()) {
      listener.setResponseHeaders(headers[index] ?? []);
    }
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

  /** Each part by itself: a broken certificate must not keep a rotated audit file from being opened anew. */
  async #reload(): Promise<void> {
    const done: string[] = [];
    const attempt = async (what: string, act: () => Promise<readonly string[]>) => {
      try {
        done.push(...(await act()));
      } catch (error) {
        this.#log.error(`SIGHUP: ${what} could not be read again; the old stays`, { error: explain(error) });
      }
    };
    await attempt('the configuration', this.#hangup);
    for (const listener of this.#listeners) {
      await attempt(`the TLS files of ${listener.address}`, async () => {
        await listener.reload();
        return listener.isTls ? [`TLS files of ${listener.address}`] : [];
      });
    }
    await attempt('the audit devices', () => this.node.reload());
    this.#log.info(`SIGHUP: read again: ${done.join(', ') || 'nothing'}; a sealed node tries again now`);
  }
}
