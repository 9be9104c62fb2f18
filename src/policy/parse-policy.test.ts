// What a policy may look like, and what it is told when it does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatchkeyError } from '../base/errors.ts';
import { POLICY_BYTES_MAX, POLICY_PATHS_MAX, type Policy, parsePolicy } from './parse-policy.ts';

/** Path and capabilities of each rule. */
function summary(policy: Policy): readonly (readonly [string, string])[] {
  return policy.rules.map(({ path, grant }) => [
    'kind' in path ? path.text : JSON.stringify(path),
    [...grant.capabilities].sort().join(' '),
  ]);
}

test('HCL and the forms of JSON say the same', () => {
  const forms = [
    'path "a/*" { capabilities = ["read", "list"] }\npath "b" { capabilities = ["deny"] }',
    'path "a/*" {\n  capabilities = ["read" , "list",]\n}\n# a comment\npath "b" { policy = "deny" }',
    'name = "n"\npath = { "a/*" = { policy = "read" }, "b" = { capabilities = ["read", "deny"] } }',
    '{"path": {"a/*": {"capabilities": ["read", "list"]}, "b": {"capabilities": "deny"}}}',
    '{"path": [{"a/*": {"policy": "read"}}, {"b": [{"capabilities": ["deny"]}]}]}',
    'path "/a/*" { policy = "read" comment = "why" } path "b" { capabilities = ["deny", "sudo"] }',
  ];
  const wanted = [
    ['a/*', 'list read'],
    ['b', 'deny'],
  ];
  for (const form of forms) assert.deepEqual(summary(parsePolicy(form)), wanted, form);
});

test('the old words stand for lists of capabilities', () => {
  const of = (word: string) => summary(parsePolicy(`path "a" { policy = "${word}" }`))[0]?.[1];
  assert.equal(of('deny'), 'deny');
  assert.equal(of('read'), 'list read');
  assert.equal(of('write'), 'create delete list read update');
  assert.equal(of('sudo'), 'create delete list read sudo update');
});

test('limits on parameters and on wrapping are read', () => {
  const [rule] = parsePolicy(`path "a" {
    capabilities = ["update"]
    allowed_parameters = { "Foo" = [], "bar" = ["x", 1, true], one = "y" }
    denied_parameters { "baz" = [["l"], { k = 1 }] }
    required_parameters = ["foo"]
    min_wrapping_ttl = "1m"
    max_wrapping_ttl = 90
  }`).rules;
  assert.deepEqual(
    [...(rule?.grant.limits.allowed ?? [])],
    [
      ['foo', []],
      ['bar', ['x', 1, true]],
      ['one', ['y']],
    ],
  );
  assert.deepEqual([...(rule?.grant.limits.denied ?? [])], [['baz', [['l'], { k: 1 }]]]);
  assert.deepEqual(rule?.grant.limits.required, ['foo']);
  assert.equal(rule?.grant.minWrapTtlMs, 60_000);
  assert.equal(rule?.grant.maxWrapTtlMs, 90_000);
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['path "a" {', /line 1, column 10: .*not closed/],
  ['path "a" { capabilities = ["fly"] }', /line 1, column 28: path "a": invalid capability "fly"/],
  ['\npath "a" {\n  policy = "rule"\n}', /line 3, column 12: path "a": invalid policy "rule"/],
  ['pathh "a" {}', /line 1, column 1: unknown key "pathh"/],
  ['path "a" {\n colour = 1 }', /line 2, column 2: path "a": unknown key "colour"/],
  ['path "a" { control_group = {} }', /does not enforce "control_group"/],
  ['path "a" { expiration = "2030-01-01T00:00:00Z" }', /does not enforce "expiration"/],
  ['path "a/+*" {}', /line 1, column 6: path "a\/\+\*": invalid use of wildcards/],
  ['path "a" "b" {}', /one path/],
  ['path = "a"', /must be a block/],
  ['path "a" { capabilities = ["read"] capabilities = ["list"] }', /"capabilities" is there twice/],
  ['path "a" { capabilities = [1] }', /must be text/],
  ['path "a" { min_wrapping_ttl = "soon" }', /must be a duration/],
  ['path "a" { min_wrapping_ttl = "2m" max_wrapping_ttl = "1m" }', /cannot be less/],
  ['path "a" { allowed_parameters = { "x" = [], "X" = [] } }', /"X" twice/],
  ['path "a/{{b" {}', /each \{\{ needs one \}\}/],
  ['path "a/}}{{b" {}', /each \{\{ needs one \}\}/],
  ['path "{{a{{b}}}}" {}', /each \{\{ needs one \}\}/],
  ['{"path": {"a": null}}', /must be a block/],
  ['{"path": 1', /line 1/],
];
for (const [text, message] of REFUSED) {
  test(`refused: ${text.replaceAll('\n', ' ')}`, () => {
    assert.throws(() => parsePolicy(text), { code: 'bad_request', message });
  });
}

test('what is too large is refused, and the largest is not', () => {
  const block = 'path "a" {}\n';
  assert.equal(parsePolicy(block.repeat(POLICY_PATHS_MAX)).rules.length, POLICY_PATHS_MAX);
  const tooMany = block.repeat(POLICY_PATHS_MAX + 1);
  assert.throws(() => parsePolicy(tooMany), { code: 'bad_request', message: /path blocks/ });
  const comment = '#'.repeat(POLICY_BYTES_MAX);
  assert.equal(parsePolicy(comment).rules.length, 0);
  assert.throws(() => parsePolicy(`${comment}#`), { code: 'bad_request', message: /bytes/ });
  assert.throws(() => parsePolicy(`path "${'a'.repeat(4_097)}" {}`), { code: 'bad_request' });
});

test('what has no effect here is told', () => {
  const { warnings, templateNames } = parsePolicy(`
    path "a" { capabilities = ["read", "subscribe"] }
    path "b/{{identity.entity.id}}" { capabilities = ["read"] }
    path "c/{{ token.metadata.team }}/{{token.metadata.team}}" { capabilities = ["read"] }`);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? '', /"subscribe"/);
  assert.match(warnings[1] ?? '', /grants nothing: \{\{identity\.entity\.id\}\}/);
  assert.deepEqual(templateNames, ['identity.entity.id', 'token.metadata.team']);
});

test('any text is a policy or a refusal with a place, never another failure', () => {
  const word = fc.constantFrom(
    'path',
    '"a/*"',
    '"{{token.metadata.x}}"',
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    ':',
    '"',
    '\n',
    'capabilities',
    '"read"',
    'policy',
    'allowed_parameters',
    'min_wrapping_ttl',
    '1',
    '-1',
    '1e999',
    'null',
    'true',
    '<<E\n',
    'E\n',
    '#',
    '/*',
    '{"path":',
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 40 }).map((words) => words.join(' ')),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        parsePolicy(given);
      } catch (error) {
        assert.ok(error instanceof LatchkeyError, String(error));
        assert.equal(error.code, 'bad_request');
        assert.match(error.message, /^failed to parse policy: line \d+, column \d+: ./);
      }
    }),
    { numRuns: Number(process.env['LATCHKEY_FUZZ_RUNS'] ?? 5_000) },
  );
});
