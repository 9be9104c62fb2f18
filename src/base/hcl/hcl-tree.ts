// The tree that an HCL1 or JSON text becomes. It knows no config and no policy.

import { LatchkeyError } from '../errors.ts';

/** Where something stands. Line and column count from 1; the column counts UTF-16 units. */
export interface HclPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A key or a label, decoded. */
export interface HclName {
  readonly text: string;
  readonly at: HclPosition;
}

/** `key = value`, `key { … }` and `key "label" … { … }`. Repeated keys stay apart, in the order of the text. */
export interface HclEntry {
  readonly key: HclName;
  /** Empty unless the value is a body. */
  readonly labels: readonly HclName[];
  readonly value: HclValue;
}

export interface HclBody {
  readonly kind: 'body';
  readonly entries: readonly HclEntry[];
  readonly at: HclPosition;
}

export type HclValue =
  | HclBody
  | { readonly kind: 'list'; readonly items: readonly HclValue[]; readonly at: HclPosition }
  | { readonly kind: 'string'; readonly value: string; readonly at: HclPosition }
  /** `text` keeps what was written: an integer beyond 2^53 is exact only there. */
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly at: HclPosition }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: HclPosition }
  /** JSON alone has it. */
  | { readonly kind: 'null'; readonly at: HclPosition };

/** Largest text, bytes of UTF-8. */
export const HCL_BYTES_MAX = 1024 * 1024;
/** Deepest nesting of blocks, objects and lists. */
export const HCL_DEPTH_MAX = 64;
/** Most keys, labels and values in one text. */
export const HCL_NODES_MAX = 100_000;

/** `vault.hcl:12:3`, the way editors and terminals jump to. Line 0 stands for something that is no file. */
export function showPosition({ file, line, column }: HclPosition): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** A syntax error with its place apart. `text` never quotes the file: a secret may stand at the very place. */
export class HclSyntaxError extends LatchkeyError {
  readonly at: HclPosition;
  readonly text: string;

  constructor(at: HclPosition, text: string) {
    super('config_invalid', `${showPosition(at)}: ${text}`);
    this.at = at;
    this.text = text;
  }
}

export function syntaxError(at: HclPosition, text: string): HclSyntaxError {
  return new HclSyntaxError(at, text);
}

/** Counts what one text may hold; shared by the HCL and the JSON reader. */
export class HclBudget {
  #nodes = 0;

  /** @throws LatchkeyError config_invalid if the text is larger than HCL_BYTES_MAX or holds a NUL. */
  static checkText(text: string, file: string): void {
    const start: HclPosition = { file, line: 1, column: 1 };
    // UTF-8 takes at most three bytes for a UTF-16 unit, so that short texts need no count.
    if (text.length * 3 > HCL_BYTES_MAX && Buffer.byteLength(text) > HCL_BYTES_MAX) {
      throw syntaxError(start, `the text is larger than ${HCL_BYTES_MAX} bytes`);
    }
    const nul = text.indexOf('\0');
    if (nul < 0) return;
    const before = text.slice(0, nul).split('\n');
    const at = { file, line: before.length, column: (before.at(-1) ?? '').length + 1 };
    throw syntaxError(at, 'a NUL byte; is this a text file?');
  }

  node(at: HclPosition): void {
    this.#nodes += 1;
    if (this.#nodes > HCL_NODES_MAX) throw syntaxError(at, `more than ${HCL_NODES_MAX} keys and values`);
  }

  static depth(at: HclPosition, depth: number): void {
    if (depth > HCL_DEPTH_MAX) throw syntaxError(at, `nested deeper than ${HCL_DEPTH_MAX} levels`);
  }
}
