// Which versions of this server have led the cluster, and since when. One record, format 1.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import type { View } from '../engine/engine.ts';
import type { VersionView } from '../system/ports.ts';
import { VERSIONS_RECORD } from './layout.ts';

/** Versions kept; the oldest go first. */
const VERSIONS_MAX = 1_000;

/** Oldest first. @throws LatchkeyError storage_corrupt */
export async function readVersions(view: View): Promise<readonly VersionView[]> {
  const bytes = await view.get(VERSIONS_RECORD);
  if (bytes === undefined) return [];
  const value = parseJson(fromUtf8(bytes));
  const versions = isObject(value) && value['format'] === 1 ? value['versions'] : undefined;
  if (!Array.isArray(versions)) {
    throw new LatchkeyError(
      'storage_corrupt',
      'the list of versions has a format that this version does not know',
    );
  }
  return versions.flatMap((entry): VersionView[] => {
    if (!isObject(entry)) return [];
    const { version, installed_at: installedAt, build_date: buildDate } = entry;
    if (typeof version !== 'string' || typeof installedAt !== 'number') return [];
    return [{ version, installedAt, buildDate: typeof buildDate === 'string' ? buildDate : '' }];
  });
}

/** At the begin of a tenure. `now` in milliseconds since the epoch. A version that comes back is not told twice. */
export async function noteVersion(
  view: View,
  version: string,
  buildDate: string,
  now: number,
): Promise<void> {
  const known = await readVersions(view);
  if (known.some((entry) => entry.version === version)) return;
  const versions = [...known, { version, installedAt: now, buildDate }].slice(-VERSIONS_MAX);
  const entries = versions.map((entry) => ({
    version: entry.version,
    installed_at: entry.installedAt,
    build_date: entry.buildDate,
  }));
  await view.put(VERSIONS_RECORD, utf8(JSON.stringify({ format: 1, versions: entries })));
}
