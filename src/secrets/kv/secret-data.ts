// kv version 2, data/<path>: the versions' contents.

import { type Clock, rfc3339 } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Request, Response } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { mergePatch, subkeysOf } from './merge-patch.ts';
import {
  describeCustom,
  isGone,
  type KeyMetadata,
  overdue,
  type VersionInfo,
  withNewVersion,
  withoutOldest,
  withVersions,
} from './metadata.ts';
import type { MountConfig, MountConfigStore } from './mount-config.ts';
import { nothingThere, secretPath } from './paths.ts';
import { corrupt, encodeSecret } from './records.ts';
import type { VersionedStore } from './versioned-store.ts';

export const DATA_FIELDS = {
  version: { type: 'integer', help: 'Which version to read. 0: the newest.', query: true },
  options: {
    type: 'object',
    help: 'cas: the current version that the write replaces; 0: there is none yet.',
  },
  data: { type: 'object', help: 'The secret.' },
} as const;
export const SUBKEYS_FIELDS = {
  version: DATA_FIELDS.version,
  depth: { type: 'integer', help: 'How many levels of names. 0: all.' },
} as const;
const OPTION_FIELDS = { cas: { type: 'integer', help: 'The version that the write replaces.' } } as const;

/** What of a secret is shown; null stands for a version that is gone. */
type Show = (data: JsonObject | null) => JsonObject;

export class SecretData {
  readonly #store: VersionedStore;
  readonly #config: MountConfigStore;
  readonly #clock: Clock;

