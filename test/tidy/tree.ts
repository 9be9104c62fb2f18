// The project's files as the house rules look at them.

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { codeOf, type FunctionSpan, functionsOf, type Import, importsOf, unquote } from './structure.ts';
import { type Token, tokenize } from './tokens.ts';

/** What a rule found wrong. `amount` is what a length rule measured. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly words: string;
  readonly amount?: number;
}

export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly lines: number;
  readonly tokens: readonly Token[];
  readonly code: readonly Token[];
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSpan[];
  /** `x.test.ts`, `x.contract.ts`, `x.fuzz.ts`, and all under `test/`. */
  readonly isTest: boolean;
}

export interface Tree {
  readonly paths: readonly string[];
  readonly sources: readonly SourceFile[];
  /** @throws if the file is gone. */
  text(path: string): string;
}

/** Not ours, or made by a tool. Folders whose names start with a dot are skipped as well, save `.ci`. */
const FOREIGN_FOLDERS = new Set(['node_modules', 'dist', 'coverage']);

export function readTree(root: string): Tree {
  const paths: string[] = [];
  const walk = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        const hidden = entry.name.startsWith('.') && entry.name !== '.ci';
        if (!hidden && !FOREIGN_FOLDERS.has(entry.name)) walk(path);
      } else if (entry.isFile()) paths.push(path);
    }
  };
  walk('');
  const text = (path: string) => readFileSync(join(root, path), 'utf8');
  const sources = paths.filter(isSource).map((path) => readSource(path, text(path)));
  return { paths: paths.sort(), sources, text };
}

/** The console has its own toolchain and is not read here. */
export function isSource(path: string): boolean {
  return /\.(ts|mts|mjs|js)$/.test(path) && !path.startsWith('console/') && !path.startsWith('test/vectors/');
}

export function readSource(path: string, text: string): SourceFile {
  let tokens: Token[];
  try {
    tokens = tokenize(text);
  } catch (error) {
    throw new Error(`${path} cannot be read as TypeScript`, { cause: error });
  }
  const code = codeOf(tokens);
  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    tokens,
    code,
    imports: importsOf(code),
    functions: functionsOf(code),
    isTest: /\.(test|contract|fuzz)\.ts$/.test(path) || path.startsWith('test/') || path.includes('/test/'),
  };
}

/** Files of this project that `source` imports, and those it names in a string (workers, child processes). */
export function referencesOf(source: SourceFile, known: ReadonlySet<string>): string[] {
  const folder = posix.dirname(source.path);
  const names = source.code
    .filter((token) => token.kind === 'string' || token.kind === 'template')
    .map((token) => (token.kind === 'string' ? unquote(token) : token.text.replace(/^`|`$|\$\{$/g, '')))
    .filter((name) => /\.(ts|mts|mjs|js)$/.test(name));
  const places = names.flatMap((name) => [
    posix.join(folder, name),
    posix.normalize(name.replace(/^\/+/, '')),
  ]);
  return places.filter((place) => known.has(place) && place !== source.path);
}
