// Paths of secrets as users choose them, and how folders are listed. Both versions of the engine share this.

import { utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { STORAGE_LIST_ENTRIES_MAX } from '../../base/limits.ts';
import type { Request, Response, View } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';

/** Longest path of a secret, bytes of UTF-8: a storage key, less room for the mount's own prefix. */
export const PATH_BYTES_MAX = 1_700;

/** Where version 1 keeps secrets: apart from version 2's records, so that a mount can be turned from one into the other. */
export const PLAIN_PREFIX = 'plain/';

export const LIST_FIELDS = {
  after: { type: 'string', help: 'List only names that sort after this one.', query: true },
  limit: { type: 'integer', help: 'At most so many names.', query: true },
} as const;

/**
 * The secret that a request is about.
 * @throws LatchkeyError bad_request if there is no path, or if it is too long.
 */
export function secretPath(request: Request): string {
  const path = request.params['path'] ?? '';
  if (path === '') throw new LatchkeyError('bad_request', 'missing path');
  checkLength(path);
  return path;
}

/**
 * Names in the folder `path` under `prefix`, folders with a trailing slash.
 * @throws LatchkeyError not_found if nothing is in it.
 */
export async function listFolder(view: View, prefix: string, request: Request): Promise<Response> {
  const path = request.params['path'] ?? '';
  checkLength(path);
  const { after, limit } = readFields(LIST_FIELDS, request.input);
  const folder = path === '' ? prefix : `${prefix}${path}/`;
  const bounded = limit !== undefined && limit > 0 && limit < STORAGE_LIST_ENTRIES_MAX;
  const limitUsed = bounded ? limit : STORAGE_LIST_ENTRIES_MAX;
  const keys = await view.list(folder, { limit: limitUsed, ...(after === undefined ? {} : { after }) });
  if (keys.length === 0) throw nothingThere();
  const data: JsonObject = { keys };
  if (bounded || keys.length < limitUsed) return { data };
  const warning = `the list stops after ${limitUsed} names; ask for the rest with after=<the last name>`;
  return { data, warnings: [warning] };
}

export function nothingThere(): LatchkeyError {
  return new LatchkeyError('not_found', 'nothing is stored there');
}

function checkLength(path: string): void {
  if (utf8(path).byteLength > PATH_BYTES_MAX) {
    throw new LatchkeyError('bad_request', `the path is too long: the limit is ${PATH_BYTES_MAX} bytes`);
  }
}
