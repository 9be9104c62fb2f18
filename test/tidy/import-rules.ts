// Which room may import which: the storeys of the house, and where foreign packages may live.

import { posix } from 'node:path';
import type { Finding, SourceFile, Tree } from './tree.ts';

/** `types`: by `import type` alone. A room's name stands for its contract, not for the adapters in its folders. */
type Leave = 'all' | 'types';
type Row = Readonly<Record<string, Leave>>;

const base = { base: 'all' } as const;
const engineer = { base: 'all', engine: 'all' } as const;

/** A room that is not named here may import nothing of `src`, so that a new room needs a line. */
export const IMPORT_TABLE: Readonly<Record<string, Row>> = {
  base: {},
  engine: base,
  storage: base,
  seal: base,
  barrier: { base: 'all', storage: 'all', engine: 'types' },
  mount: engineer,
  policy: engineer,
  token: engineer,
  lease: engineer,
  audit: engineer,
  secrets: engineer,
  auth: engineer,
  system: engineer,
  cluster: { base: 'all', engine: 'types', storage: 'types' },
  core: {
    base: 'all',
    engine: 'all',
    storage: 'all',
    seal: 'all',
    barrier: 'all',
    mount: 'all',
    policy: 'all',
    token: 'all',
    lease: 'all',
    audit: 'all',
    cluster: 'all',
    // The ports that the sys/* engine declares and the core fills.
    system: 'types',
  },
  server: { base: 'all', engine: 'types', core: 'all' },
  client: base,
  cli: { base: 'all', client: 'all' },
};

/** Rooms whose folders are adapters: each sees its room's contract, never its neighbour, and nobody sees it. */
const ADAPTER_ROOMS = new Set(['storage', 'seal', 'audit', 'secrets', 'auth']);

/** Packages that live in one folder only. `dynamic`: loaded when needed, so that others do not pay for it. */
const HOMES: readonly { package: RegExp; home: string; dynamic?: boolean }[] = [
  { package: /^@azure(-rest)?\//, home: 'src/seal/azure-key-vault/', dynamic: true },
  { package: /^lmdb$/, home: 'src/storage/lmdb/' },
  { package: /^pg$/, home: 'src/storage/postgresql/' },
  { package: /^prom-client$/, home: 'src/server/metrics/', dynamic: true },
  { package: /^commander$/, home: 'src/cli/' },
];

const IO_MODULES = /^node:(fs|net|tls|dns|dgram|http|https|http2|child_process|worker_threads|cluster)(\/|$)/;

export function importFindings(tree: Tree): Finding[] {
  return tree.sources.flatMap((source) =>
    source.imports.flatMap((found) => {
      const target = targetOf(source.path, found.specifier);
      const words =
        target === undefined
          ? packageFault(source, found.specifier, found.kind)
          : roomFault(source, target, found.kind === 'type');
      return words === undefined ? [] : [{ file: source.path, line: found.line, words }];
    }),
  );
}

/** Path from the root for a relative specifier, undefined for a package. */
export function targetOf(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
}

function roomFault(source: SourceFile, target: string, typeOnly: boolean): string | undefined {
  const fromTop = source.path.split('/')[0] ?? '';
  const targetTop = target.split('/')[0] ?? '';
  if (targetTop === '..') return `reaches outside of the project: ${target}`;
  if (fromTop === 'emulator' || fromTop === 'console') {
    return targetTop === fromTop
      ? undefined
      : `${fromTop} shares nothing with the rest, but imports ${target}`;
  }
  if (fromTop !== 'src' || source.isTest) return undefined;
  if (targetTop !== 'src') return `src may not import ${target}`;
  if (/\.(test|contract|fuzz)\.ts$/.test(target)) return `imports ${target}, which is for tests`;
  return source.path === 'src/main.ts' ? undefined : tableFault(source.path, target, typeOnly);
}

function tableFault(path: string, target: string, typeOnly: boolean): string | undefined {
  const from = placeOf(path);
  const to = placeOf(target);
  if (target === 'src/main.ts') return 'main.ts is imported by nobody';
  if (to.adapter !== undefined && (from.room !== to.room || from.adapter !== to.adapter)) {
    return `only main.ts names ${to.room}/${to.adapter}`;
  }
  if (from.room === to.room) return undefined;
  const leave = IMPORT_TABLE[from.room]?.[to.room];
  if (leave === undefined) return `${from.room} may not import ${to.room}`;
  return leave === 'types' && !typeOnly ? `${from.room} may import types alone from ${to.room}` : undefined;
}

function placeOf(path: string): { room: string; adapter: string | undefined } {
  const [, room = '', adapter, ...rest] = path.split('/');
  const inAdapter = ADAPTER_ROOMS.has(room) && rest.length > 0;
  return { room, adapter: inAdapter ? adapter : undefined };
}

function packageFault(source: SourceFile, specifier: string, kind: string): string | undefined {
  if (source.isTest) return undefined;
  if (specifier.startsWith('node:')) {
    const leaks = source.path.startsWith('src/base/') && IO_MODULES.test(specifier) && kind !== 'type';
    return leaks ? `base does no I/O, but imports ${specifier}` : undefined;
  }
  const rule = HOMES.find((home) => home.package.test(specifier));
  if (rule === undefined) return undefined;
  if (!source.path.startsWith(rule.home)) return `${specifier} belongs into ${rule.home} alone`;
  return rule.dynamic && kind === 'static' ? `${specifier} is to be loaded by a dynamic import` : undefined;
}
