// Reads the limits that a listener puts on requests.

import { JSON_DEPTH_MAX, REQUEST_BODY_BYTES_MAX } from '../../base/limits.ts';
import { JSON_LIMITS, type JsonLimits } from '../json-limits.ts';
import { PARSE_LIMITS } from '../parse.ts';
import type { Stanza } from './stanza.ts';

/** Vault takes a negative size as no limit. Every foreign input has one here. */
export function readRequestSize(stanza: Stanza): number {
  const size = stanza.integer('max_request_size') ?? 0;
  if (size < 0)
    stanza.warn('max_request_size', 'the limit cannot be switched off; the default of 32 MiB holds');
  return size > 0 ? size : REQUEST_BODY_BYTES_MAX;
}

/** 0 takes the default, and a negative number switches a limit off, except that of the depth. */
export function readJsonLimits(stanza: Stanza): JsonLimits {
  return {
    depthMax: readDepth(stanza),
    stringBytesMax: readLimit(stanza, 'max_json_string_value_length', JSON_LIMITS.stringBytesMax),
    objectEntriesMax: readLimit(stanza, 'max_json_object_entry_count', JSON_LIMITS.objectEntriesMax),
    arrayElementsMax: readLimit(stanza, 'max_json_array_element_count', JSON_LIMITS.arrayElementsMax),
    tokensMax: readLimit(stanza, 'max_json_token', JSON_LIMITS.tokensMax),
    stringsMax: readLimit(stanza, 'max_request_json_strings', JSON_LIMITS.stringsMax),
    memoryBytesMax: readLimit(stanza, 'max_request_json_memory', JSON_LIMITS.memoryBytesMax),
  };
}

/** Bytes. All headers together have a limit of their own, so that this one may be switched off. */
export function readTokenHeaderSize(stanza: Stanza): number {
  return readLimit(stanza, 'max_token_header_size', PARSE_LIMITS.tokenHeaderBytesMax);
}

function readDepth(stanza: Stanza): number {
  const key = 'max_json_depth';
  const asked = stanza.integer(key) ?? 0;
  if (asked === 0) return JSON_LIMITS.depthMax;
  if (asked < 0 || asked > JSON_DEPTH_MAX) {
    stanza.warn(key, `JSON is taken to a depth of ${JSON_DEPTH_MAX} and no deeper`);
    return JSON_DEPTH_MAX;
  }
  return asked;
}

function readLimit(stanza: Stanza, key: string, byDefault: number): number {
  const asked = stanza.integer(key) ?? 0;
  if (asked === 0) return byDefault;
  return asked < 0 ? Number.POSITIVE_INFINITY : asked;
}
