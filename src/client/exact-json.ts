// JSON whose numbers survive: a secret may hold 12345678901234567890 or 1.0, which a JavaScript number would change.

import { type JsonValue, parseJson } from '../base/json.ts';

/** TC39 "JSON.parse source text access", in Node 26 but not yet in the type library. */
interface SourceTextJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): JsonValue;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}
const sourceTextJson = JSON as unknown as SourceTextJson;

/**
 * As `parseJson`, but a number whose text JavaScript would print otherwise becomes a raw-JSON object, which
 * `JSON.stringify` writes back as it was and `exactNumber` reads.
 * @throws LatchkeyError bad_request.
 */
export function parseExactJson(text: string): JsonValue {
  const plain = parseJson(text);
  // Almost no answer has such a number; only then pay for the slow second parse.
  if (!/\d{16}|\d[.eE]/.test(text)) return plain;
  return sourceTextJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? sourceTextJson.rawJSON(source)
      : value,
  ) as JsonValue;
}

/** The text of a number kept by `parseExactJson`; undefined for every other value. */
export function exactNumber(value: unknown): string | undefined {
  return sourceTextJson.isRawJSON(value) ? value.rawJSON : undefined;
}
