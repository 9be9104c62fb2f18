import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { refusal } from './engine.contract.ts';
import {
  decodeTokenParameters,
  describeTokenParameters,
  encodeTokenParameters,
  NO_TOKEN_PARAMETERS,
  type OldName,
  renewalTermsOf,
  samePolicies,
  type TokenParameters,
  tokenGrantOf,
  withTokenParameters,
} from './token-parameters.ts';

const OLD: readonly OldName[] = ['policies', 'ttl', 'bound_cidrs'];

function parse(input: JsonObject, before: TokenParameters = NO_TOKEN_PARAMETERS): TokenParameters {
  return withTokenParameters(before, input, OLD);
}

async function refused(input: JsonObject): Promise<string> {
  return (await refusal((async () => parse(input))(), 'bad_request')).message;
}

test('what is given is taken in the forms that Vault takes, and the rest stays', () => {
  const first = parse({
    token_policies: 'b, a',
    token_ttl: '10m',
    token_max_ttl: 3600,
    token_num_uses: '4',
    token_bound_cidrs: ['127.0.0.1', '10.0.0.0/8'],
    token_type: '',
  });
  assert.deepEqual(first.policies, ['b', 'a']);
  assert.equal(first.ttlSeconds, 600);
  assert.deepEqual(first.boundCidrs, ['127.0.0.1/32', '10.0.0.0/8']);
  const second = parse({ token_ttl: 30, token_bound_cidrs: [] }, first);
  assert.deepEqual(second, { ...first, ttlSeconds: 30, boundCidrs: [] });
});

test('stored and read back it is the same, and a member of another kind is refused', () => {
  const parameters = parse({ policies: ['a'], token_period: '1h', token_no_default_policy: true });
  const stored = JSON.parse(JSON.stringify(encodeTokenParameters(parameters)));
  assert.deepEqual(decodeTokenParameters(stored), parameters);
  assert.deepEqual(decodeTokenParameters({}), NO_TOKEN_PARAMETERS);
  for (const broken of [null, 'x', { policies: 'a' }, { policies: [1] }, { ttlSeconds: '1' }]) {
    assert.throws(() => decodeTokenParameters(broken as never), { code: 'storage_corrupt' });
  }
});

test('an old name counts, is shown beside the new one, and goes when the new one is written', () => {
  const old = parse({ policies: 'a', ttl: 60 });
  const shown = describeTokenParameters(old);
  assert.deepEqual([shown['policies'], shown['token_policies']], [['a'], ['a']]);
  assert.deepEqual([shown['ttl'], shown['token_ttl']], [60, 60]);
  const renewed = describeTokenParameters(parse({ token_policies: 'b' }, old));
  assert.equal(Object.hasOwn(renewed, 'policies'), false);
  assert.equal(renewed['ttl'], 60);
  const both = describeTokenParameters(parse({ policies: 'old', token_policies: 'new' }));
  assert.deepEqual([both['policies'], both['token_policies']], [['new'], ['new']]);
  assert.equal(parse({ max_ttl: 60 }).maxTtlSeconds, 0, 'a method takes only the old names that it says');
});

test('what contradicts itself is refused in the words of Vault', async () => {
  assert.equal(await refused({ token_num_uses: -1 }), "'token_num_uses' cannot be negative");
  assert.equal(
    await refused({ token_ttl: 2, token_max_ttl: 1 }),
    "'token_ttl' cannot be greater than 'token_max_ttl'",
  );
  assert.equal(await refused({ token_type: 'magic' }), `invalid 'token_type' value "magic"`);
  const batch = "'token_type' cannot be 'batch' or 'default_batch' when set to generate";
  assert.equal(await refused({ token_type: 'batch', token_period: 1 }), `${batch} periodic tokens`);
  assert.equal(
    await refused({ token_type: 'default-batch', token_num_uses: 1 }),
    `${batch} tokens with limited use count`,
  );
  assert.match(
    await refused({ token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.0/8' }),
    /conflicts with/,
  );
  assert.match(await refused({ token_bound_cidrs: 'nonsense' }), /no IP address or CIDR block/);
  assert.match(await refused({ token_policies: ['x'.repeat(513)] }), /characters at most/);
});

test('a grant has what the parameters say, and strict binding is to the address of the login', () => {
  const grant = tokenGrantOf(parse({ token_policies: 'a', token_num_uses: 2 }), '192.0.2.7');
  assert.deepEqual([grant.policies, grant.numUses, grant.boundCidrs], [['a'], 2, []]);
  const strict = tokenGrantOf(parse({ token_strictly_bind_ip: true }), '2001:db8::1');
  assert.deepEqual(strict.boundCidrs, ['2001:db8::1/128']);
  assert.deepEqual(renewalTermsOf(parse({ token_ttl: 5, token_explicit_max_ttl: 9 })), {
    ttlSeconds: 5,
    maxTtlSeconds: 0,
    periodSeconds: 0,
  });
});

test('policies are the same whatever their order', () => {
  assert.ok(samePolicies(['b', 'A', 'default'], ['a', 'b', 'b']));
  assert.ok(!samePolicies(['a'], ['a', 'b']));
});
