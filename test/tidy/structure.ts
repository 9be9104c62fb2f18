// Finds a file's imports and functions among its tokens.

import type { Token } from './tokens.ts';

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `static` leaves an import at run time, `type` leaves nothing. */
  readonly kind: 'static' | 'dynamic' | 'type';
}

export interface FunctionSpan {
  readonly name: string;
  /** From its head to its closing brace, both included. */
  readonly line: number;
  readonly lineEnd: number;
  /** `test`, `describe`, … if it is the callback of such a call. */
  readonly callbackOf: string | undefined;
}

const TEST_CALLS = new Set(['test', 'it', 'describe', 'suite']);
const CONTROLS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);
const STATEMENTS = new Set(['return', 'throw', 'if', 'for', 'while', 'switch', 'try', 'do', 'const', 'let']);
const TYPE_PREFIXES = new Set([
  'readonly',
  'keyof',
  'typeof',
  'unique',
  'infer',
  'asserts',
  'new',
  '|',
  '&',
  '-',
]);
const TYPE_INFIXES = new Set(['|', '&', 'is', 'extends', '?', ':', '.']);

/** Without comments. */
export function codeOf(tokens: readonly Token[]): Token[] {
  return tokens.filter((token) => token.kind !== 'comment');
}

export function importsOf(code: readonly Token[]): Import[] {
  const imports: Import[] = [];
  for (const [at, token] of code.entries()) {
    if (token.kind !== 'word' || isMember(code, at)) continue;
    const found =
      token.text === 'import' || token.text === 'require'
        ? importAt(code, at)
        : token.text === 'export'
          ? exportAt(code, at)
          : undefined;
    if (found !== undefined) imports.push(found);
  }
  return imports;
}

/** `x.import`, or `import:` as a key. */
function isMember(code: readonly Token[], at: number): boolean {
  const before = code[at - 1]?.text;
  return before === '.' || before === '?.' || code[at + 1]?.text === ':';
}

function importAt(code: readonly Token[], at: number): Import | undefined {
  const next = code[at + 1];
  if (next === undefined || next.text === '.') return undefined;
  if (next.text === '(') {
    const argument = code[at + 2];
    if (argument?.kind !== 'string') return undefined;
    const kind = isTypeQuery(code, at) ? 'type' : 'dynamic';
    return { specifier: unquote(argument), line: argument.line, kind };
  }
  if (code[at]?.text === 'require') return undefined;
  const isType = next.text === 'type' && code[at + 2]?.text !== ',' && !isDefaultNamedType(code, at);
  for (let ahead = at + 1; ahead < code.length; ahead += 1) {
    const token = code[ahead];
    if (token?.kind === 'string') {
      return { specifier: unquote(token), line: token.line, kind: isType ? 'type' : 'static' };
    }
    if (token?.text === ';') break;
  }
  return undefined;
}

/** `typeof import('x')`, and `import('x').Name` where a type is meant: after `:`, `<`, `|`, `as`. */
function isTypeQuery(code: readonly Token[], at: number): boolean {
  const before = code[at - 1]?.text ?? '';
  return before === 'typeof' || before === ':' || before === '<' || before === '|' || before === 'as';
}

/** `import type from 'x'` binds the default export to the name `type`. */
function isDefaultNamedType(code: readonly Token[], at: number): boolean {
  return code[at + 2]?.text === 'from' && code[at + 3]?.kind === 'string';
}

function exportAt(code: readonly Token[], at: number): Import | undefined {
  const isType = code[at + 1]?.text === 'type';
  let ahead = at + (isType ? 2 : 1);
  const first = code[ahead]?.text;
  if (first === '{') ahead = closing(code, ahead) + 1;
  else if (first === '*') ahead += code[ahead + 1]?.text === 'as' ? 3 : 1;
  else return undefined;
  const source = code[ahead + 1];
  if (code[ahead]?.text !== 'from' || source?.kind !== 'string') return undefined;
  return { specifier: unquote(source), line: source.line, kind: isType ? 'type' : 'static' };
}

export function unquote(token: Token): string {
  return token.text.slice(1, -1);
}

/** Functions with a body in braces, nested ones too. */
export function functionsOf(code: readonly Token[]): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  const open: number[] = [];
  const heads = new Map<number, number>();
  for (const [at, token] of code.entries()) {
    if (token.kind !== 'punctuator') continue;
    if (token.text === '{') {
      const head = headOf(code, at, heads);
      if (head !== undefined) spans.push(spanAt(code, head, at, open.at(-1)));
    }
    if ('([{'.includes(token.text)) open.push(at);
    else if (')]}'.includes(token.text)) {
      const opener = open.pop() ?? 0;
      if (token.text === ')') noteHead(code, at, opener, heads);
    }
  }
  return spans;
}

