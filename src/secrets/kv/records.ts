// How the kv engine keeps things: JSON with a format number, read back strictly.

import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { JSON_DEPTH_MAX, STORAGE_VALUE_BYTES_MAX } from '../../base/limits.ts';

/** Largest secret, bytes of its JSON: a stored value, less room for the record around it and its encryption. */
export const SECRET_BYTES_MAX = STORAGE_VALUE_BYTES_MAX - 4_096;

const FORMAT = 1;

export function encodeRecord(members: JsonObject): Uint8Array {
  return utf8(JSON.stringify({ format: FORMAT, ...members }));
}

/**
 * @param what names the record in the error, without its path.
 * @throws LatchkeyError storage_corrupt if it is not a record of format 1.
 */
export function decodeRecord(bytes: Uint8Array, what: string): JsonObject {
  let value: JsonValue;
  try {
    // The record's own members lie around a body that may itself be as deep as allowed.
    value = parseJson(fromUtf8(bytes), JSON_DEPTH_MAX + 2);
  } catch (cause) {
    throw corrupt(what, 'it is not JSON', cause);
  }
  if (!isObject(value)) throw corrupt(what, 'it is not an object');
  if (value['format'] !== FORMAT) throw corrupt(what, `its format is not ${FORMAT}`);
  return value;
}

export function corrupt(what: string, detail: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('storage_corrupt', `the stored ${what} cannot be read`, { detail, cause });
}

/** @throws LatchkeyError bad_request if the secret is too large to be kept. */
export function encodeSecret(data: JsonObject): Uint8Array {
  const record = encodeRecord({ data });
  if (record.byteLength > SECRET_BYTES_MAX) {
    throw new LatchkeyError(
      'bad_request',
      `the secret is too large: ${record.byteLength} bytes as JSON, the limit is ${SECRET_BYTES_MAX}`,
    );
  }
  return record;
}

/** @throws LatchkeyError storage_corrupt */
export function decodeSecret(bytes: Uint8Array): JsonObject {
  const data = decodeRecord(bytes, 'secret')['data'];
  if (!isObject(data)) throw corrupt('secret', 'its data is not an object');
  return data;
}
