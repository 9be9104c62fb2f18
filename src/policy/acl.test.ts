// The compiled rules against a slow, obvious reference, and what a list of rules tells about itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Operation } from '../engine/engine.ts';
import { Acl } from './acl.ts';
import { parsePolicy } from './parse-policy.ts';
import { type PlainRule, referenceAllows, referenceCapabilities, toHcl } from './reference.contract.ts';

const NOBODY = { loginMetadata: {} };
/** More for a long search: `LATCHKEY_FUZZ_RUNS=1000000 node --test src/policy/acl.test.ts`. */
const RUNS = Number(process.env['LATCHKEY_FUZZ_RUNS'] ?? 3_000);

function aclOf(rules: readonly PlainRule[]): Acl {
  return new Acl(
    rules.flatMap((rule) => parsePolicy(toHcl(rule)).rules),
    NOBODY,
  );
}

// Few letters, so that rules and questions meet often.
const literal = fc.constantFrom('a', 'b', 'ab', 'aa', '');
const rulePath = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: literal }, { weight: 2, arbitrary: fc.constant('+') }), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('', '*', '/*'),
  )
  .map(([segments, end]) => segments.join('/') + end)
  .filter((path) => !path.includes('+*') && !path.startsWith('/'));
const askedPath = fc
  .array(literal, { minLength: 1, maxLength: 5 })
  .map((segments) => segments.join('/'))
  .filter((path) => !path.startsWith('/'));
const capability = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('create', 'read', 'update', 'patch', 'delete', 'list', 'sudo') },
  { weight: 1, arbitrary: fc.constant('deny') },
);
const name = fc.constantFrom('x', 'y', 'z');
const value = fc.constantFrom('p', 'pq', 'qp', 'q', 'p,q', '');
const glob = fc.constantFrom('p', 'p*', '*p', '*q*', 'qp', '*');
const parameters = fc.dictionary(
  fc.oneof({ weight: 5, arbitrary: name }, fc.constant('*')),
  fc.array(glob, { maxLength: 2 }),
  {
    maxKeys: 3,
    noNullPrototype: true,
  },
);
const seconds = fc.integer({ min: 1, max: 4 });
/** Mostly without limits, so that these do not hide which rule was chosen. */
const rule: fc.Arbitrary<PlainRule> = fc
  .record(
    {
      path: rulePath,
      capabilities: fc.array(capability, { maxLength: 4 }),
      allowed: parameters,
      denied: parameters,
      required: fc.array(name, { maxLength: 2 }),
      minWrap: seconds,
      maxWrap: seconds,
    },
    { requiredKeys: ['path', 'capabilities'], noNullPrototype: true },
  )
  .filter(({ minWrap = 0, maxWrap = 9 }) => minWrap <= maxWrap);
const bareRule: fc.Arbitrary<PlainRule> = fc.record({
  path: rulePath,
  capabilities: fc.array(capability, { maxLength: 3 }),
});
const rules = fc.oneof(
  fc.array(bareRule, { minLength: 1, maxLength: 8 }),
  fc.array(rule, { minLength: 1, maxLength: 4 }),
);
const question = fc.record(
  {
    operation: fc.constantFrom<Operation>('create', 'read', 'update', 'patch', 'delete', 'list'),
    path: askedPath,
    input: fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }),
    wrap: fc.integer({ min: 0, max: 5 }),
  },
  { requiredKeys: ['operation', 'path', 'input'], noNullPrototype: true },
);

test('decides as the reference does, for any rules and questions', () => {
  fc.assert(
    fc.property(rules, fc.array(question, { minLength: 1, maxLength: 12 }), (written, asked) => {
      const acl = aclOf(written);
      for (const each of asked) {
        const wrapTtlMs = each.wrap === undefined ? undefined : each.wrap * 1_000;
        const { allowed } = acl.decide({ ...each, wrapTtlMs });
        assert.equal(allowed, referenceAllows(written, each), JSON.stringify(each));
      }
    }),
    { numRuns: RUNS },
  );
});

test('tells the capabilities that the reference finds', () => {
  fc.assert(
    fc.property(rules, askedPath, (written, path) => {
      assert.deepEqual(aclOf(written).capabilities(path), referenceCapabilities(written, path));
    }),
    { numRuns: RUNS },
  );
});

test('neither the order of policies nor saying a thing twice changes an answer', () => {
  fc.assert(
    fc.property(rules, question, (written, each) => {
      const straight = aclOf(written).decide({ ...each, wrapTtlMs: undefined });
      const turned = aclOf([...written].reverse().concat(written)).decide({ ...each, wrapTtlMs: undefined });
      assert.deepEqual(turned, straight);
    }),
    { numRuns: RUNS },
  );
});

