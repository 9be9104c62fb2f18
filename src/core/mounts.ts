// The mounts of a tenure: the table in the storage and the open engines behind it, changed together.

import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Engine, EngineType, View } from '../engine/engine.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import { deleteAll } from '../engine/pages.ts';
import {
  AUTH_PREFIX,
  checkPath,
  isReserved,
  type MountEntry,
  type MountTable,
  newMountEntry,
} from '../mount/mount-table.ts';
import type { Mounted } from '../mount/mounted.ts';
import type { Router } from '../mount/router.ts';
import type { MountRequest, MountTuning, MountView } from '../system/ports.ts';
import { kindOf, viewOf } from './mount-views.ts';
import { checkedOptions, checkLifetimes, settingsOf } from './tuning.ts';

export interface MountsParts {
  readonly table: MountTable;
  readonly router: Router;
  readonly engines: ReadonlyMap<string, EngineType>;
  /** Above the folders of all mounts. */
  readonly view: View;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of the system, where a mount has none of its own. */
  readonly leaseTtl: TtlLimits;
  open(entry: MountEntry, type: EngineType, view: View): Promise<Engine>;
  /** Ends what was given out below a path that ends in `/`; throws if something cannot be ended. */
  endLeases(path: string): Promise<void>;
}

/** Milliseconds that requests inside a mount get to leave it before it is taken away or changed. */
const EMPTYING_MS_MAX = 30_000;

/** Vault's text, which clients match. */
const UPGRADING =
  'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.';

export class Mounts implements AsyncDisposable {
  readonly #parts: MountsParts;
  readonly #lock = new KeyLock();

  constructor(parts: MountsParts) {
    this.#parts = parts;
  }

