// Feeds a parser bytes that nobody meant for it: made up by fast-check, and made from good examples by small changes.
// What must hold whatever comes: it answers or refuses with one of our own errors, soon, within some memory, and leaves
// no trace on the prototypes of the language.

import fc from 'fast-check';
import { LatchkeyError } from '../../src/base/errors.ts';

/** A parser of foreign bytes, as the `*.fuzz.ts` beside it describes it. */
export interface FuzzTarget {
  readonly name: string;
  /** Good examples, and bad ones that once mattered. */
  readonly corpus: readonly Uint8Array[];
  /** Words of its language, mixed into the examples. */
  readonly words?: readonly string[];
  /** Largest input to try, bytes; at most what the parser's caller lets through. Default 64 KiB. */
  readonly bytesMax?: number;
  /** Further errors that are a refusal here: those that do not cross the room's border. */
  readonly refusals?: readonly (new (
    ...args: never[]
  ) => Error)[];
  /** Parses, and throws anything that is no refusal if a property of the result does not hold. */
  run(input: Uint8Array): unknown;
}

export interface FuzzResult {
  readonly runs: number;
  /** Different ends: an answer, or a refusal of its own words. */
  readonly ends: number;
  readonly slowestMs: number;
}

export interface FuzzPlan {
  readonly seed: number;
  /** Stops after so many inputs or so much time, whichever is first. */
  readonly runs?: number;
  readonly milliseconds?: number;
  /** Longest that one input may take, milliseconds. Default 1,500: far over what it takes, also on a busy machine. */
  readonly runMsMax?: number;
}

const RUN_MS_MAX = 1_500;
const HEAP_BYTES_MAX = 768 * 1024 * 1024;
const POOL_MAX = 400;
const GENERATED = 50;

/** @throws FuzzFailure with the input and how to get it again. */
export async function fuzz(target: FuzzTarget, plan: FuzzPlan): Promise<FuzzResult> {
  const { seed, runs = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY } = plan;
  const source = new InputSource(target, seed);
  const ends = new Set<string>();
  const startedAt = performance.now();
  let slowestMs = 0;
  let count = 0;
  for (; count < runs && performance.now() - startedAt < milliseconds; count += 1) {
    const input = source.next();
    const { end, tookMs } = await tryOne(target, input, `seed ${seed}, input ${count}`, plan.runMsMax);
    slowestMs = Math.max(slowestMs, tookMs);
    // An end that was not seen before is worth more changes: what coverage would tell, as seen from outside.
    if (!ends.has(end)) source.keep(input);
    ends.add(end);
  }
  return { runs: count, ends: ends.size, slowestMs: Math.round(slowestMs) };
}

export class FuzzFailure extends Error {
  constructor(target: FuzzTarget, where: string, input: Uint8Array, words: string, cause?: unknown) {
    const shown = input.byteLength > 4_096 ? `${input.byteLength} bytes, not shown` : hexOf(input);
    super(`${target.name}: ${words}\n  ${where}\n  input (hex): ${shown}`, { cause });
    this.name = 'FuzzFailure';
  }
}

/** Runs the target on one input, which need not come from a generator: regression tests use it too. */
export async function tryOne(
  target: FuzzTarget,
  input: Uint8Array,
  where: string,
  runMsMax = RUN_MS_MAX,
): Promise<{ readonly end: string; readonly tookMs: number }> {
  // What the target does to its input must not change what is reported.
  const given = input.slice();
  const prototypes = prototypeNames();
  const startedAt = performance.now();
  let end = 'answered';
  try {
    await target.run(given);
  } catch (error) {
    if (!isRefusal(target, error))
      throw new FuzzFailure(target, where, input, `threw ${String(error)}`, error);
    end = `${(error as Error).name}: ${(error as Error).message.replaceAll(/\d+|".*"|'.*'/gs, '?').slice(0, 80)}`;
  }
  const tookMs = performance.now() - startedAt;
  if (prototypeNames() !== prototypes) throw new FuzzFailure(target, where, input, 'changed a prototype');
  if (tookMs > runMsMax && (await again(target, given)) > runMsMax) {
    throw new FuzzFailure(target, where, input, `took ${Math.round(tookMs)} ms`);
  }
  if (process.memoryUsage().heapUsed > HEAP_BYTES_MAX) {
    throw new FuzzFailure(target, where, input, `left ${process.memoryUsage().heapUsed} bytes on the heap`);
  }
  return { end, tookMs };
}