function spanAt(
  code: readonly Token[],
  head: number,
  brace: number,
  around: number | undefined,
): FunctionSpan {
  const line = code[head]?.line ?? 1;
  const lineEnd = code[closing(code, brace)]?.lineEnd ?? line;
  return { name: nameAt(code, head), line, lineEnd, callbackOf: calleeOf(code, around) };
}

/** If parameters end at `close`, remembers where their function starts, under the place of its `{` or `=>`. */
function noteHead(code: readonly Token[], close: number, open: number, heads: Map<number, number>): void {
  if (isControl(code, open)) return;
  // `(): (A | B) => {`: the parameters came first, the parenthesis of the type must not take their place.
  const body = code[close + 1]?.text === ':' ? typeEnd(code, close + 2) : close + 1;
  const opens = heads.has(body) ? undefined : code[body]?.text;
  if (opens === '=>') heads.set(body, open);
  else if (opens === '{')
    heads.set(body, code[open - 1]?.text === '>' ? opening(code, open - 1) - 1 : open - 1);
}

/** `if (…)`, `for await (…)`; a method named `catch` after a dot or in an object counts as one, which does no harm. */
function isControl(code: readonly Token[], open: number): boolean {
  const before = code[open - 1];
  const earlier = code[open - 2]?.text;
  if (before?.kind !== 'word' || earlier === '.') return false;
  return CONTROLS.has(before.text) || (before.text === 'await' && earlier === 'for');
}

function headOf(
  code: readonly Token[],
  brace: number,
  heads: ReadonlyMap<number, number>,
): number | undefined {
  if (code[brace - 1]?.text !== '=>') return heads.get(brace);
  return heads.get(brace - 1) ?? brace - 2;
}

function nameAt(code: readonly Token[], head: number): string {
  const token = code[head];
  if (token?.kind === 'word' && token.text !== 'function') return token.text;
  for (let back = head - 1; back >= 0 && back > head - 4; back -= 1) {
    const before = code[back];
    if (before?.kind === 'word' && before.text !== 'async') return before.text;
  }
  return 'anonymous';
}

/** The test call of which the function is an argument, if the bracket around it is that call's parenthesis. */
function calleeOf(code: readonly Token[], around: number | undefined): string | undefined {
  if (around === undefined || code[around]?.text !== '(') return undefined;
  const callee = code[around - 1];
  return callee?.kind === 'word' && TEST_CALLS.has(callee.text) ? callee.text : undefined;
}

/** Index after the type that starts at `at`; where it is no type at all, some index that no body follows. */
function typeEnd(code: readonly Token[], at: number): number {
  let index = at;
  for (;;) {
    while (TYPE_PREFIXES.has(code[index]?.text ?? '')) index += 1;
    const token = code[index];
    if (token === undefined || (token.kind === 'word' && STATEMENTS.has(token.text))) return code.length;
    const bracket = token.text === '(' || token.text === '[' || token.text === '{';
    if (!bracket && token.kind === 'punctuator') return code.length;
    index = bracket ? closing(code, index) + 1 : index + 1;
    if (token.text === '(' && code[index]?.text === '=>') {
      if (code[index + 1]?.text === '{' && !bodyFollows(code, index + 1)) return index;
      index += 1;
      continue;
    }
    if (token.text === 'import' && code[index]?.text === '(') index = closing(code, index) + 1;
    while (code[index]?.text === '[' || code[index]?.text === '<') index = closing(code, index) + 1;
    if (!TYPE_INFIXES.has(code[index]?.text ?? '')) return index;
    index += 1;
  }
}

/** Tells `(): (x) => { a: string } { … }`, a function type as return type, from an arrow's own body. */
function bodyFollows(code: readonly Token[], brace: number): boolean {
  return code[closing(code, brace) + 1]?.text === '{';
}

/** Index of the bracket that closes the one at `open`. Angle brackets hold types only, where `=>` is one token. */
export function closing(code: readonly Token[], open: number): number {
  const angle = code[open]?.text === '<';
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    const token = code[at];
    if (token?.kind !== 'punctuator') continue;
    if ('([{'.includes(token.text) || (angle && token.text === '<')) depth += 1;
    else if (')]}'.includes(token.text) || (angle && token.text === '>')) depth -= 1;
    if (depth === 0) return at;
  }
  return code.length - 1;
}

/** Index of the `<` that the `>` at `close` closes. */
function opening(code: readonly Token[], close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    if (code[at]?.text === '>') depth += 1;
    else if (code[at]?.text === '<') depth -= 1;
    if (depth === 0) return at;
  }
  return close;
}