  async openAll(): Promise<void> {
    const { router, table } = this.#parts;
    for (const entry of table.entries) {
      const mounted = router.mount(entry, await this.#open(entry));
      if (entry.ending) void mounted.shut(noRoute(entry.path));
    }
  }

  list(): readonly MountView[] {
    return this.#parts.router.mounts.map(({ entry }) => viewOf(entry, this.#parts.leaseTtl));
  }

  /** @throws LatchkeyError bad_request if the path or the type will not do; nothing was written. */
  mount(request: MountRequest): Promise<void> {
    return this.#lock.run('table', async () => {
      const { random, table, router, leaseTtl } = this.#parts;
      const { path, type, local, sealWrap } = request;
      this.#checkType(path, type);
      table.check(path);
      const blank = newMountEntry(random, { path, type, local, sealWrap });
      const entry = { ...blank, ...settingsOf(blank, request) };
      checkLifetimes(entry, leaseTtl);
      // Opened before it is written down: an entry that no engine opens would keep every later leader from leading.
      const engine = await this.#open(entry);
      await table.add(entry);
      router.mount(entry, engine);
    });
  }

  /**
   * First nobody comes in any more, and that is written down; what was given out ends; then the data go; then the entry.
   * A kill in between leaves a mount that answers nothing, and unmounting it again finishes the work. An unknown path is
   * no error, as in Vault.
   */
  unmount(path: string): Promise<void> {
    return this.#lock.run('table', async () => {
      const { router, table, view, endLeases } = this.#parts;
      const mounted = router.at(path);
      if (mounted === undefined) return;
      if (table.isBuiltIn(path)) throw refusal(`cannot unmount "${path}"`);
      await this.#empty(mounted, noRoute(path));
      const entry = { ...mounted.entry, ending: true };
      if (!mounted.entry.ending) await this.#orReopen(mounted, () => table.replace(entry));
      mounted.retune(entry);
      await endLeases(path);
      router.unmount(path);
      await mounted.engine[Symbol.asyncDispose]?.();
      await deleteAll(view.sub(`${entry.uuid}/`));
      await table.remove(path);
    });
  }

  /**
   * Changes what is given and keeps the rest.
   * @throws LatchkeyError bad_request with Vault's texts; nothing was changed then.
   */
  tune(path: string, tuning: MountTuning): Promise<readonly string[]> {
    return this.#lock.run('table', async () => {
      const { router, table } = this.#parts;
      const mounted = router.at(path);
      if (mounted === undefined || mounted.entry.ending) {
        throw refusal(`tune of path "${path}" failed: no mount entry found`);
      }
      const { entry } = mounted;
      const options = tuning.options === undefined ? entry.options : checkedOptions(entry, tuning.options);
      const tuned = { ...entry, ...settingsOf(entry, tuning), options };
      checkLifetimes(tuned, undefined);
      const before = entry.options['version'] ?? '1';
      const after = options['version'] ?? '1';
      if (before === after) {
        await table.replace(tuned);
        mounted.retune(tuned);
        return [];
      }
      await this.#openAnew(mounted, tuned, refusal(UPGRADING));
      return [
        `Upgrading mount from version ${before} to version ${after}. This mount will be unavailable for a brief period and will resume service shortly.`,
      ];
    });
  }

  /**
   * Refuses at once what cannot be moved; `move` itself takes as long as the leases take to end.
   * @throws LatchkeyError bad_request with Vault's texts.
   */
  checkMove(from: string, to: string): void {
    const { router, table } = this.#parts;
    checkMovable(table, from, to);
    const mounted = router.at(from);
    if (mounted === undefined || mounted.entry.ending) throw refusal(`no matching mount at "${from}"`);
    const taken = table.conflict(to);
    if (taken !== undefined) throw refusal(`path already in use at "${taken.path}"`);
  }

  /**
   * The data stay where they are: they lie under the mount's uuid. What was given out at the old path ends, as in Vault.
   * One write makes the move; a kill before it leaves the mount at the old path, and after it at the new one.
   */
  move(from: string, to: string): Promise<void> {
    return this.#lock.run('table', async () => {
      this.checkMove(from, to);
      const mounted = this.#parts.router.at(from);
      if (mounted === undefined) return;
      await this.#empty(mounted, noRoute(from));
      await this.#orReopen(mounted, () => this.#parts.endLeases(from));
      await this.#openAnew(mounted, { ...mounted.entry, path: to }, noRoute(from));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { engine } of this.#parts.router.mounts) await engine[Symbol.asyncDispose]?.();
  }

  /**
   * The mount becomes `entry`, by one write, with an engine of its own. If that cannot be opened the mount stays shut for
   * this tenure: the old engine must not go on writing in its old form.
   */
  async #openAnew(mounted: Mounted, entry: MountEntry, meanwhile: LatchkeyError): Promise<void> {
    const { router, table, log } = this.#parts;
    await this.#empty(mounted, meanwhile);
    await this.#orReopen(mounted, () => table.replace(entry));
    await mounted.engine[Symbol.asyncDispose]?.();
    try {
      const engine = await this.#open(entry);
      router.unmount(mounted.entry.path);
      router.mount(entry, engine);
    } catch (error) {
      log.error('a mount that was changed cannot be opened; the next leader will try again', {
        mount: entry.path,
        error: explain(error),
      });
      throw error;
    }
  }

  /** @throws LatchkeyError timeout if requests stay inside too long; the mount is open again then. */
  async #empty(mounted: Mounted, meanwhile: LatchkeyError): Promise<void> {
    const { clock } = this.#parts;
    const late = new AbortController();
    const emptied = mounted.shut(meanwhile).then(() => true);
    const tooLate = clock.sleep(EMPTYING_MS_MAX, late.signal).then(
      () => false,
      () => false,
    );
    const isEmpty = await Promise.race([emptied, tooLate]);
    late.abort();
    if (isEmpty) return;
    if (!mounted.entry.ending) mounted.reopen();
    throw new LatchkeyError(
      'timeout',
      `requests at ${mounted.entry.path} have not ended yet; nothing was changed`,
    );
  }

  async #orReopen(mounted: Mounted, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!mounted.entry.ending) mounted.reopen();
      throw error;
    }
  }

  #checkType(path: string, type: string): void {
    const kind = path.startsWith(AUTH_PREFIX) ? 'auth' : 'secret';
    const known = [...this.#parts.engines.values()].filter((engine) => engine.kind === kind);
    if (known.some((engine) => engine.type === type)) return;
    const names = known.map((engine) => engine.type).join(', ');
    throw refusal(`plugin not found in the catalog: ${type}; there are: ${names}`);
  }

  #open(entry: MountEntry): Promise<Engine> {
    const { engines, open, view } = this.#parts;
    const type = engines.get(entry.type);
    if (type === undefined || type.kind !== kindOf(entry)) {
      throw new LatchkeyError(
        'storage_corrupt',
        `${entry.path} is of type ${entry.type}, which this version lacks`,
      );
    }
    return open(entry, type, view.sub(`${entry.uuid}/`));
  }
}

function checkMovable(table: MountTable, from: string, to: string): void {
  const isOurs = (path: string) =>
    table.isBuiltIn(path) || table.isBuiltIn(`${path.split('/').slice(0, 2).join('/')}/`) || isReserved(path);
  const isAuth = from.startsWith(AUTH_PREFIX);
  if (isAuth && !to.startsWith(AUTH_PREFIX)) {
    throw refusal(`cannot remount auth mount to non-auth mount "${to}"`);
  }
  if (isOurs(from)) throw refusal(`cannot remount "${from}"`);
  if (isOurs(to) || isAuth !== to.startsWith(AUTH_PREFIX)) {
    // Vault's own words, with quotes for auth methods alone.
    throw refusal(`cannot remount to destination ${isAuth ? `"${to}"` : to}`);
  }
  checkPath(to);
}

function noRoute(path: string): LatchkeyError {
  return new LatchkeyError('no_route', `no handler for route "${path}". route entry not found.`);
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
