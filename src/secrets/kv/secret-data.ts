// kv version 2, data/<path>: the versions' contents.

import { type Clock, rfc3339 } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Request, Response } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import {
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
  version: { type: 'integer', help: 'Which version to read. 0: the newest.' },
  options: {
    type: 'object',
    help: 'cas: the current version that the write replaces; 0: there is none yet.',
  },
  data: { type: 'object', help: 'The secret.' },
} as const;
const OPTION_FIELDS = { cas: { type: 'integer', help: 'The version that the write replaces.' } } as const;

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
    const answer = await this.#tryRead(path, version);
    if (answer !== undefined) return answer;
    // Metadata and data are two reads: a write in between may have dropped that version. Again, with nobody writing.
    const settled = await this.#store.exclusively(path, () => this.#tryRead(path, version));
    if (settled === undefined) throw corrupt('secret', 'its metadata name a version that is not there');
    return settled;
  }

  /** Undefined if the metadata promise data that are not there. */
  async #tryRead(path: string, version: number | undefined): Promise<Response | undefined> {
    const metadata = await this.#store.load(path);
    if (metadata === undefined) throw nothingThere();
    const number = version !== undefined && version > 0 ? version : metadata.current;
    const info = metadata.versions.get(number);
    if (info === undefined) throw nothingThere();
    const about = describeVersion(metadata, number, info);
    if (isGone(info, this.#clock.now())) return { outcome: 'absent', data: { data: null, metadata: about } };
    const data = await this.#store.loadData(metadata, number);
    return data === undefined ? undefined : { data: { data, metadata: about } };
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
      const metadata = await this.#append(path, before, config, added, now);
      const info = metadata.versions.get(metadata.current);
      if (info === undefined) throw new LatchkeyError('internal', 'the new version is missing');
      return { data: describeVersion(metadata, metadata.current, info) };
    });
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
    custom_metadata: metadata.custom === undefined ? null : { ...metadata.custom },
    deletion_time: info.deletedAt === undefined ? '' : rfc3339(info.deletedAt),
    destroyed: info.destroyed,
    version: number,
  };
}
