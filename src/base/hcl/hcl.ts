// Reads HCL1, the language of Vault's config files and policies, into a tree with positions. JSON gives the same tree.

import { parseHclJson } from './hcl-json.ts';
import { HclLexer, type HclToken } from './hcl-lexer.ts';
import {
  type HclBody,
  HclBudget,
  type HclEntry,
  type HclName,
  type HclPosition,
  type HclValue,
  syntaxError,
} from './hcl-tree.ts';

export type { HclBody, HclEntry, HclName, HclPosition, HclValue } from './hcl-tree.ts';

/**
 * Parses one text of at most 1 MiB. It is JSON if `fileName` ends in `.json` or the text starts with `{`.
 * Newlines mean nothing in HCL1: a block may stand on one line with several arguments, with or without commas.
 * Repeated keys are kept, so that the caller can tell a list of blocks from a mistake.
 * @throws LatchkeyError config_invalid with file, line, column and what was expected; it never quotes the text.
 */
export function parseHcl(text: string, fileName: string): HclBody {
  HclBudget.checkText(text, fileName);
  const isJson = fileName.endsWith('.json') || /^\uFEFF?\s*\{/.test(text.slice(0, 4_096));
  return isJson ? parseHclJson(text, fileName) : new Parser(text, fileName).file();
}

class Parser {
  readonly #lexer: HclLexer;
  readonly #budget = new HclBudget();
  #token: HclToken;

  constructor(text: string, file: string) {
    this.#lexer = new HclLexer(text, file);
    this.#token = this.#lexer.next();
  }

  file(): HclBody {
    const { file } = this.#token.at;
    return this.#body({ file, line: 1, column: 1 }, 'end', 0);
  }

  #take(): HclToken {
    const taken = this.#token;
    this.#token = this.#lexer.next();
    return taken;
  }

  get #atEnd(): boolean {
    return this.#token.kind === 'end';
  }

  #isMark(mark: string): boolean {
    return this.#token.kind === 'mark' && this.#token.text === mark;
  }

  #takeMark(mark: string): boolean {
    if (!this.#isMark(mark)) return false;
    this.#take();
    return true;
  }

  /** Entries up to `closing`, which is taken. */
  #body(at: HclPosition, closing: 'end' | '}', depth: number): HclBody {
    HclBudget.depth(at, depth);
    const entries: HclEntry[] = [];
    for (;;) {
      if (closing === '}' ? this.#takeMark('}') : this.#atEnd) return { kind: 'body', entries, at };
      if (this.#atEnd) {
        throw syntaxError(at, 'the block that opens here is not closed; expected }');
      }
      entries.push(this.#entry(closing, depth));
      this.#takeMark(',');
    }
  }

  /** One key with its value, or one block with its labels. */
  #entry(closing: 'end' | '}', depth: number): HclEntry {
    const expected = closing === '}' ? 'a key or }' : 'a key';
    const first = this.#name();
    if (!first) throw this.#unexpected(expected);
    const { key, quoted } = first;
    const labels: HclName[] = [];
    for (let label = this.#name(); label; label = this.#name()) labels.push(label.key);
    const open = this.#token.at;
    if (this.#takeMark('{')) return { key, labels, value: this.#body(open, '}', depth + 1) };
    if (labels.length > 0) throw this.#unexpected('{ behind the labels (labels go with a block, not with =)');
    // HCL1 has `=` alone; `"key": value` is what people copy out of JSON.
    if (this.#takeMark('=') || (quoted && this.#takeMark(':')))
      return { key, labels, value: this.#value(depth) };
    throw this.#unexpected('=, { or a label behind the key');
  }

  #name(): { key: HclName; quoted: boolean } | undefined {
    if (this.#token.kind !== 'word' && this.#token.kind !== 'string') return undefined;
    const { text, at, kind } = this.#take();
    this.#budget.node(at);
    return { key: { text, at }, quoted: kind === 'string' };
  }

  #value(depth: number): HclValue {
    const { kind, text, value, at } = this.#token;
    this.#budget.node(at);
    if (kind === 'string') {
      this.#take();
      return { kind: 'string', value: text, at };
    }
    if (kind === 'number') {
      this.#take();
      return { kind: 'number', value, text, at };
    }
    if (kind === 'word' && (text === 'true' || text === 'false')) {
      this.#take();
      return { kind: 'boolean', value: text === 'true', at };
    }
    if (this.#takeMark('[')) return this.#list(at, depth + 1);
    if (this.#takeMark('{')) return this.#body(at, '}', depth + 1);
    throw this.#unexpected('a value: "text", a number, true, false, [ or {');
  }

  /** Items with commas between them; one may stand behind the last. */
  #list(at: HclPosition, depth: number): HclValue {
    HclBudget.depth(at, depth);
    const items: HclValue[] = [];
    while (!this.#takeMark(']')) {
      if (this.#atEnd) throw syntaxError(at, 'the list that opens here is not closed; expected ]');
      items.push(this.#value(depth));
      if (!this.#takeMark(',') && !this.#isMark(']') && !this.#atEnd) {
        throw this.#unexpected(', or ] behind the list item');
      }
    }
    return { kind: 'list', items, at };
  }

  #unexpected(expected: string): Error {
    return syntaxError(this.#token.at, `expected ${expected}, found ${describe(this.#token)}`);
  }
}

/** Names the kind of a token, never its text: it may be an unquoted secret. */
function describe({ kind, text }: HclToken): string {
  if (kind === 'end') return 'the end of the file';
  if (kind === 'mark') return text;
  if (kind === 'word') return 'a bare word (text needs double quotes; a yes or no is true or false)';
  return kind === 'string' ? 'quoted text' : 'a number';
}
