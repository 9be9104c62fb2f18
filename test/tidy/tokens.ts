// Cuts TypeScript into tokens, well enough to tell code from strings, templates, regexes and comments.
// TypeScript 7 offers its own scanner only under `unstable/`, hence this one.

export type TokenKind = 'word' | 'number' | 'string' | 'template' | 'regex' | 'punctuator' | 'comment';

export interface Token {
  readonly kind: TokenKind;
  /** As in the source; a string keeps its quotes. A template is cut into its literal parts. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly lineEnd: number;
}

const PUNCTUATOR = /=>|\?\?=|\?\?|\?\.(?!\d)|\.\.\.|\+\+|--|&&=?|\|\|=?|===?|!==?|[-+*/%&|^<>]=|[\s\S]/y;
const WORD = /#?[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xob][\da-f_]+|\d[\d_]*(?:\.[\d_]*)?(?:e[-+]?\d+)?|\.\d[\d_]*(?:e[-+]?\d+)?)n?/iy;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y;

/** Words after which an expression starts, so that a slash begins a regex. */
const OPERATOR_WORDS = new Set(
  'return typeof instanceof in of new delete void throw case do else yield await'.split(' '),
);
const PAREN_CONTROLS = new Set(['if', 'while', 'for', 'with']);

/** @throws Error naming the line where the text stops making sense. */
export function tokenize(source: string): Token[] {
  return new Tokenizer(source).run();
}

class Tokenizer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  /** What each open bracket is: a `${` ends in a template part, the rest in themselves. */
  readonly #open: { readonly text: string; readonly control: boolean }[] = [];
  #at = 0;
  #line = 1;
  #last: Token | undefined;
  #closedControl = false;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    if (this.#source.startsWith('#!')) this.#at = this.#source.indexOf('\n');
    while (this.#skipBlank()) this.#next();
    if (this.#open.length > 0) throw new Error(`line ${this.#line}: ${this.#open.at(-1)?.text} never closed`);
    return this.#tokens;
  }

  #skipBlank(): boolean {
    for (; this.#at < this.#source.length; this.#at += 1) {
      const unit = this.#source[this.#at];
      if (unit === '\n') this.#line += 1;
      else if (unit !== ' ' && unit !== '\t' && unit !== '\r' && unit !== '\ufeff') return true;
    }
    return false;
  }

  #next(): void {
    const first = this.#source[this.#at] ?? '';
    if (first === '`') {
      this.#at += 1;
      this.#template();
    } else if (first === '}' && this.#open.at(-1)?.text === '${') {
      this.#open.pop();
      this.#at += 1;
      this.#template();
    } else if (first === '/') this.#slash();
    else if (first === "'" || first === '"') this.#take('string', STRING);
    else if (/[\d]/.test(first) || (first === '.' && /\d/.test(this.#source[this.#at + 1] ?? ''))) {
      this.#take('number', NUMBER);
    } else if (this.#matches(WORD)) this.#take('word', WORD);
    else this.#punctuator();
  }

  #slash(): void {
    if (this.#matches(COMMENT)) this.#take('comment', COMMENT);
    else if (this.#expressionStarts() && this.#matches(REGEX)) this.#take('regex', REGEX);
    else this.#punctuator();
  }

  #template(): void {
    const text = this.#take('template', TEMPLATE_PART);
    if (text.endsWith('${')) this.#open.push({ text: '${', control: false });
  }

  #punctuator(): void {
    const before = this.#last;
    const text = this.#take('punctuator', PUNCTUATOR);
    if (text === '(' || text === '[' || text === '{') {
      const control = text === '(' && before?.kind === 'word' && PAREN_CONTROLS.has(before.text);
      this.#open.push({ text, control });
    } else if (text === ')' || text === ']' || text === '}') {
      const opened = this.#open.pop();
      const fits = { ')': '(', ']': '[', '}': '{' }[text];
      if (opened?.text !== fits) throw new Error(`line ${this.#line}: unexpected ${text}`);
      this.#closedControl = opened.control;
    }
  }

  /** True if a slash here begins a regex and is not a division. */
  #expressionStarts(): boolean {
    const last = this.#last;
    if (last === undefined) return true;
    if (last.kind === 'word') return OPERATOR_WORDS.has(last.text);
    if (last.kind === 'template') return last.text.endsWith('${');
    if (last.kind !== 'punctuator') return false;
    if (last.text === ')') return this.#closedControl;
    return last.text !== ']' && last.text !== '++' && last.text !== '--';
  }

  #matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#source);
  }

  #take(kind: TokenKind, pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text === undefined) throw new Error(`line ${this.#line}: ${kind} never ends`);
    const line = this.#line;
    for (const unit of text) if (unit === '\n') this.#line += 1;
    this.#at += text.length;
    const token: Token = { kind, text, line, lineEnd: this.#line };
    this.#tokens.push(token);
    if (kind !== 'comment') this.#last = token;
    return text;
  }
}
