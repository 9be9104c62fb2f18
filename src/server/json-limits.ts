// How complex the JSON of a request may be: the max_json_* keys of Vault's listener and OpenBao's max_request_json_*.

import { LatchkeyError } from '../base/errors.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';

/** `Infinity` for no limit. */
export interface JsonLimits {
  readonly depthMax: number;
  /** Of one string, decoded; names of members count as strings everywhere here. */
  readonly stringBytesMax: number;
  readonly objectEntriesMax: number;
  readonly arrayElementsMax: number;
  /** Brackets, names and values, all together. */
  readonly tokensMax: number;
  readonly stringsMax: number;
  /** Estimated, as OpenBao estimates it. */
  readonly memoryBytesMax: number;
}

/**
 * Vault's defaults, but for the depth, and for the length of a string: 1 MiB there refused what transit had always taken.
 * What only OpenBao limits is unlimited unless it is set.
 */
export const JSON_LIMITS: JsonLimits = {
  depthMax: JSON_DEPTH_MAX,
  stringBytesMax: Number.POSITIVE_INFINITY,
  objectEntriesMax: 10_000,
  arrayElementsMax: 10_000,
  tokensMax: 500_000,
  stringsMax: Number.POSITIVE_INFINITY,
  memoryBytesMax: Number.POSITIVE_INFINITY,
};

/** Bytes that OpenBao reckons for a token, beside what a string holds. */
const COST = { object: 88, array: 40, string: 32, number: 24, literal: 17 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

interface Container {
  readonly isObject: boolean;
  count: number;
}

/**
 * One pass over the text, which need not be JSON: what is wrong with it otherwise is found by whoever parses it.
 * @throws LatchkeyError payload_too_large, with Vault's texts.
 */
export function checkJsonLimits(text: string, limits: JsonLimits): void {
  if (!mayExceed(text.length, limits)) return;
  const open: Container[] = [];
  const used = { tokens: 0, strings: 0, memory: 0 };
  const token = (cost: number) => {
    used.tokens += 1;
    used.memory += cost;
    if (used.tokens > limits.tokensMax) throw excess('JSON payload exceeds allowed token count');
    if (used.memory > limits.memoryBytesMax) throw excess('exceeded maximum estimated memory limits');
  };
  for (let at = 0; at < text.length; at += 1) {
    const unit = text[at] ?? '';
    if (unit === '"') {
      const string = readString(text, at, limits.stringBytesMax);
      at = string.end;
      token(COST.string + string.bytes);
      used.strings += 1;
      if (used.strings > limits.stringsMax) throw excess('exceeded maximum number of strings');
      // A name is counted with its value, below, by the colon between them.
      element(open, limits);
    } else if (unit === ':') {
      colon(open, limits);
    } else if (unit === '{' || unit === '[') {
      element(open, limits);
      token(unit === '{' ? COST.object : COST.array);
      open.push({ isObject: unit === '{', count: 0 });
      if (open.length > limits.depthMax) throw excess('JSON input exceeds allowed nesting depth');
    } else if (unit === '}' || unit === ']') {
      token(0);
      open.pop();
    } else if (/[-\d\w]/.test(unit)) {
      while (/[-+.\w]/.test(text[at + 1] ?? '')) at += 1;
      element(open, limits);
      token(/[-\d]/.test(unit) ? COST.number : COST.literal);
    }
  }
}

/** Most bodies are too short to exceed anything. */
function mayExceed(length: number, limits: JsonLimits): boolean {
  const { depthMax, stringBytesMax, objectEntriesMax, arrayElementsMax, tokensMax, stringsMax } = limits;
  const counts = Math.min(depthMax, objectEntriesMax, arrayElementsMax, tokensMax, stringsMax);
  return length > counts || length * 3 > stringBytesMax || length * COST.object > limits.memoryBytesMax;
}

function element(open: readonly Container[], { arrayElementsMax }: JsonLimits): void {
  const container = open.at(-1);
  if (container === undefined || container.isObject) return;
  container.count += 1;
  if (container.count > arrayElementsMax) throw excess('JSON array exceeds allowed element count');
}

function colon(open: readonly Container[], { objectEntriesMax }: JsonLimits): void {
  const container = open.at(-1);
  if (container === undefined) return;
  container.count += 1;
  if (container.count > objectEntriesMax) throw excess('JSON object exceeds allowed entry count');
}

/** From its opening quote; `end` is where its closing one stands, or the end of the text. */
function readString(text: string, start: number, bytesMax: number): { end: number; bytes: number } {
  let bytes = 0;
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) break;
    if (unit !== BACKSLASH) bytes += utf8Size(unit);
    else if (text[at + 1] === 'u') {
      bytes += utf8Size(Number.parseInt(text.slice(at + 2, at + 6), 16));
      at += 5;
    } else {
      bytes += 1;
      at += 1;
    }
    if (bytes > bytesMax) throw excess('JSON string value exceeds allowed length');
  }
  return { end: at, bytes };
}

/** Each half of a surrogate pair is two of its four bytes. */
function utf8Size(unit: number): number {
  if (unit < 0x80) return 1;
  return unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3;
}

function excess(text: string): LatchkeyError {
  return new LatchkeyError('payload_too_large', text);
}
