// The decision itself: who passes without a rule, what hangs on the caller, and what is kept between requests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryView } from '../engine/engine.contract.ts';
import type { Caller } from '../engine/engine.ts';
import { PolicyDecider, type Question } from './decide.ts';
import { PolicyStore } from './policy-store.ts';
import { fillTemplate, readTemplate } from './template.ts';

function caller(policies: readonly string[], loginMetadata: Record<string, string> = {}): Caller {
  return {
    accessor: 'a',
    displayName: 'd',
    policies,
    entityId: '',
    isRoot: policies.includes('root'),
    metadata: { ...loginMetadata, team: 'red' },
    loginMetadata,
    cubbyhole: 'c',
  };
}

const READ_SECRET: Question = { path: 'secret/x', operation: 'read', access: 'token', input: {} };

async function open(policies: Readonly<Record<string, string>>) {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  for (const [name, text] of Object.entries(policies)) await store.write(name, text);
  const decider = new PolicyDecider(store);
  const allows = async (who: Caller | undefined, question: Partial<Question> = {}) =>
    (await decider.decide(who, { ...READ_SECRET, ...question })).allowed;
  return { view, store, decider, allows };
}

test('without a rule: open to all, help to who is known, everything to root, nothing to the rest', async () => {
  const { allows, decider } = await open({});
  assert.equal(await allows(undefined, { access: 'open' }), true);
  assert.equal(await allows(undefined), false);
  assert.equal(await allows(undefined, { help: true }), false);
  assert.equal(await allows(caller([])), false);
  assert.equal(await allows(caller([]), { help: true }), true);
  assert.equal(await allows(caller(['unknown'])), false);
  assert.equal(await allows(caller(['root']), { access: 'sudo' }), true);
  assert.deepEqual(await decider.capabilities(caller(['root']), 'x'), ['root']);
  assert.deepEqual(await decider.capabilities(caller([]), 'x'), ['deny']);
});

test('the default policy lets a token care for itself, and no more', async () => {
  const { allows, decider } = await open({});
  const who = caller(['default']);
  for (const [path, operation] of [
    ['auth/token/lookup-self', 'read'],
    ['auth/token/renew-self', 'update'],
    ['auth/token/revoke-self', 'update'],
    ['sys/capabilities-self', 'update'],
    ['sys/internal/ui/resultant-acl', 'read'],
    ['sys/leases/lookup', 'update'],
    ['sys/leases/renew', 'update'],
    ['cubbyhole/a/b', 'create'],
    ['cubbyhole/', 'list'],
    ['sys/wrapping/unwrap', 'update'],
  ] as const) {
    assert.equal(await allows(who, { path, operation }), true, path);
  }
  for (const path of ['secret/x', 'sys/mounts', 'auth/token/create', 'sys/policies/acl/default']) {
    assert.deepEqual(await decider.capabilities(who, path), ['deny'], path);
  }
});

test('a wrapping token may fetch what is wrapped, and no more', async () => {
  const { allows } = await open({});
  const who = caller(['response-wrapping']);
  assert.equal(await allows(who, { path: 'cubbyhole/response' }), true);
  assert.equal(await allows(who, { path: 'sys/wrapping/unwrap', operation: 'update' }), true);
  assert.equal(await allows(who, { path: 'cubbyhole/other' }), false);
});

test('a TTL limit makes wrapping a duty', async () => {
  const { allows } = await open({
    p: 'path "secret/x" { capabilities = ["read"] min_wrapping_ttl = "1s" max_wrapping_ttl = "90s" }',
  });
  const who = caller(['p']);
  assert.equal(await allows(who), false);
  assert.equal(await allows(who, { wrapTtlMs: 500 }), false);
  assert.equal(await allows(who, { wrapTtlMs: 1_000 }), true);
  assert.equal(await allows(who, { wrapTtlMs: 90_000 }), true);
  assert.equal(await allows(who, { wrapTtlMs: 91_000 }), false);
});

