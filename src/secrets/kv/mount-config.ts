// What applies to all secrets of one kv version 2 mount.

import { formatDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { KeyLock } from '../../base/key-lock.ts';
import type { Request, Response, View } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { VERSIONS_MAX, type VersionRules } from './metadata.ts';
import { corrupt, decodeRecord, encodeRecord } from './records.ts';

export interface MountConfig extends VersionRules {
  readonly casRequired: boolean;
}

const RECORD = 'config';
const WHAT = 'configuration of a kv mount';
const INITIAL: MountConfig = { maxVersions: 0, casRequired: false, deleteAfterSeconds: 0 };

/** The settings that mount and secret have in common. */
export const RULE_FIELDS = {
  max_versions: { type: 'integer', help: 'How many versions are kept. 0: 10, or as the mount says.' },
  cas_required: { type: 'boolean', help: 'Whether each write must name the version that it replaces.' },
  delete_version_after: {
    type: 'duration',
    help: 'How long after it was written a version is deleted. 0: never.',
  },
} as const;

export class MountConfigStore {
  readonly #view: View;
  readonly #lock = new KeyLock();

  constructor(view: View) {
    this.#view = view;
  }

  async load(): Promise<MountConfig> {
    const bytes = await this.#view.get(RECORD);
    return bytes === undefined ? INITIAL : decode(bytes);
  }

  async read(): Promise<Response> {
    const { maxVersions, casRequired, deleteAfterSeconds } = await this.load();
    const data = {
      max_versions: maxVersions,
      cas_required: casRequired,
      delete_version_after: formatDuration(deleteAfterSeconds * 1_000),
    };
    return { data };
  }

  /** Members that were not sent stay as they are. */
  async write(request: Request): Promise<Response> {
    const given = readFields(RULE_FIELDS, request.input);
    checkMaxVersions(given.max_versions);
    return this.#lock.run(RECORD, async () => {
      const before = await this.load();
      const after = {
        maxVersions: given.max_versions ?? before.maxVersions,
        casRequired: given.cas_required ?? before.casRequired,
        deleteAfterSeconds: given.delete_version_after ?? before.deleteAfterSeconds,
      };
      await this.#view.put(RECORD, encodeRecord(after));
      return {};
    });
  }
}

/** @throws LatchkeyError bad_request */
export function checkMaxVersions(given: number | undefined): void {
  if (given !== undefined && (given < 0 || given > VERSIONS_MAX)) {
    throw new LatchkeyError('bad_request', `max_versions must be from 0 to ${VERSIONS_MAX}`);
  }
}

function decode(bytes: Uint8Array): MountConfig {
  const { maxVersions, casRequired, deleteAfterSeconds } = decodeRecord(bytes, WHAT);
  if (typeof maxVersions !== 'number' || typeof deleteAfterSeconds !== 'number')
    throw corrupt(WHAT, 'a number');
  if (typeof casRequired !== 'boolean') throw corrupt(WHAT, 'casRequired');
  return { maxVersions, casRequired, deleteAfterSeconds };
}
