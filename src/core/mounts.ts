// The mounts of a tenure: the table in the storage and the open engines behind it, changed together.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Random } from '../base/random.ts';
import type { Engine, EngineType, View } from '../engine/engine.ts';
import { type MountEntry, type MountTable, newMountEntry } from '../mount/mount-table.ts';
import type { Router } from '../mount/router.ts';
import type { MountRequest, MountView } from '../system/ports.ts';

export interface MountsParts {
  readonly table: MountTable;
  readonly router: Router;
  readonly engines: ReadonlyMap<string, EngineType>;
  /** Above the folders of all mounts. */
  readonly view: View;
  readonly random: Random;
  open(entry: MountEntry, type: EngineType, view: View): Promise<Engine>;
}

export class Mounts implements AsyncDisposable {
  readonly #parts: MountsParts;
  readonly #lock = new KeyLock();

  constructor(parts: MountsParts) {
    this.#parts = parts;
  }

  async openAll(): Promise<void> {
    const { router, table } = this.#parts;
    for (const entry of table.entries) router.mount(entry, await this.#open(entry));
  }

  list(): readonly MountView[] {
    return this.#parts.router.mounts.map(({ entry }) => ({
      path: entry.path,
      kind: kindOf(entry),
      info: infoOf(entry),
    }));
  }

  /** @throws LatchkeyError bad_request if the path or the type will not do; nothing was written. */
  mount(request: MountRequest): Promise<void> {
    return this.#lock.run('table', async () => {
      const { engines, random, table } = this.#parts;
      if (!engines.has(request.type)) {
        const known = [...engines.keys()].join(', ');
        throw new LatchkeyError(
          'bad_request',
          `plugin not found in the catalog: ${request.type}; there are: ${known}`,
        );
      }
      table.check(request.path);
      const entry = newMountEntry(random, request);
      // Opened before it is written down: an entry that no engine opens would keep every later leader from leading.
      const engine = await this.#open(entry);
      await table.add(entry);
      this.#parts.router.mount(entry, engine);
    });
  }

  /**
   * What the engine gave out ends first, or nothing happens. Then the route goes, so that nothing writes any more; then
   * the data; then the entry. A kill in between leaves an entry whose data are partly gone, and unmounting it again
   * finishes the work. An unknown path is no error, as in Vault.
   */
  unmount(path: string, endLeases: () => Promise<void>): Promise<void> {
    return this.#lock.run('table', async () => {
      const { router, table, view } = this.#parts;
      const entry = table.entries.find((candidate) => candidate.path === path);
      if (entry === undefined) {
        if (this.list().some((mount) => mount.path === path)) {
          throw new LatchkeyError('bad_request', `cannot unmount "${path}"`);
        }
        return;
      }
      await endLeases();
      const mounted = router.unmount(path);
      await mounted?.engine[Symbol.asyncDispose]?.();
      await deleteAll(view.sub(`${entry.uuid}/`));
      await table.remove(path);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { engine } of this.#parts.router.mounts) await engine[Symbol.asyncDispose]?.();
  }

  #open(entry: MountEntry): Promise<Engine> {
    const { engines, open, view } = this.#parts;
    const type = engines.get(entry.type);
    if (type === undefined) {
      throw new LatchkeyError(
        'storage_corrupt',
        `${entry.path} is of type ${entry.type}, which this version lacks`,
      );
    }
    return open(entry, type, view.sub(`${entry.uuid}/`));
  }
}

function kindOf(entry: MountEntry): MountView['kind'] {
  if (entry.path.startsWith('auth/')) return 'auth';
  return entry.path === 'sys/' ? 'system' : 'secret';
}

/** Members as Vault's `sys/mounts` gives them. */
function infoOf(entry: MountEntry): JsonObject {
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: entry.defaultLeaseTtlSeconds,
      force_no_cache: false,
      max_lease_ttl: entry.maxLeaseTtlSeconds,
      ...(entry.listingVisibility === '' ? {} : { listing_visibility: entry.listingVisibility }),
    },
    deprecation_status: 'supported',
    description: entry.description,
    external_entropy_access: false,
    local: entry.local,
    options: Object.keys(entry.options).length === 0 ? null : { ...entry.options },
    plugin_version: '',
    running_plugin_version: '',
    running_sha256: '',
    seal_wrap: entry.sealWrap,
    type: entry.type,
    uuid: entry.uuid,
  };
}

/** Batch by batch: the folder of a mount may hold more than one atomic batch takes. */
export async function deleteAll(view: View): Promise<void> {
  for (const name of await view.list('')) {
    if (name.endsWith('/')) await deleteAll(view.sub(name));
    else await view.delete(name);
  }
}
