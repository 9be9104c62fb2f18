// Key shares as operators send them.

import { fromBase64, fromHex, SecretBytes } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';

const SHARE_BYTES_MIN = 16;
const SHARE_BYTES_MAX = 33;

/** Go's decoder matches member names without regard to case, and clients rely on it. */
export function lowerCased(input: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Hex is tried first and taken if it gives 16 to 33 bytes, else base64, as Vault does. */
export function parseShare(text: string): SecretBytes {
  const hex = fromHex(text);
  const fits = (bytes: Uint8Array | undefined) =>
    bytes !== undefined && bytes.byteLength >= SHARE_BYTES_MIN && bytes.byteLength <= SHARE_BYTES_MAX;
  const bytes = fits(hex) ? hex : fromBase64(text);
  if (bytes === undefined)
    throw new LatchkeyError('bad_request', "'key' must be a valid hex or base64 string");
  if (bytes.byteLength < SHARE_BYTES_MIN) {
    throw new LatchkeyError('bad_request', `key is shorter than minimum ${SHARE_BYTES_MIN} bytes`);
  }
  if (bytes.byteLength > SHARE_BYTES_MAX) {
    throw new LatchkeyError('bad_request', `key is longer than maximum ${SHARE_BYTES_MAX} bytes`);
  }
  return SecretBytes.take(bytes);
}
