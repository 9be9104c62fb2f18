// kv version 2, metadata/<path>: a secret's settings and the list of its versions.

import { type Clock, rfc3339 } from '../../base/clock.ts';
import { formatDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Request, Response } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { mergePatch } from './merge-patch.ts';
import { describeCustom, type KeyMetadata, withoutOldest } from './metadata.ts';
import { checkMaxVersions, type MountConfigStore, RULE_FIELDS } from './mount-config.ts';
import { nothingThere, secretPath } from './paths.ts';
import type { VersionedStore } from './versioned-store.ts';

export const METADATA_FIELDS = {
  ...RULE_FIELDS,
  custom_metadata: { type: 'object', help: 'Names and strings that describe the secret.' },
} as const;

/** Vault's limits on custom metadata; lengths in characters. */
const CUSTOM_ENTRIES_MAX = 64;
const CUSTOM_NAME_LENGTH_MAX = 128;
const CUSTOM_VALUE_LENGTH_MAX = 512;

export class SecretMetadata {
  readonly #store: VersionedStore;
  readonly #config: MountConfigStore;
  readonly #clock: Clock;

  constructor(store: VersionedStore, config: MountConfigStore, clock: Clock) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
  }

  /** @throws LatchkeyError not_found */
  async read(request: Request): Promise<Response> {
    const metadata = await this.#store.load(secretPath(request));
    if (metadata === undefined) throw nothingThere();
    return { data: describe(metadata) };
  }

  /** Members that were not sent stay as they are; a secret that is not there yet is made, without a version. */
  async write(request: Request): Promise<Response> {
    const path = secretPath(request);
    const given = readFields(METADATA_FIELDS, request.input);
    checkMaxVersions(given.max_versions);
    const custom = given.custom_metadata === undefined ? undefined : readCustom(given.custom_metadata);
    if (Object.values(given).every((value) => value === undefined)) return {};
    return this.#store.exclusively(path, async () => {
      const now = this.#clock.now();
      const before = (await this.#store.load(path)) ?? this.#store.create(now);
      const metadata: KeyMetadata = {
        ...before,
        updatedAt: now,
        maxVersions: given.max_versions ?? before.maxVersions,
        casRequired: given.cas_required ?? before.casRequired,
        deleteAfterSeconds: given.delete_version_after ?? before.deleteAfterSeconds,
        custom: custom ?? before.custom,
      };
      await this.#store.save(path, { metadata });
      return this.#withWarnings(given.cas_required);
    });
  }

  /**
   * As `write`, but as a merge patch (RFC 7396): null puts a setting back, and takes custom metadata away.
   * @throws LatchkeyError not_found if there is no such secret.
   */
  async patch(request: Request): Promise<Response> {
    const path = secretPath(request);
    const given = { ...readFields(METADATA_FIELDS, request.input), ...resetBy(request.input) };
    checkMaxVersions(given.max_versions);
    return this.#store.exclusively(path, async () => {
      const before = await this.#store.load(path);
      if (before === undefined) throw nothingThere();
      const own = request.input['custom_metadata'] === null ? {} : before.custom;
      const metadata: KeyMetadata = {
        ...before,
        updatedAt: this.#clock.now(),
        maxVersions: given.max_versions ?? before.maxVersions,
        casRequired: given.cas_required ?? before.casRequired,
        deleteAfterSeconds: given.delete_version_after ?? before.deleteAfterSeconds,
        custom:
          given.custom_metadata === undefined
            ? own
            : readCustom(mergePatch({ ...own }, given.custom_metadata)),
      };
      await this.#store.save(path, { metadata });
      return this.#withWarnings(given.cas_required);
    });
  }

  async #withWarnings(casRequired: boolean | undefined): Promise<Response> {
    if (casRequired !== false || !(await this.#config.load()).casRequired) return {};
    return {
      warnings: ['"cas_required" is false here, but the mount requires it of all secrets: that prevails'],
    };
  }

  /** The secret, all its versions and its settings, for good. What is not there is no error. */
  async remove(request: Request): Promise<Response> {
    const path = secretPath(request);
    return this.#store.exclusively(path, async () => {
      let metadata = await this.#store.load(path);
      if (metadata === undefined) return {};
      let kept = metadata;
      const dropped = await this.#store.dropInBatches([...metadata.versions.keys()], (portion) => {
        kept = withoutOldest(kept, portion);
        return this.#store.save(path, { metadata: kept, dropped: portion });
      });
      metadata = kept;
      await this.#store.remove(path, metadata, dropped);
      return {};
    });
  }
}

/** Settings that are null in a patch are what they are in a new secret. */
function resetBy(input: JsonObject) {
  return {
    ...(input['max_versions'] === null ? { max_versions: 0 } : {}),
    ...(input['cas_required'] === null ? { cas_required: false } : {}),
    ...(input['delete_version_after'] === null ? { delete_version_after: 0 } : {}),
  };
}

function describe(metadata: KeyMetadata): JsonObject {
  const versions: JsonObject = {};
  for (const [number, { createdAt, deletedAt, destroyed }] of metadata.versions) {
    versions[number] = {
      created_time: rfc3339(createdAt),
      deletion_time: deletedAt === undefined ? '' : rfc3339(deletedAt),
      destroyed,
    };
  }
  return {
    cas_required: metadata.casRequired,
    created_time: rfc3339(metadata.createdAt),
    current_version: metadata.current,
    custom_metadata: describeCustom(metadata),
    delete_version_after: formatDuration(metadata.deleteAfterSeconds * 1_000),
    max_versions: metadata.maxVersions,
    oldest_version: metadata.oldest,
    updated_time: rfc3339(metadata.updatedAt),
    versions,
  };
}

/** @throws LatchkeyError bad_request naming the entry, never its value. */
function readCustom(given: JsonObject): Record<string, string> {
  const entries = Object.entries(given);
  if (entries.length > CUSTOM_ENTRIES_MAX) {
    throw refused(`it has ${entries.length} entries, the limit is ${CUSTOM_ENTRIES_MAX}`);
  }
  // fromEntries defines members, where an assignment to `__proto__` would not.
  return Object.fromEntries(entries.map(([name, value]) => [checkedName(name), checkedValue(name, value)]));
}

function checkedName(name: string): string {
  if (name.length === 0 || name.length > CUSTOM_NAME_LENGTH_MAX) {
    throw refused(`a name has ${name.length} characters, allowed are 1 to ${CUSTOM_NAME_LENGTH_MAX}`);
  }
  if (!isPrintable(name)) throw refused('a name has unprintable characters');
  return name;
}

function checkedValue(name: string, value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  if (typeof text !== 'string') throw refused(`the value of '${name}' is not a string`);
  if (text.length === 0 || text.length > CUSTOM_VALUE_LENGTH_MAX) {
    throw refused(
      `the value of '${name}' has ${text.length} characters, allowed are 1 to ${CUSTOM_VALUE_LENGTH_MAX}`,
    );
  }
  if (!isPrintable(text)) throw refused(`the value of '${name}' has unprintable characters`);
  return text;
}

function isPrintable(text: string): boolean {
  return !/\p{C}|\p{Zl}|\p{Zp}/u.test(text);
}

function refused(words: string): LatchkeyError {
  return new LatchkeyError('bad_request', `custom_metadata validation failed: ${words}`);
}
