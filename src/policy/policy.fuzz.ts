// Fuzz target: policies, and the decisions that follow from them.

import assert from 'node:assert/strict';
import { utf8 } from '../base/bytes.ts';
import type { Operation } from '../engine/engine.ts';
import { Acl } from './acl.ts';
import { parsePolicy } from './parse-policy.ts';

const EXAMPLE = `path "secret/data/+/app*" {
  capabilities = ["create", "update", "list"]
  allowed_parameters = { "a" = ["x*", 1], "*" = [] }
  required_parameters = ["a"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "90s"
}
path "secret/{{identity.entity.name}}/*" { policy = "write" }
path "sys/*" { capabilities = ["deny"] }`;

const OPERATIONS: readonly Operation[] = ['read', 'create', 'update', 'patch', 'delete', 'list'];
const SUBJECT = { policies: ['p'], loginMetadata: { name: 'ann', __proto__: 'x' } };

export const policyTarget = {
  name: 'policy',
  corpus: [
    EXAMPLE,
    '{"path":{"a/*":{"capabilities":["read"]}}}',
    'path "" {}',
    'path "+/+/*" { policy="sudo" }',
  ].map(utf8),
  words: [
    'path "',
    'capabilities = [',
    '"read"',
    '"deny"',
    '"sudo"',
    '+/',
    '*',
    '{{',
    '}}',
    'token.metadata.',
    '{\n',
    '}\n',
  ],
  bytesMax: 256 * 1024,
  run(input: Uint8Array): void {
    const { rules } = parsePolicy(new TextDecoder().decode(input));
    const acl = new Acl(rules, SUBJECT);
    for (const path of ['secret/data/x/app1', 'sys/mounts', 'a/b/', '__proto__', ...pathsOf(rules)]) {
      const capabilities = acl.capabilities(path);
      for (const operation of OPERATIONS) {
        const { allowed } = acl.decide({ path, operation, input: {} });
        // What is decided is no more than what is told. `list` is asked of folders, which end in a slash.
        if (allowed && operation !== 'list')
          assert.ok(capabilities.includes(operation), `${operation} ${path}`);
      }
    }
  },
};

/** The first paths of the policy itself, as they are written: their own rules must be found. */
function pathsOf(rules: ReturnType<typeof parsePolicy>['rules']): string[] {
  return rules.slice(0, 5).map(({ path }) => ('text' in path ? String(path.text) : 'x'));
}
