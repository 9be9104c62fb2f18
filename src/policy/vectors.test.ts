// Policies and what they decide, as written down once: a later version must decide the same. The sets follow the
// examples and the five rules of Vault's docs/concepts/policies.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import type { Access, Operation } from '../engine/engine.ts';
import { Acl } from './acl.ts';
import { parsePolicy } from './parse-policy.ts';

interface VectorSet {
  readonly what: string;
  readonly policies: readonly string[];
  readonly cases: readonly {
    readonly path: string;
    readonly operation: Operation;
    readonly access?: Access;
    readonly input?: JsonObject;
    readonly wrapTtlMs?: number;
    readonly allowed: boolean;
  }[];
}

const FILE = new URL('../../test/vectors/policy/decisions-1.json', import.meta.url);
const SETS = JSON.parse(readFileSync(FILE, 'utf8')) as readonly VectorSet[];

for (const { what, policies, cases } of SETS) {
  test(`vectors: ${what}`, () => {
    const rules = policies.flatMap((text) => parsePolicy(text).rules);
    for (const turned of [rules, rules.toReversed()]) {
      const acl = new Acl(turned, { loginMetadata: {} });
      for (const { input = {}, access, wrapTtlMs, allowed, ...asked } of cases) {
        const answer = acl.decide({ ...asked, input, wrapTtlMs });
        const given = answer.allowed && (access !== 'sudo' || answer.sudo);
        assert.equal(given, allowed, JSON.stringify({ ...asked, input, access, wrapTtlMs }));
      }
    }
  });
}