test('a mount is reached if some path at or below it is, and never without a rule that grants', () => {
  // All paths below a/ that these letters can make, and one that no rule names.
  const below = ['', 'a', 'b', 'ab', 'aa', 'zz'].flatMap((first) =>
    ['', '/', '/a', '/b', '/ab/b', '/aa/aa/aa', '/zz/zz/zz/zz'].map((rest) => `a/${first}${rest}`),
  );
  fc.assert(
    fc.property(fc.array(bareRule, { minLength: 1, maxLength: 3 }), (written) => {
      const acl = aclOf(written);
      const isTouchable = below.some((path) => acl.capabilities(path)[0] !== 'deny');
      // One direction: a rule may be hidden by a more specific one, and then the mount is shown all the same.
      if (isTouchable) assert.equal(acl.reaches('a/'), true, JSON.stringify(written));
      const isNamed = written.some(
        ({ capabilities }) => capabilities.length > 0 && !capabilities.includes('deny'),
      );
      if (!isNamed) assert.equal(acl.reaches('a/'), false);
    }),
    { numRuns: RUNS },
  );
});

test('what reaches a mount and what does not', () => {
  const reaches = (path: string, ...capabilities: string[]) =>
    aclOf([{ path, capabilities }]).reaches('team/kv/');
  for (const path of [
    '*',
    'team/*',
    'team/kv/*',
    'team/kv/data/x',
    'te*',
    '+/+/x',
    '+/kv/*',
    '+/k*',
    'team/+/data/*',
    'team/kv',
  ]) {
    assert.equal(reaches(path, 'read'), true, path);
    assert.equal(reaches(path, 'deny'), false, path);
    assert.equal(reaches(path), false, path);
  }
  for (const path of ['team/kv2/*', 'team', '+/x/*', '+', 'team/x*', 'other/*', 'team/kvx', '+/+x/y']) {
    assert.equal(reaches(path, 'read'), false, path);
  }
});

test('a deny of the whole mount hides what a wider rule grants, and not what a narrower one does', () => {
  const wide = { path: '*', capabilities: ['read'] };
  const deny = { path: 'kv/*', capabilities: ['deny'] };
  assert.equal(aclOf([wide, deny]).reaches('kv/'), false);
  assert.equal(aclOf([wide, deny]).reaches('other/'), true);
  assert.equal(aclOf([deny, { path: 'kv/+/x', capabilities: ['read'] }]).reaches('kv/'), true);
  assert.equal(aclOf([deny, { path: '+/data/*', capabilities: ['read'] }]).reaches('kv/'), false);
});

test('values of a parameter are compared by what they mean to an engine', () => {
  const decide = (lines: string, input: object) => {
    const { rules: parsed } = parsePolicy(`path "a" {\n capabilities = ["update"]\n ${lines}\n}`);
    const parsedInput = JSON.parse(JSON.stringify(input));
    return new Acl(parsed, NOBODY).decide({ operation: 'update', path: 'a', input: parsedInput }).allowed;
  };
  const denied = 'denied_parameters = { "p" = ["admin", false, 5] }';
  for (const p of ['admin', ['x', 'admin'], 'x, admin', 'admin,x', false, 'false', 5, '5', '5.0', ['5']]) {
    assert.equal(decide(denied, { p }), false, JSON.stringify(p));
    assert.equal(decide(denied, { P: p }), false, `P: ${JSON.stringify(p)}`);
  }
  for (const p of ['administrator', ['x'], true, 6, null, { admin: 1 }]) {
    assert.equal(decide(denied, { p }), true, JSON.stringify(p));
  }
  const allowed = 'allowed_parameters = { "p" = ["a*", 5, ["x", "y"]] }';
  for (const p of ['abc', 5, '5', ['x', 'y']]) assert.equal(decide(allowed, { p }), true, JSON.stringify(p));
  for (const p of ['b', 6, ['x'], ['abc'], null])
    assert.equal(decide(allowed, { p }), false, JSON.stringify(p));
  assert.equal(decide('required_parameters = ["Name"]', { name: 1 }), true);
  assert.equal(decide('required_parameters = ["name"]', { Name: 1 }), false, 'a handler would not see it');
  assert.equal(decide('required_parameters = ["constructor"]', {}), false);
});

test('many rules for one path are merged in one go', () => {
  const block = (index: number) =>
    `path "a" { capabilities = ["update"] allowed_parameters = { "p" = ["${index}"] "q${index}" = [] } }`;
  const { rules: parsed } = parsePolicy(Array.from({ length: 2_000 }, (_, index) => block(index)).join('\n'));
  const acl = new Acl(parsed, NOBODY);
  assert.equal(acl.size, 1);
  assert.equal(acl.decide({ operation: 'update', path: 'a', input: { p: '1999', q7: 'x' } }).allowed, true);
  assert.equal(acl.decide({ operation: 'update', path: 'a', input: { p: '2000' } }).allowed, false);
});
