// A version 1 mount that was turned into version 2: what lies there in the old form becomes version 1 of each secret.

import { explain, LatchkeyError } from '../../base/errors.ts';
import type { EngineContext, Handler, Route } from '../../engine/engine.ts';
import { withNewVersion } from './metadata.ts';
import { PLAIN_PREFIX } from './paths.ts';
import type { VersionedStore } from './versioned-store.ts';

const AT_ONCE = 16;
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 60_000;
const NO_RULES = { maxVersions: 0, deleteAfterSeconds: 0 };

/**
 * Old records are the only mark of an upgrade that is not over. Each goes in the batch that brings its secret, so that a
 * kill at any moment leaves whole secrets, old or new, and the next leader goes on with the old ones.
 */
export class Upgrade implements AsyncDisposable {
  readonly #context: EngineContext;
  readonly #store: VersionedStore;
  readonly #stop = new AbortController();
  #state: 'unknown' | 'running' | 'done' = 'unknown';
  #looking: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(context: EngineContext, store: VersionedStore) {
    this.#context = context;
    this.#store = store;
    // Requests look again if this fails.
    void this.#look().catch(() => {});
  }

  /** The same routes, which refuse everything until the upgrade is over. */
  guard(routes: readonly Route[]): readonly Route[] {
    return routes.map((route) => {
      const { exists } = route;
      const operations = Object.entries(route.operations).map(([operation, handler]) => {
        const guarded: Handler = async (request) => {
          await this.#passed();
          return handler(request);
        };
        return [operation, guarded];
      });
      return {
        ...route,
        operations: Object.fromEntries(operations),
        ...(exists && {
          exists: async (request) => {
            await this.#passed();
            return exists(request);
          },
        }),
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #passed(): Promise<void> {
    if (this.#state === 'unknown') await this.#look();
    if (this.#state === 'done') return;
    throw new LatchkeyError(
      'bad_request',
      // Vault's text, which clients match.
      'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.',
    );
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const [first] = await this.#context.view.list(PLAIN_PREFIX, { limit: 1 });
    if (this.#state !== 'unknown') return;
    if (first === undefined) {
      this.#state = 'done';
      return;
    }
    this.#state = 'running';
    this.#running = this.#run();
  }

  /** Until all is done, or the engine is closed. Never throws. */
  async #run(): Promise<void> {
    const { log, clock, mountPath } = this.#context;
    log.info('kv: turning secrets into version 2', { mount: mountPath });
    for (let pause = PAUSE_MS; !this.#stop.signal.aborted; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
      try {
        const isOver = await this.#convertFolder('');
        if (!isOver) continue;
        this.#state = 'done';
        log.info('kv: all secrets are version 2', { mount: mountPath });
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        log.warn('kv: secrets could not be turned into version 2 yet; trying again', {
          mount: mountPath,
          error: explain(error),
        });
        await clock.sleep(pause, this.#stop.signal).catch(() => {});
      }
    }
  }

  /** True if nothing was left in the old form. */
  async #convertFolder(folder: string): Promise<boolean> {
    const names = await this.#context.view.list(`${PLAIN_PREFIX}${folder}`);
    const secrets = names.filter((name) => !name.endsWith('/'));
    for (let at = 0; at < secrets.length; at += AT_ONCE) {
      this.#stop.signal.throwIfAborted();
      await Promise.all(secrets.slice(at, at + AT_ONCE).map((name) => this.#convert(`${folder}${name}`)));
    }
    for (const name of names) {
      if (name.endsWith('/')) await this.#convertFolder(`${folder}${name}`);
    }
    return names.length === 0;
  }

  async #convert(path: string): Promise<void> {
    const { view, clock } = this.#context;
    const record = await view.get(`${PLAIN_PREFIX}${path}`);
    if (record === undefined) return;
    const now = clock.now();
    const metadata = withNewVersion(this.#store.create(now), NO_RULES, now);
    // Both versions keep a secret's data in the same form.
    await this.#store.save(path, { metadata, added: record, replaced: `${PLAIN_PREFIX}${path}` });
  }
}