  constructor(store: VersionedStore, config: MountConfigStore, clock: Clock) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
  }

  async exists(request: Request): Promise<boolean> {
    return (await this.#store.load(secretPath(request))) !== undefined;
  }

  /**
   * A version that is deleted or destroyed is `absent` with its metadata.
   * @throws LatchkeyError not_found if there never was such a version, or if it went out of the window.
   */
  async read(request: Request): Promise<Response> {
    const path = secretPath(request);
    const { version } = readFields({ version: DATA_FIELDS.version }, request.input);
    return this.#readSettled(path, version, (data) => ({ data }));
  }

  /**
   * The names inside a secret, without its values; `depth` 0 is all of them.
   * @throws LatchkeyError as `read`
   */
  async subkeys(request: Request): Promise<Response> {
    const path = secretPath(request);
    const { version, depth = 0 } = readFields(SUBKEYS_FIELDS, request.input);
    if (depth < 0) throw new LatchkeyError('bad_request', "field 'depth' must be 0 or more");
    return this.#readSettled(path, version, (data) => ({ subkeys: data && subkeysOf(data, depth) }));
  }

  async #readSettled(path: string, version: number | undefined, show: Show): Promise<Response> {
    const answer = await this.#tryRead(path, version, show);
    if (answer !== undefined) return answer;
    // Metadata and data are two reads: a write in between may have dropped that version. Again, with nobody writing.
    const settled = await this.#store.exclusively(path, () => this.#tryRead(path, version, show));
    if (settled === undefined) throw corrupt('secret', 'its metadata name a version that is not there');
    return settled;
  }

  /** Undefined if the metadata promise data that are not there. */
  async #tryRead(path: string, version: number | undefined, show: Show): Promise<Response | undefined> {
    const metadata = await this.#store.load(path);
    if (metadata === undefined) throw nothingThere();
    const number = version !== undefined && version > 0 ? version : metadata.current;
    const info = metadata.versions.get(number);
    if (info === undefined) throw nothingThere();
    const about = describeVersion(metadata, number, info);
    if (isGone(info, this.#clock.now())) {
      return { outcome: 'absent', data: { ...show(null), metadata: about } };
    }
    const data = await this.#store.loadData(metadata, number);
    return data === undefined ? undefined : { data: { ...show(data), metadata: about } };
  }

  /** A new version; those that the window has passed go. */
  async write(request: Request): Promise<Response> {
    const path = secretPath(request);
    const { data, options } = readFields(DATA_FIELDS, request.input);
    if (data === undefined) throw new LatchkeyError('bad_request', 'no data provided');
    const { cas } = readFields(OPTION_FIELDS, options ?? {});
    const added = encodeSecret(data);
    return this.#store.exclusively(path, async () => {
      const config = await this.#config.load();
      const now = this.#clock.now();
      const before = (await this.#store.load(path)) ?? this.#store.create(now);
      checkAndSet(cas, before, config);
      return this.#added(path, before, config, added, now);
    });
  }

  /**
   * A new version made of the newest and a merge patch (RFC 7396).
   * A newest version that is gone is `absent`, with what a write would have told of it.
   * @throws LatchkeyError not_found if there is no newest version to patch, but bad_request first if `cas` does not fit.
   */
  async patch(request: Request): Promise<Response> {
    const path = secretPath(request);
    const { data: patch, options } = readFields(DATA_FIELDS, request.input);
    if (patch === undefined) throw new LatchkeyError('bad_request', 'no data provided');
    const { cas } = readFields(OPTION_FIELDS, options ?? {});
    return this.#store.exclusively(path, async () => {
      const [config, before] = [await this.#config.load(), await this.#store.load(path)];
      const now = this.#clock.now();
      if (before === undefined) throw nothingThere();
      checkAndSet(cas, before, config);
      const info = before.versions.get(before.current);
      if (info === undefined) throw nothingThere();
      if (isGone(info, now)) {
        return { outcome: 'absent', data: describeVersion(before, before.current, info) };
      }
      const current = await this.#store.loadData(before, before.current);
      if (current === undefined) throw corrupt('secret', 'its metadata name a version that is not there');
      return this.#added(path, before, config, encodeSecret(mergePatch(current, patch)), now);
    });
  }

  async #added(
    path: string,
    before: KeyMetadata,
    config: MountConfig,
    added: Uint8Array,
    now: number,
  ): Promise<Response> {
    const metadata = await this.#append(path, before, config, added, now);
    const info = metadata.versions.get(metadata.current);
    if (info === undefined) throw new LatchkeyError('internal', 'the new version is missing');
    return { data: describeVersion(metadata, metadata.current, info) };
  }

  async #append(
    path: string,
    before: KeyMetadata,
    config: MountConfig,
    added: Uint8Array,
    now: number,
  ): Promise<KeyMetadata> {
    let kept = before;
    const dropped = await this.#store.dropInBatches(overdue(before, config), (portion) => {
      kept = withoutOldest(kept, portion);
      return this.#store.save(path, { metadata: kept, dropped: portion });
    });
    const metadata = withNewVersion(withoutOldest(kept, dropped), config, now);
    await this.#store.save(path, { metadata, added, dropped });
    return metadata;
  }

  /** The newest version, so that it can be brought back. What is not there, or deleted already, is no error. */
  async remove(request: Request): Promise<Response> {
    const path = secretPath(request);
    return this.#store.exclusively(path, async () => {
      const metadata = await this.#store.load(path);
      const newest = metadata?.versions.get(metadata.current);
      const now = this.#clock.now();
      if (metadata === undefined || newest === undefined || isGone(newest, now)) return {};
      const deleted = withVersions(metadata, [metadata.current], (version) => ({
        ...version,
        deletedAt: now,
      }));
      await this.#store.save(path, { metadata: deleted });
      return {};
    });
  }
}

/** The texts are those that clients look for. */
function checkAndSet(cas: number | undefined, metadata: KeyMetadata, config: MountConfig): void {
  if (cas === undefined) {
    if (!config.casRequired && !metadata.casRequired) return;
    throw new LatchkeyError('bad_request', 'check-and-set parameter required for this call');
  }
  if (cas !== metadata.current) {
    throw new LatchkeyError('bad_request', 'check-and-set parameter did not match the current version');
  }
}

function describeVersion(metadata: KeyMetadata, number: number, info: VersionInfo): JsonObject {
  return {
    created_time: rfc3339(info.createdAt),
    custom_metadata: describeCustom(metadata),
    deletion_time: info.deletedAt === undefined ? '' : rfc3339(info.deletedAt),
    destroyed: info.destroyed,
    version: number,
  };
}
