// Which web pages may call this cluster from a browser (CORS). One record, format 1; every node reads it for itself.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import type { View } from '../engine/engine.ts';
import type { CorsRules } from './call.ts';
import { CORS_RECORD } from './layout.ts';

/** Undefined: cross-origin requests are as any others, and browsers refuse them. @throws LatchkeyError storage_corrupt */
export async function readCors(view: View): Promise<CorsRules | undefined> {
  const bytes = await view.get(CORS_RECORD);
  if (bytes === undefined) return undefined;
  const value = parseJson(fromUtf8(bytes));
  const isRules =
    isObject(value) && value['format'] === 1 && isTexts(value['origins']) && isTexts(value['headers']);
  if (!isRules) {
    throw new LatchkeyError(
      'storage_corrupt',
      'the CORS rules have a format that this version does not know',
    );
  }
  return {
    origins: value['origins'] as string[],
    headers: value['headers'] as string[],
    credentials: value['credentials'] === true,
  };
}

/** In force on every node within `CORS_FRESH_MS`. */
export async function writeCors(view: View, rules: CorsRules | undefined): Promise<void> {
  if (rules === undefined) return view.delete(CORS_RECORD);
  const { origins, headers, credentials } = rules;
  await view.put(CORS_RECORD, utf8(JSON.stringify({ format: 1, origins, headers, credentials })));
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** How long a node goes by what it has read, milliseconds. */
export const CORS_FRESH_MS = 1_000;

/** Reads the rules at most once in a while, however many browsers ask. */
export class CorsReader {
  readonly #clock: Clock;
  #read: Promise<CorsRules | undefined> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A failure is no answer: the next request asks again. */
  read(view: View): Promise<CorsRules | undefined> {
    const now = this.#clock.monotonic();
    if (this.#read !== undefined && now - this.#readAt < CORS_FRESH_MS) return this.#read;
    const reading = readCors(view);
    this.#read = reading;
    this.#readAt = now;
    reading.catch(() => {
      if (this.#read === reading) this.forget();
    });
    return reading;
  }

  /** When the node is sealed. */
  forget(): void {
    this.#read = undefined;
  }
}
