// Where kv version 2 keeps a secret: `metadata/<path>`, and each version's data under the secret's random id.

import type { JsonObject } from '../../base/json.ts';
import { KeyLock } from '../../base/key-lock.ts';
import { STORAGE_BATCH_CHANGES_MAX } from '../../base/limits.ts';
import { base62, type Random } from '../../base/random.ts';
import type { View, ViewChange } from '../../engine/engine.ts';
import { decodeMetadata, encodeMetadata, type KeyMetadata, newMetadata } from './metadata.ts';
import { decodeSecret } from './records.ts';

/**
 * No path that a user can choose leads under `versions/`, so `a`, `a/1` and `a/1/2` may all be secrets, and listing
 * a folder reads names of metadata alone. 22 characters of base62 are 131 bits.
 */
const METADATA = 'metadata/';
const VERSIONS = 'versions/';
const ID_CHARACTERS = 22;

/** Changes of one batch beside the metadata's own and a new version's. */
const DROPS_PER_BATCH_MAX = STORAGE_BATCH_CHANGES_MAX - 2;

export interface Update {
  readonly metadata: KeyMetadata;
  /** Data of the newest version. */
  readonly added?: Uint8Array;
  /** Versions whose data go. */
  readonly dropped?: readonly number[];
  /** A record of version 1 of the engine, whose place the secret takes. */
  readonly replaced?: string;
}

export class VersionedStore {
  readonly #view: View;
  readonly #random: Random;
  readonly #lock = new KeyLock();

  constructor(view: View, random: Random) {
    this.#view = view;
    this.#random = random;
  }

  get listing(): { readonly view: View; readonly prefix: string } {
    return { view: this.#view, prefix: METADATA };
  }

  /** Runs `act` while nobody else changes the secret. */
  exclusively<T>(path: string, act: () => Promise<T>): Promise<T> {
    return this.#lock.run(path, act);
  }

  async load(path: string): Promise<KeyMetadata | undefined> {
    const bytes = await this.#view.get(METADATA + path);
    return bytes === undefined ? undefined : decodeMetadata(bytes);
  }

  create(now: number): KeyMetadata {
    return newMetadata(base62(this.#random, ID_CHARACTERS), now);
  }

  /** Undefined if the data of that version are not there. */
  async loadData(metadata: KeyMetadata, version: number): Promise<JsonObject | undefined> {
    const bytes = await this.#view.get(versionPath(metadata, version));
    return bytes === undefined ? undefined : decodeSecret(bytes);
  }

  /** Metadata and data change in one batch; `dropped` must fit: see `dropInBatches`. */
  async save(path: string, { metadata, added, dropped = [], replaced }: Update): Promise<void> {
    const changes: ViewChange[] = [{ kind: 'put', path: METADATA + path, value: encodeMetadata(metadata) }];
    if (added !== undefined) {
      changes.push({ kind: 'put', path: versionPath(metadata, metadata.current), value: added });
    }
    if (replaced !== undefined) changes.push({ kind: 'delete', path: replaced });
    await this.#view.write([...changes, ...dropsOf(metadata, dropped)]);
  }

  /**
   * Gives `numbers` in portions that fit into a batch. After each portion but the last `step` must save metadata that
   * do not promise the dropped data any more, so that a crash in between leaves nothing dangling.
   */
  async dropInBatches(
    numbers: readonly number[],
    step: (portion: readonly number[]) => Promise<void>,
  ): Promise<readonly number[]> {
    let rest = numbers;
    while (rest.length > DROPS_PER_BATCH_MAX) {
      await step(rest.slice(0, DROPS_PER_BATCH_MAX));
      rest = rest.slice(DROPS_PER_BATCH_MAX);
    }
    return rest;
  }

  /** The secret with the data of `dropped`, its last ones. */
  async remove(path: string, metadata: KeyMetadata, dropped: readonly number[]): Promise<void> {
    await this.#view.write([{ kind: 'delete', path: METADATA + path }, ...dropsOf(metadata, dropped)]);
  }
}

function dropsOf(metadata: KeyMetadata, numbers: readonly number[]): ViewChange[] {
  return numbers.map((number) => ({ kind: 'delete', path: versionPath(metadata, number) }));
}

function versionPath(metadata: KeyMetadata, version: number): string {
  return `${VERSIONS}${metadata.id}/${version}`;
}
