// Reads JSON into the same tree as HCL1. Own reader, because JSON.parse drops positions and repeated keys.

import {
  type HclBody,
  HclBudget,
  type HclEntry,
  type HclPosition,
  type HclValue,
  syntaxError,
} from './hcl-tree.ts';

/**
 * RFC 8259, with an object at the top. Objects become bodies without labels; repeated keys are kept.
 * @throws LatchkeyError config_invalid
 */
export function parseHclJson(text: string, file: string): HclBody {
  return new JsonReader(text, file).file();
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = ['true', 'false', 'null'] as const;
const ESCAPE = /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/;

class JsonReader {
  readonly #text: string;
  readonly #file: string;
  readonly #budget = new HclBudget();
  #at: number;
  #line = 1;
  #lineStart: number;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    this.#at = text.startsWith('\uFEFF') ? 1 : 0;
    this.#lineStart = this.#at;
  }

  file(): HclBody {
    this.#skipSpace();
    const at = this.#position();
    if (!this.#takeMark('{')) throw this.#unexpected('{ at the start of a JSON file');
    const body = this.#body(at, 0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the file behind the closing }');
    return body;
  }

  #position(): HclPosition {
    return { file: this.#file, line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.#text[this.#at];
      if (char !== ' ' && char !== '\t' && char !== '\r' && char !== '\n') return;
      this.#at += 1;
      if (char === '\n') {
        this.#line += 1;
        this.#lineStart = this.#at;
      }
    }
  }

  #takeMark(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  /** The entries behind an opening brace that stood at `at`. */
  #body(at: HclPosition, depth: number): HclBody {
    HclBudget.depth(at, depth);
    const entries: HclEntry[] = [];
    if (this.#takeMark('}')) return { kind: 'body', entries, at };
    do {
      this.#skipSpace();
      const keyAt = this.#position();
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a key in double quotes');
      this.#budget.node(keyAt);
      const key = { text: this.#string(), at: keyAt };
      if (!this.#takeMark(':')) throw this.#unexpected(': behind the key');
      entries.push({ key, labels: [], value: this.#value(depth) });
    } while (this.#takeMark(','));
    if (!this.#takeMark('}')) throw this.#unexpected(', or } behind the value');
    return { kind: 'body', entries, at };
  }

  #value(depth: number): HclValue {
    this.#skipSpace();
    const at = this.#position();
    this.#budget.node(at);
    if (this.#takeMark('{')) return this.#body(at, depth + 1);
    if (this.#takeMark('[')) return this.#list(at, depth + 1);
    if (this.#text[this.#at] === '"') return { kind: 'string', value: this.#string(), at };
    const word = WORDS.find((each) => this.#text.startsWith(each, this.#at));
    if (word) {
      this.#at += word.length;
      return word === 'null' ? { kind: 'null', at } : { kind: 'boolean', value: word === 'true', at };
    }
    return this.#number(at);
  }

  #number(at: HclPosition): HclValue {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw this.#unexpected('a value: "text", a number, true, false, null, [ or {');
    this.#at += text.length;
    const value = Number(text);
    if (!Number.isFinite(value)) throw syntaxError(at, 'this number is too large');
    return { kind: 'number', value, text, at };
  }

  #list(at: HclPosition, depth: number): HclValue {
    HclBudget.depth(at, depth);
    const items: HclValue[] = [];
    if (this.#takeMark(']')) return { kind: 'list', items, at };
    do items.push(this.#value(depth));
    while (this.#takeMark(','));
    if (!this.#takeMark(']')) throw this.#unexpected(', or ] behind the list item');
    return { kind: 'list', items, at };
  }

  /** Positions need no care inside: a JSON text never spans lines. */
  #string(): string {
    const open = this.#position();
    const start = this.#at;
    for (this.#at += 1; ; this.#at += 1) {
      const unit = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(unit) || unit < 0x20) {
        throw syntaxError(
          open,
          'the text that opens here is not closed on its line; expected a double quote',
        );
      }
      if (unit === 0x22) break;
      if (unit !== 0x5c) continue;
      if (!ESCAPE.test(this.#text.slice(this.#at + 1, this.#at + 6))) {
        throw syntaxError(this.#position(), 'a backslash needs one of " \\ / b f n r t uHHHH behind it');
      }
      this.#at += 1;
    }
    this.#at += 1;
    // The slice was checked above, so that JSON.parse only decodes.
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #unexpected(expected: string): Error {
    this.#skipSpace();
    const found = this.#at < this.#text.length ? 'something else' : 'the end of the file';
    return syntaxError(this.#position(), `expected ${expected}, found ${found}`);
  }
}
