// Sizes, names, dead files, titles: what a file looks like from outside.

import { posix } from 'node:path';
import type { FunctionSpan } from './structure.ts';
import { type Finding, referencesOf, type SourceFile, type Tree } from './tree.ts';

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 70;
/** A story of one test may be longer than a function, but not without end. */
export const TEST_CALLBACK_LINES_MAX = 120;

/** Tests may be longer. */
export function fileLengthFindings(tree: Tree): Finding[] {
  return tree.sources
    .filter((source) => !source.isTest && source.lines > FILE_LINES_MAX)
    .map((source) => ({
      file: source.path,
      line: source.lines,
      words: `has ${source.lines} lines, more than ${FILE_LINES_MAX}`,
      amount: source.lines,
    }));
}

export function functionLengthFindings(tree: Tree): Finding[] {
  return tree.sources.flatMap((source) =>
    source.functions.flatMap((span) => {
      const lines = ownLines(source, span);
      const isTestStory = source.isTest && span.callbackOf !== undefined;
      const linesMax = isTestStory ? TEST_CALLBACK_LINES_MAX : FUNCTION_LINES_MAX;
      if (lines <= linesMax) return [];
      const words = `${span.name} has ${lines} lines, more than ${linesMax}`;
      return [{ file: source.path, line: span.line, words, amount: lines }];
    }),
  );
}

/** In a test, the callbacks of the tests inside (of a `describe`, of a contract suite) count for themselves. */
function ownLines(source: SourceFile, span: FunctionSpan): number {
  const lines = span.lineEnd - span.line + 1;
  if (!source.isTest) return lines;
  const inside = source.functions.filter((other) => other.callbackOf !== undefined && isWithin(other, span));
  const outermost = inside.filter((one) => !inside.some((other) => isWithin(one, other)));
  return outermost.reduce((rest, other) => rest - (other.lineEnd - other.line), lines);
}

function isWithin(inner: FunctionSpan, outer: FunctionSpan): boolean {
  return inner !== outer && inner.line >= outer.line && inner.lineEnd <= outer.lineEnd;
}

const DRAWERS = /^(utils?|helpers?|commons?|misc)$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Names that the world expects in capitals, and Helm's own. */
const FREE_NAME = /^(README|CHANGELOG|SECURITY|CONTRIBUTING|LICENSE|NOTICE|Dockerfile)(\.[a-z.-]+)?$/;
const FREE_FOLDER = /^(chart|console|test\/vectors|\.ci)\//;

export function nameFindings(tree: Tree): Finding[] {
  return tree.paths.flatMap((path) => {
    const segments = path.split('/');
    const drawer = segments.find((segment) => DRAWERS.test(segment.split('.')[0] ?? ''));
    if (drawer !== undefined)
      return [{ file: path, line: 1, words: `${drawer} is a drawer: name what is in it` }];
    if (FREE_FOLDER.test(path)) return [];
    const odd = segments.find(
      (segment) => !KEBAB.test(segment) && !FREE_NAME.test(segment) && segment[0] !== '.',
    );
    return odd === undefined ? [] : [{ file: path, line: 1, words: `${odd} is not kebab-case` }];
  });
}

/** Run by a person, an npm script, the test runner or a shell, not imported. */
const ENTRY = /^(src\/main\.ts|(tools|bench|demo)\/[^/]+|.*\.(test|fuzz)\.ts)$/;

/** From here the product and the local Azure are reached; a house without a door yet has no dead rooms. */
const DOORS: Readonly<Record<string, RegExp>> = {
  src: /^src\/main\.ts$/,
  emulator: /^emulator\/(src\/)?(main|cli|index)\b/,
};

/** A file that is neither an entry nor imported or named by another one. */
export function deadFileFindings(tree: Tree): Finding[] {
  const known = new Set(tree.sources.map((source) => source.path));
  const alive = new Set(tree.sources.flatMap((source) => referencesOf(source, known)));
  for (const path of tree.paths.filter(isWiring)) {
    for (const [name] of tree.text(path).matchAll(/[\w./-]+\.(?:ts|mts|mjs|js)\b/g)) {
      alive.add(posix.join(path.startsWith('emulator/') ? 'emulator' : '.', name));
      alive.add(posix.normalize(name));
      alive.add(posix.join(posix.dirname(path), name));
    }
  }
  return tree.sources
    .filter((source) => !ENTRY.test(source.path) && !alive.has(source.path) && hasDoor(tree, source.path))
    .map((source) => ({ file: source.path, line: 1, words: 'nobody imports it' }));
}

function hasDoor(tree: Tree, path: string): boolean {
  const door = DOORS[path.split('/')[0] ?? ''];
  return door === undefined || tree.paths.some((other) => door.test(other));
}

function isWiring(path: string): boolean {
  return path.endsWith('package.json') || /^(bin|\.ci)\/|^Dockerfile/.test(path);
}

export function titleFindings(tree: Tree): Finding[] {
  return tree.paths
    .filter((path) => path.endsWith('.md') && !/^#{1} \S/.test(tree.text(path).trimStart()))
    .map((path) => ({ file: path, line: 1, words: 'does not start with a title' }));
}
