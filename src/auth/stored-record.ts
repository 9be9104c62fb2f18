// How the records of the auth methods are written down: JSON of format 1, which opens for ever.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../base/json.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';

const FORMAT = 1;
/** Largest record, bytes. */
const RECORD_BYTES_MAX = 256 * 1024;

/** @throws LatchkeyError bad_request if it is too large to be kept. */
export function encodeRecord(members: JsonObject): Uint8Array {
  const bytes = utf8(JSON.stringify({ format: FORMAT, ...members }));
  if (bytes.byteLength <= RECORD_BYTES_MAX) return bytes;
  throw new LatchkeyError('bad_request', `more than ${RECORD_BYTES_MAX} bytes of settings are refused`);
}

/** What `encodeRecord` was given. @throws LatchkeyError storage_corrupt */
export function decodeRecord(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = parseJson(fromUtf8(bytes), JSON_DEPTH_MAX + 2);
  } catch (cause) {
    throw corruptRecord('it is not JSON', cause);
  }
  if (!isObject(value)) throw corruptRecord('it is not an object');
  const { format, ...members } = value;
  if (format !== FORMAT) throw corruptRecord(`its format is not ${FORMAT}`);
  return members;
}

export function corruptRecord(detail: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('storage_corrupt', 'a stored record of an auth method cannot be read', {
    detail,
    cause,
  });
}

export function isTexts(value: JsonValue | undefined): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
