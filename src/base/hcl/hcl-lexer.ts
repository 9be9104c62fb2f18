// Cuts an HCL1 text into tokens, one at a time, in one pass.

import { type HclPosition, syntaxError } from './hcl-tree.ts';

/** `text` is decoded for strings and heredocs, verbatim for the rest, and empty at the end. */
export interface HclToken {
  readonly kind: 'word' | 'string' | 'number' | 'mark' | 'end';
  readonly text: string;
  /** For numbers. */
  readonly value: number;
  readonly at: HclPosition;
}

const MARKS = new Set(['{', '}', '[', ']', '=', ',', ':']);
const WORD = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)/y;
const HEREDOC = /<<(-?)([\p{L}\p{Nd}_][\p{L}\p{Nd}_.-]*)[ \t]*\r?\n/uy;
/** What may not touch a number's end: `30s`, `10.0.0.1`, `0x`. */
const GLUED = /[\p{L}\p{Nd}_.]/u;

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

export class HclLexer {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  /** @param text without NUL; a byte order mark at its start is skipped. */
  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    if (text.startsWith('\uFEFF')) {
      this.#at = 1;
      this.#lineStart = 1;
    }
  }

  /** @throws LatchkeyError config_invalid on anything that is no token. */
  next(): HclToken {
    this.#skipSpaceAndComments();
    const at = this.#position();
    const first = this.#text[this.#at];
    if (first === undefined) return token('end', '', at);
    if (first === '"') return token('string', this.#string(at), at);
    if (MARKS.has(first)) {
      this.#at += 1;
      return token('mark', first, at);
    }
    if (first === '<' && this.#text[this.#at + 1] === '<') return token('string', this.#heredoc(at), at);
    const number = this.#match(NUMBER);
    if (number) return this.#number(number[0], at);
    const word = this.#match(WORD);
    if (word) return token('word', word[0], at);
    const code = this.#text.codePointAt(this.#at) ?? 0;
    if (first === "'") throw syntaxError(at, 'text stands in double quotes here, not in single ones');
    throw syntaxError(
      at,
      `the character U+${code.toString(16).toUpperCase().padStart(4, '0')} has no meaning here`,
    );
  }

  #position(offset = this.#at): HclPosition {
    return { file: this.#file, line: this.#line, column: offset - this.#lineStart + 1 };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #newLine(lineStart: number): void {
    this.#line += 1;
    this.#lineStart = lineStart;
  }

  #skipSpaceAndComments(): void {
    for (;;) {
      const char = this.#text[this.#at];
      const next = this.#text[this.#at + 1];
      if (char === '\n') {
        this.#at += 1;
        this.#newLine(this.#at);
      } else if (char === ' ' || char === '\t' || char === '\r') this.#at += 1;
      else if (char === '#' || (char === '/' && next === '/')) this.#skipLine();
      else if (char === '/' && next === '*') this.#skipBlockComment();
      else return;
    }
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  /** HCL1 does not nest them. */
  #skipBlockComment(): void {
    const open = this.#position();
    const end = this.#text.indexOf('*/', this.#at + 2);
    if (end < 0) throw syntaxError(open, 'the comment that opens here is not closed; expected */');
    for (let line = this.#text.indexOf('\n', this.#at); line >= 0 && line < end; ) {
      this.#newLine(line + 1);
      line = this.#text.indexOf('\n', line + 1);
    }
    this.#at = end + 2;
  }

  /** Decimal, hexadecimal, octal, float. */
  #number(text: string, at: HclPosition): HclToken {
    const glued = this.#text[this.#at];
    if (glued !== undefined && GLUED.test(glued)) {
      throw syntaxError(
        at,
        'this number runs into other characters; text such as "30s" or "10.0.0.1" needs double quotes',
      );
    }
    const digits = text.startsWith('-') ? text.slice(1) : text;
    let size = Number(digits);
    // A leading zero means octal, as in Go.
    if (/^0\d+$/.test(digits)) size = /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
    if (Number.isNaN(size))
      throw syntaxError(at, 'a number that starts with 0 is octal: only the digits 0 to 7');
    if (!Number.isFinite(size)) throw syntaxError(at, 'this number is too large');
    return { kind: 'number', text, value: digits === text ? size : -size, at };
  }

  #string(open: HclPosition): string {
    const text = this.#text;
    let decoded = '';
    let from = this.#at + 1;
    let at = from;
    for (;;) {
      const char = text[at];
      if (char === undefined || char === '\n') {
        throw syntaxError(
          open,
          'the text that opens here is not closed on its line; expected a double quote',
        );
      }
      if (char === '"') break;
      if (char === '\\') {
        decoded += text.slice(from, at);
        const unescaped = this.#escape(at);
        decoded += unescaped.value;
        at = unescaped.end;
        from = at;
      } else if (char === '$' && text[at + 1] === '{') at = this.#interpolationEnd(at);
      else at += 1;
    }
    this.#at = at + 1;
    return decoded + text.slice(from, at);
  }

  /** `${ … }` is kept as it stands, with quotes and backslashes; returns the offset behind its last brace. */
  #interpolationEnd(start: number): number {
    let depth = 0;
    for (let at = start + 1; ; at += 1) {
      const char = this.#text[at];
      if (char === undefined || char === '\n') {
        throw syntaxError(
          this.#position(start),
          'the interpolation ($ and {) that opens here has no } on its line; for a plain dollar sign write \\u0024',
        );
      }
      if (char === '{') depth += 1;
      else if (char === '}') {
        depth -= 1;
        if (depth === 0) return at + 1;
      }
    }
  }

  /** Go's escapes, which HCL1 has taken over. */
  #escape(start: number): { value: string; end: number } {
    const char = this.#text[start + 1] ?? '';
    const plain = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined;
    if (plain !== undefined) return { value: plain, end: start + 2 };
    const tail = this.#text.slice(start + 1, start + 10);
    const coded = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(tail);
    const code = coded ? codeOf(coded) : undefined;
    if (coded === null || code === undefined) {
      throw syntaxError(
        this.#position(start),
        'a backslash needs one of n r t a b f v " \\ xHH uHHHH UHHHHHHHH NNN behind it; for a plain one write \\\\',
      );
    }
    return { value: String.fromCodePoint(code), end: start + 1 + coded[0].length };
  }

  /** The closing name may be indented in both forms; `<<-` takes that indent off the text too. */
  #heredoc(open: HclPosition): string {
    const head = this.#match(HEREDOC);
    if (!head) throw syntaxError(open, 'expected a name and the end of the line behind <<, as in <<EOF');
    const lines: string[] = [];
    for (;;) {
      this.#newLine(this.#at);
      if (this.#at >= this.#text.length) {
        throw syntaxError(
          open,
          'the << text that opens here is not closed; expected its name alone on a line',
        );
      }
      const feed = this.#text.indexOf('\n', this.#at);
      const end = feed < 0 ? this.#text.length : feed;
      const line = this.#text.slice(this.#at, end);
      if (line.trim() === head[2]) {
        this.#at = end;
        const indent = line.slice(0, line.length - line.trimStart().length);
        return (head[1] === '-' ? unindent(lines, indent) : lines).map((each) => `${each}\n`).join('');
      }
      lines.push(line);
      this.#at = end + (feed < 0 ? 0 : 1);
    }
  }
}

/** `<<-` takes the closing name's indent off every line, or off none if a line has less. Blank lines do not count. */
function unindent(lines: string[], indent: string): string[] {
  if (!lines.every((line) => line.startsWith(indent) || line.trim() === '')) return lines;
  return lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
}

/** Undefined for surrogates and for numbers beyond Unicode. */
function codeOf(match: RegExpExecArray): number | undefined {
  const [, two, four, eight, octal] = match;
  const code =
    octal === undefined ? Number.parseInt(two ?? four ?? eight ?? '', 16) : Number.parseInt(octal, 8);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return surrogate || code > 0x10ffff ? undefined : code;
}

function token(kind: HclToken['kind'], text: string, at: HclPosition): HclToken {
  return { kind, text, value: 0, at };
}
