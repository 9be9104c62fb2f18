// Which of several rules decides, by the rules that Vault documents: https://developer.hashicorp.com/vault/docs/concepts/policies

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { MemoryView } from '../engine/engine.contract.ts';
import type { Caller, Operation } from '../engine/engine.ts';
import { PolicyDecider } from './decide.ts';
import { PolicyStore } from './policy-store.ts';

interface Asked {
  readonly path: string;
  readonly operation?: Operation;
  readonly input?: JsonObject;
  readonly access?: 'token' | 'sudo';
}

async function decided(texts: readonly string[], asked: Asked): Promise<boolean> {
  const store = await PolicyStore.open(new MemoryView());
  const names = texts.map((_, index) => `p${index}`);
  for (const [index, text] of texts.entries()) await store.write(`p${index}`, text);
  const caller: Caller = {
    accessor: 'a',
    displayName: 'd',
    policies: names,
    entityId: '',
    isRoot: false,
    metadata: {},
    loginMetadata: {},
    cubbyhole: 'c',
  };
  const { path, operation = 'read', input = {}, access = 'token' } = asked;
  return (await new PolicyDecider(store).decide(caller, { path, operation, input, access })).allowed;
}

const rule = (path: string, ...capabilities: string[]) =>
  `path "${path}" { capabilities = [${capabilities.map((capability) => `"${capability}"`).join(', ')}] }`;

const CASES: readonly (readonly [string, readonly string[], Asked, boolean])[] = [
  ['no rule, no right', [rule('a', 'read')], { path: 'b' }, false],
  ['an exact path', [rule('a/b', 'read')], { path: 'a/b' }, true],
  ['an exact path is not a prefix', [rule('a/b', 'read')], { path: 'a/bc' }, false],
  ['a capability that is not given', [rule('a', 'read')], { path: 'a', operation: 'update' }, false],
  ['a trailing star', [rule('a/*', 'read')], { path: 'a/b/c' }, true],
  ['a trailing star within a segment', [rule('a/x*', 'read')], { path: 'a/xyz/1' }, true],
  ['a star reaches its own stem', [rule('a/*', 'read')], { path: 'a/' }, true],
  ['a plus is one segment', [rule('a/+/c', 'read')], { path: 'a/b/c' }, true],
  ['a plus is not two segments', [rule('a/+/c', 'read')], { path: 'a/b/b/c' }, false],
  ['a plus and a star', [rule('a/+/c*', 'read')], { path: 'a/b/cd/e' }, true],
  ['exact beats a star', [rule('a/*', 'read'), rule('a/b', 'list')], { path: 'a/b' }, false],
  [
    'the longer star beats the shorter',
    [rule('a/*', 'read') + rule('a/b*', 'list')],
    { path: 'a/bc' },
    false,
  ],
  ['a longer star that allows', [rule('a/*', 'list') + rule('a/b*', 'read')], { path: 'a/bc' }, true],
  ['a later first wildcard wins', [rule('a/+/c', 'list') + rule('a/b/*', 'read')], { path: 'a/b/c' }, true],
  [
    'of equals the one without a star at the end',
    [rule('a/+/c/*', 'list') + rule('a/+/c/d', 'read')],
    { path: 'a/b/c/d' },
    true,
  ],
  [
    'of equals the one with fewer pluses',
    [rule('a/+/+', 'list') + rule('a/+/c', 'read')],
    { path: 'a/b/c' },
    true,
  ],
  [
    'the same path in two policies unites',
    [rule('a', 'read'), rule('a', 'update')],
    { path: 'a', operation: 'update' },
    true,
  ],
  ['deny wins over the same path', [rule('a', 'read'), rule('a', 'deny')], { path: 'a' }, false],
  ['deny on a more specific path wins', [rule('a/*', 'read'), rule('a/b', 'deny')], { path: 'a/b' }, false],
  [
    'deny on a less specific path does not reach',
    [rule('a/*', 'deny'), rule('a/b', 'read')],
    { path: 'a/b' },
    true,
  ],
  [
    'list asks with a slash and finds the rule without',
    [rule('a', 'list')],
    { path: 'a/', operation: 'list' },
    true,
  ],
  ['create and update are two things', [rule('a', 'create')], { path: 'a', operation: 'update' }, false],
  ['patch is a third', [rule('a', 'update')], { path: 'a', operation: 'patch' }, false],
  ['sudo must be had where it is wanted', [rule('a', 'read')], { path: 'a', access: 'sudo' }, false],
  ['sudo beside the capability', [rule('a', 'read', 'sudo')], { path: 'a', access: 'sudo' }, true],
  ['sudo alone is no capability', [rule('a', 'sudo')], { path: 'a', access: 'sudo' }, false],
  [
    'the old word for a capability',
    ['path "a" { policy = "write" }'],
    { path: 'a', operation: 'update' },
    true,
  ],
];

for (const [what, texts, asked, allowed] of CASES) {
  test(`${allowed ? 'allowed' : 'refused'}: ${what}`, async () => {
    assert.equal(await decided(texts, asked), allowed);
  });
}

test('parameters: allowed, denied and required ones', async () => {
  const write = (lines: string, input: JsonObject) =>
    decided([`path "a" {\n capabilities = ["update"]\n ${lines}\n}`], {
      path: 'a',
      operation: 'update',
      input,
    });
  assert.equal(await write('allowed_parameters = { "x" = [] }', { x: 1 }), true);
  assert.equal(await write('allowed_parameters = { "x" = [] }', { y: 1 }), false);
  assert.equal(await write('allowed_parameters = { "x" = ["a", "b*"] }', { x: 'bcd' }), true);
  assert.equal(await write('allowed_parameters = { "x" = ["a", "b*"] }', { x: 'c' }), false);
  assert.equal(await write('allowed_parameters = { "x" = ["a"], "*" = [] }', { y: 'any' }), true);
  assert.equal(await write('denied_parameters = { "x" = [] }', { x: 1 }), false);
  assert.equal(await write('denied_parameters = { "x" = ["bad"] }', { x: 'good' }), true);
  assert.equal(await write('denied_parameters = { "*" = [] }', { y: 1 }), false);
  assert.equal(await write('required_parameters = ["x"]', { y: 1 }), false);
  assert.equal(await write('required_parameters = ["x"]', { x: 1 }), true);
});

test('a text that is no policy is refused with its line, and writes nothing', async () => {
  const store = await PolicyStore.open(new MemoryView());
  for (const text of [
    'path "a" {',
    'path "a" { capabilities = ["fly"] }',
    'pathh "a" {}',
    'path "a" { colour = "red" }',
  ]) {
    await assert.rejects(store.write('p', text), { code: 'bad_request' }, text);
  }
  assert.equal(await store.read('p'), undefined);
  await assert.rejects(store.write('root', rule('a', 'read')), { code: 'bad_request' });
  await assert.rejects(store.delete('default'), { code: 'bad_request' });
});
