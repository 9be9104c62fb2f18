// Fuzz targets of this room: JSON and durations. The HCL parser has its own file.

import assert from 'node:assert/strict';
import { fromUtf8, utf8 } from './bytes.ts';
import { formatDuration, parseDuration } from './durations.ts';
import { isObject, parseJson } from './json.ts';

const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;

/** Ended the process once, by a fault of V8. */
const ILL_FORMED = `{"a":[{${'"k":"v","n":1.0,'.repeat(2_500)}"c":[{"s":"x"x`;

export const jsonTarget = {
  name: 'json',
  corpus: [
    '{}',
    '{"a":[1,2.50,-0,1e400,"\\u00fc"],"b":null}',
    '{"__proto__":{"x":1}}',
    '[[[[[]]]]]',
    ILL_FORMED,
    '"\\ud800"',
  ].map(utf8),
  words: ['{"', '":', '[', ']', '}', ',', '1.0', '9007199254740993', '\\u', 'true', 'null'],
  bytesMax: 512 * 1024,
  run(input: Uint8Array): void {
    const text = textOf(input);
    const value = parseJson(text);
    // To the letter: what is given back is the same value, and is read again.
    const again = JSON.stringify(value);
    assert.equal(JSON.stringify(parseJson(again)), again);
    const plain: unknown = JSON.parse(text);
    assert.deepEqual(JSON.parse(again), plain);
    assert.equal(isObject(value), typeof plain === 'object' && plain !== null && !Array.isArray(plain));
  },
};

export const durationTarget = {
  name: 'duration',
  corpus: ['90s', '1h30m', '2d', '0', '1.5h', '100µs', '876000h', ' 5 '].map(utf8),
  words: ['ns', 'us', 'µs', 'ms', 's', 'm', 'h', 'd', '.', '0', '-', '+', 'e9'],
  run(input: Uint8Array): void {
    const milliseconds = parseDuration(textOf(input));
    if (milliseconds === undefined) return;
    assert.ok(milliseconds >= 0 && milliseconds <= HUNDRED_YEARS_MS, String(milliseconds));
    const again = parseDuration(formatDuration(milliseconds));
    // Printed to the tenth of a second, as far as it is longer than a second.
    assert.ok(
      again !== undefined && Math.abs(again - milliseconds) <= 50.001,
      `${milliseconds} and ${again}`,
    );
  },
};

/** As a caller gets it: bytes that are no UTF-8 never reach these parsers, so they become something that is. */
function textOf(input: Uint8Array): string {
  try {
    return fromUtf8(input);
  } catch {
    return Buffer.from(input).toString('latin1');
  }
}