/** The shortest of two more tries: a machine that is busy elsewhere is no fault of the parser. */
async function again(target: FuzzTarget, input: Uint8Array): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 2; count += 1) {
    const startedAt = performance.now();
    try {
      await target.run(input.slice());
    } catch {
      // Judged before.
    }
    shortest = Math.min(shortest, performance.now() - startedAt);
  }
  return shortest;
}

function isRefusal(target: FuzzTarget, error: unknown): boolean {
  return (
    error instanceof LatchkeyError || (target.refusals ?? []).some((refusal) => error instanceof refusal)
  );
}

function prototypeNames(): string {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).length)
    .join();
}

class InputSource {
  readonly #target: FuzzTarget;
  readonly #random: () => number;
  readonly #pool: Uint8Array[];
  readonly #bytesMax: number;
  #generated: Uint8Array[] = [];
  #seed: number;

  constructor(target: FuzzTarget, seed: number) {
    this.#target = target;
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#pool = [...target.corpus];
    this.#bytesMax = target.bytesMax ?? 64 * 1024;
  }

  keep(input: Uint8Array): void {
    if (this.#pool.length < POOL_MAX && input.byteLength < 4_096) this.#pool.push(input);
  }

  next(): Uint8Array {
    if (this.#pool.length === 0 || this.#random() < 0.1) return this.#generate();
    let input = this.#any(this.#pool);
    const changes = 1 + Math.floor(this.#random() ** 2 * 8);
    for (let count = 0; count < changes; count += 1) input = this.#change(input);
    return input.subarray(0, this.#bytesMax);
  }

  #generate(): Uint8Array {
    if (this.#generated.length === 0) {
      this.#seed += 1;
      // `fc.string` with such units takes a second to start.
      const points = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 12 });
      const text = fc.oneof(
        points.map((all) => String.fromCodePoint(...all)),
        fc.json(),
      );
      const words = fc.array(fc.oneof(fc.constantFrom('', ...(this.#target.words ?? [])), text), {
        maxLength: 12,
      });
      const input = fc.oneof(
        fc.uint8Array({ maxLength: 512 }),
        text.map((one) => new TextEncoder().encode(one)),
        words.map((all) => new TextEncoder().encode(all.join(''))),
      );
      this.#generated = fc.sample(input, { seed: this.#seed, numRuns: GENERATED });
    }
    return this.#generated.pop() ?? new Uint8Array();
  }

  #change(input: Uint8Array): Uint8Array {
    const at = Math.floor(this.#random() * (input.byteLength + 1));
    const length = Math.floor(this.#random() ** 3 * Math.min(64, input.byteLength - at + 1));
    const [before, after] = [input.subarray(0, at), input.subarray(at)];
    const size = 1 + Math.floor(this.#random() * 4);
    const noise = Uint8Array.from({ length: size }, () => Math.floor(this.#random() * 256));
    switch (Math.floor(this.#random() * 9)) {
      case 0:
        return joined(before, noise, after);
      case 1:
        return joined(before, after.subarray(length));
      case 2:
        return joined(before, input.subarray(at, at + length), after);
      case 3:
        return joined(before, this.#any(this.#pool).subarray(Math.floor(this.#random() * 64)));
      case 4:
        return joined(before, new TextEncoder().encode(this.#word()), after.subarray(length));
      case 5: {
        // Much of the same: what is not linear shows here.
        const piece = input.subarray(at, at + 1 + length);
        const times = Math.floor(this.#random() ** 4 * (this.#bytesMax / Math.max(1, piece.byteLength)));
        return joined(before, ...Array.from({ length: Math.min(times, 20_000) }, () => piece), after);
      }
      default: {
        const changed = input.slice();
        if (at < changed.byteLength) {
          const bit = 1 << Math.floor(this.#random() * 8);
          changed[at] =
            this.#random() < 0.5 ? (changed[at] ?? 0) ^ bit : this.#any([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2f]);
        }
        return changed;
      }
    }
  }

  #word(): string {
    const common = [
      '__proto__',
      'constructor',
      '{',
      '[',
      '"',
      '\\',
      '\u0000',
      '\ud800',
      '%00',
      '-1',
      '1e999',
      '9'.repeat(40),
    ];
    return this.#any([...common, ...(this.#target.words ?? [])]);
  }

  #any<T>(all: readonly T[]): T {
    const one = all[Math.floor(this.#random() * all.length)];
    if (one === undefined) throw new Error('there is nothing to choose from');
    return one;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
