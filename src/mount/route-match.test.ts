import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../base/random.ts';
import type { Route } from '../engine/engine.ts';
import { newMountEntry } from './mount-table.ts';
import { RouteTable } from './route-match.ts';
import { Router } from './router.ts';

const route = (pattern: string): Route => ({ pattern, operations: {}, help: pattern });

test('literals stand before names, and a rest takes what is left, also nothing', () => {
  const table = new RouteTable([
    route('mounts'),
    route('mounts/{path*}'),
    route('keys/{name}/rotate'),
    route('{other}'),
  ]);
  const matched = (path: string) => {
    const found = table.match(path);
    return found === undefined ? undefined : [found.route.pattern, found.params];
  };
  assert.deepEqual(matched('mounts'), ['mounts', {}]);
  assert.deepEqual(matched('mounts/a/b'), ['mounts/{path*}', { path: 'a/b' }]);
  assert.deepEqual(matched('keys/k1/rotate'), ['keys/{name}/rotate', { name: 'k1' }]);
  assert.deepEqual(matched('anything/'), ['{other}', { other: 'anything' }]);
  assert.equal(matched('keys/k1'), undefined);
  assert.equal(matched(''), undefined);
});

test('the longest mount answers, and nothing answers beside a mount', () => {
  const router = new Router();
  const mount = (path: string) =>
    router.mount(newMountEntry(systemRandom, { path, type: 'kv', description: '', options: {} }), {
      routes: [route('{path*}')],
    });
  mount('a/');
  mount('a/b/');
  const found = (path: string) => {
    const at = router.find(path);
    return at === undefined ? undefined : [at.mounted.entry.path, at.path];
  };
  assert.deepEqual(found('a/x'), ['a/', 'x']);
  assert.deepEqual(found('a/b/x/y'), ['a/b/', 'x/y']);
  assert.deepEqual(found('a/b'), ['a/b/', '']);
  assert.deepEqual(found(`a/b${'/a/b'.repeat(1_000)}`), ['a/b/', 'a/b/'.repeat(1_000).slice(0, -1)]);
  assert.deepEqual(found(`a${'/a'.repeat(2_000)}/`), ['a/', 'a/'.repeat(2_000)]);
  assert.equal(found('b/a'.repeat(1_000)), undefined);
  for (const path of ['/', '//', '/a', '/a/b/', 'b']) assert.equal(found(path), undefined);
  assert.equal(found('/a/x'), undefined);
  assert.equal(found('ab/x'), undefined);
  assert.equal(found(''), undefined);
  router.unmount('a/b/');
  assert.deepEqual(found('a/b/x'), ['a/', 'b/x']);
});
