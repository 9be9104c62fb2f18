// kv version 2, delete/ undelete/ destroy/: chosen versions of a secret.

import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonValue } from '../../base/json.ts';
import type { Request, Response } from '../../engine/engine.ts';
import { deletionTime, isGone, type KeyMetadata, type VersionInfo, withVersions } from './metadata.ts';
import type { MountConfigStore } from './mount-config.ts';
import { secretPath } from './paths.ts';
import type { VersionedStore } from './versioned-store.ts';

/** A secret or a version that is not there is no error, as with Vault. */
export class SecretVersions {
  readonly #store: VersionedStore;
  readonly #config: MountConfigStore;
  readonly #clock: Clock;

  constructor(store: VersionedStore, config: MountConfigStore, clock: Clock) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
  }

  async remove(request: Request): Promise<Response> {
    const now = this.#clock.now();
    return this.#change(request, async () => (version) => {
      return isGone(version, now) ? version : { ...version, deletedAt: now };
    });
  }

  /** A time to live starts anew. */
  async restore(request: Request): Promise<Response> {
    return this.#change(request, async (metadata) => {
      const deletedAt = deletionTime(metadata, await this.#config.load(), this.#clock.now());
      return (version) => (version.destroyed ? version : { ...version, deletedAt });
    });
  }

  async destroy(request: Request): Promise<Response> {
    const path = secretPath(request);
    const numbers = versionsOf(request);
    return this.#store.exclusively(path, async () => {
      const before = await this.#store.load(path);
      if (before === undefined) return {};
      const doomed = numbers.filter((number) => before.versions.get(number)?.destroyed === false);
      let metadata = before;
      const destroy = (portion: readonly number[]) => {
        metadata = withVersions(metadata, portion, (version) => ({ ...version, destroyed: true }));
        return this.#store.save(path, { metadata, dropped: portion });
      };
      await destroy(await this.#store.dropInBatches(doomed, destroy));
      return {};
    });
  }

  async #change(
    request: Request,
    plan: (metadata: KeyMetadata) => Promise<(version: VersionInfo) => VersionInfo>,
  ): Promise<Response> {
    const path = secretPath(request);
    const numbers = versionsOf(request);
    return this.#store.exclusively(path, async () => {
      const metadata = await this.#store.load(path);
      if (metadata === undefined) return {};
      await this.#store.save(path, { metadata: withVersions(metadata, numbers, await plan(metadata)) });
      return {};
    });
  }
}

/**
 * `[1, 2]`, `["1", "2"]`, `"1,2"` or `1`, each number once.
 * @throws LatchkeyError bad_request
 */
function versionsOf(request: Request): number[] {
  const given: JsonValue = request.input['versions'] ?? [];
  const items = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : [given];
  const numbers = items.map(toNumber);
  if (numbers.length === 0) throw new LatchkeyError('bad_request', 'No version number provided');
  return [...new Set(numbers)];
}

function toNumber(item: JsonValue): number {
  const value = typeof item === 'string' && /^\s*\d{1,15}\s*$/.test(item) ? Number(item) : item;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new LatchkeyError('bad_request', "field 'versions' must be a list of whole numbers");
}