test('templates take what the login found out, never what the maker of the token chose', async () => {
  const { allows, decider } = await open({
    p: 'path "secret/{{token.metadata.team}}/*" { capabilities = ["read"] }',
    i: 'path "secret/{{identity.entity.id}}/*" { capabilities = ["read"] }',
  });
  const blue = { path: 'secret/blue/x' };
  assert.equal(await allows(caller(['p'], { team: 'blue' }), blue), true);
  assert.equal(await allows(caller(['p'], { team: 'red' }), blue), false);
  assert.equal(await allows(caller(['p']), { path: 'secret/red/x' }), false, 'chosen by the maker');
  assert.equal(await allows(caller(['i'], { team: 'blue' }), { path: 'secret//x' }), false);
  assert.deepEqual(await decider.resultantAcl(caller(['i'])), {
    root: false,
    exact_paths: {},
    glob_paths: {},
  });
});

test('a value that is more than one name grants nothing', async () => {
  const { decider } = await open({
    p: 'path "secret/{{token.metadata.team}}/*" { capabilities = ["read"] }',
  });
  const bad = fc.oneof(
    fc.constantFrom('', '*', '+', '.', '..', 'a/b', '/', 'a*', '__proto__/x'),
    fc.string().map((text) => `${text}/${text}`),
  );
  await fc.assert(
    fc.asyncProperty(bad, async (team) => {
      const answer = await decider.resultantAcl(caller(['p'], { team }));
      assert.deepEqual(answer, { root: false, exact_paths: {}, glob_paths: {} });
    }),
  );
});

test('a filled template is the text with the value in it, for every value that is one name', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z.@ -]{1,12}$/), (team) => {
      fc.pre(team !== '.' && team !== '..');
      const parts = readTemplate('a/{{ token.metadata.t }}/b-{{token.metadata.t}}*') ?? [];
      assert.equal(fillTemplate(parts, { loginMetadata: { t: team } }), `a/${team}/b-${team}*`);
      assert.equal(fillTemplate(parts, { loginMetadata: { other: team } }), undefined);
    }),
  );
});

test('a change of a policy is in force at once, for tokens that were decided before too', async () => {
  const { allows, store } = await open({ p: 'path "secret/x" { capabilities = ["read"] }' });
  const who = caller(['default', 'p']);
  assert.equal(await allows(who), true);
  await store.write(
    'p',
    'path "secret/*" { capabilities = ["read"] } path "secret/x" { capabilities = ["deny"] }',
  );
  assert.equal(await allows(who), false);
  await store.delete('p');
  assert.equal(await allows(who, { path: 'secret/y' }), false);
  await store.write('p', 'path "secret/y" { capabilities = ["read"] }');
  assert.equal(await allows(who, { path: 'secret/y' }), true);
});

test('a second request touches the storage for no policy', async () => {
  const { allows, view } = await open({ p: 'path "secret/x" { capabilities = ["read"] }' });
  await allows(caller(['default', 'p']));
  const before = view.gets;
  for (let turn = 0; turn < 100; turn += 1) assert.equal(await allows(caller(['default', 'p'])), true);
  assert.equal(view.gets, before);
});

test('resultant-acl has the members that user interfaces read', async () => {
  const { decider } = await open({
    p: `path "a" { capabilities = ["update", "sudo"] allowed_parameters = { "x" = ["y"] } required_parameters = ["x"] }
        path "b/*" { capabilities = ["read"] min_wrapping_ttl = "1s" max_wrapping_ttl = "1m" denied_parameters = { "z" = [] } }
        path "c/+/d" { capabilities = ["list"] }
        path "e" { capabilities = ["deny"] }`,
  });
  assert.deepEqual(await decider.resultantAcl(caller(['root'])), { root: true });
  assert.deepEqual(await decider.resultantAcl(caller(['p'])), {
    root: false,
    exact_paths: {
      a: { capabilities: ['sudo', 'update'], allowed_parameters: { x: ['y'] }, required_parameters: ['x'] },
      e: { capabilities: ['deny'] },
    },
    glob_paths: {
      'b/': {
        capabilities: ['read'],
        min_wrapping_ttl: 1,
        max_wrapping_ttl: 60,
        denied_parameters: { z: [] },
      },
      'c/+/d': { capabilities: ['list'] },
    },
  });
});
