// Words that must not stand in the code, or only in some rooms.

import type { Token } from './tokens.ts';
import type { Finding, SourceFile, Tree } from './tree.ts';

type Verdict = string | undefined;

/** Talks to a person on a terminal. */
const SPEAKS = /^(src\/cli|tools|bench|demo|emulator\/(src\/)?(cli|main)(\/|[\w.-]*\.ts$))/;
const KNOWS_ENVIRONMENT =
  /^(src\/main\.ts|src\/cli|tools|bench|demo|emulator\/(src\/)?(cli|main)(\/|[\w.-]*\.ts$))/;
const KNOWS_HTTP = /^src\/(server|client|cli|seal\/azure-key-vault)\//;

export function typeEscapeFindings(tree: Tree): Finding[] {
  return [...eachCode(tree, anyFault), ...eachComment(tree, suppressionFault)];
}

/** `any` as a type: neither a member, nor a key, nor a method. */
function anyFault(code: readonly Token[], at: number): Verdict {
  if (code[at]?.text !== 'any' || code[at]?.kind !== 'word') return undefined;
  const before = code[at - 1]?.text ?? '';
  const after = code[at + 1]?.text ?? '';
  const isType =
    [':', '<', 'as', '|', '&', '=', ',', '=>'].includes(before) && ![':', '(', '?'].includes(after);
  return isType ? 'the type any' : undefined;
}

function suppressionFault(text: string): Verdict {
  if (/@ts-(ignore|nocheck)/.test(text)) return 'a type error is silenced';
  const expected = /@ts-expect-error(.*)/.exec(text);
  if (expected !== null && (expected[1] ?? '').trim().length < 10) return '@ts-expect-error without a reason';
  const ignored = /biome-ignore(.*)/.exec(text);
  if (ignored !== null && !/^[\w-]* [\w/]+: .{10,}/.test(ignored[1] ?? ''))
    return 'biome-ignore without a reason';
  return undefined;
}

export function leftoverFindings(tree: Tree): Finding[] {
  return eachComment(tree, (text) => {
    const found = /\b(TODO|FIXME|XXX|HACK)\b/.exec(text);
    return found === null ? undefined : `a ${found[1]} is left`;
  });
}

export function consoleFindings(tree: Tree): Finding[] {
  return eachCode(tree, (code, at, source) => {
    const speaks = code[at]?.text === 'console' && code[at + 1]?.text === '.' && code[at - 1]?.text !== '.';
    return speaks && !SPEAKS.test(source.path) ? `console.${code[at + 2]?.text}` : undefined;
  });
}

export function environmentFindings(tree: Tree): Finding[] {
  return eachCode(tree, (code, at, source) => {
    if (source.isTest || KNOWS_ENVIRONMENT.test(source.path)) return undefined;
    const reads = code[at]?.text === 'process' && code[at + 1]?.text === '.' && code[at + 2]?.text === 'env';
    const imports = code[at]?.text === 'env' && isProcessImport(code, at);
    return reads || imports ? 'reads the environment' : undefined;
  });
}

function isProcessImport(code: readonly Token[], at: number): boolean {
  const ahead = code.slice(at, at + 12);
  const from = ahead.findIndex((token) => token.text === 'from');
  return from > 0 && ahead[from + 1]?.text.includes('process') === true && !ahead.slice(0, from).some(isEnd);
}

function isEnd(token: Token): boolean {
  return token.text === ';';
}

const HTTP_STATUS = new Set(
  '200 201 202 204 206 301 302 303 304 307 308 400 401 403 404 405 406 409 410 412 413 415 422 429 431 472 473 474 500 501 502 503 504'.split(
    ' ',
  ),
);

/** A number of that kind on a line that also speaks of a status, or of HTTP. */
export function httpStatusFindings(tree: Tree): Finding[] {
  return eachCode(tree, (code, at, source) => {
    const token = code[at];
    if (token?.kind !== 'number' || !HTTP_STATUS.has(token.text)) return undefined;
    if (!source.path.startsWith('src/') || source.isTest || KNOWS_HTTP.test(source.path)) return undefined;
    const near = code.slice(Math.max(0, at - 30), at + 30).filter((other) => other.line === token.line);
    const speaksOfIt = near.some((other) => other.kind === 'word' && /status|http/i.test(other.text));
    return speaksOfIt ? `the HTTP status ${token.text}` : undefined;
  });
}

const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 't']);
const IDLE = new Set(['skip', 'todo', 'only']);

/** `test.skip(…)`, `t.todo()`, `{ only: … }`. */
export function idleTestFindings(tree: Tree): Finding[] {
  return eachCode(tree, (code, at, source) => {
    const token = code[at];
    if (!source.isTest || token?.kind !== 'word' || !IDLE.has(token.text)) return undefined;
    const called = code[at - 1]?.text === '.' && RUNNERS.has(code[at - 2]?.text ?? '');
    const asked = code[at + 1]?.text === ':' && ['{', ','].includes(code[at - 1]?.text ?? '');
    return called || asked ? `a test does not run: ${token.text}` : undefined;
  });
}

function eachCode(
  tree: Tree,
  judge: (code: readonly Token[], at: number, source: SourceFile) => Verdict,
): Finding[] {
  return tree.sources.flatMap((source) =>
    source.code.flatMap((token, at) => {
      const words = judge(source.code, at, source);
      return words === undefined ? [] : [{ file: source.path, line: token.line, words }];
    }),
  );
}

function eachComment(tree: Tree, judge: (text: string) => Verdict): Finding[] {
  return tree.sources.flatMap((source) =>
    source.tokens
      .filter((token) => token.kind === 'comment')
      .flatMap((token) => {
        const words = judge(token.text);
        return words === undefined ? [] : [{ file: source.path, line: token.line, words }];
      }),
  );
}
