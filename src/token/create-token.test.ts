import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { type CreateRequest, planToken } from './create-token.ts';
import { type TokenEntry, UNLIMITED } from './token-entry.ts';
import { NEW_ROLE, type TokenRole } from './token-roles.ts';

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600;
const LIMITS = { defaultSeconds: 768 * HOUR, maxSeconds: 768 * HOUR };

interface Asked {
  readonly policies?: readonly string[];
  readonly isSudo?: boolean;
  readonly role?: Partial<TokenRole>;
  readonly orphan?: boolean;
  readonly parent?: Partial<TokenEntry>;
}

function request(input: JsonObject, asked: Asked): CreateRequest {
  const entry: TokenEntry = {
    ...UNLIMITED,
    format: 2,
    type: 'service',
    accessor: 'a',
    policies: asked.policies ?? ['app', 'default'],
    displayName: 'token',
    path: 'auth/token/create',
    createdAt: NOW,
    metadata: {},
    cubbyhole: 'c',
    expiresAt: NOW + HOUR * 1_000,
    ...asked.parent,
  };
  return {
    input,
    path: 'auth/token/create',
    parent: { id: 'parent', entry },
    isSudo: asked.isSudo ?? false,
    role: asked.role && { ...NEW_ROLE, name: 'r', ...asked.role },
    orphan: asked.orphan ?? false,
    limits: LIMITS,
    now: NOW,
  };
}

const plan = (input: JsonObject, asked: Asked = {}) => planToken(request(input, asked));
const policies = (input: JsonObject, asked: Asked = {}) => plan(input, asked).order.policies;
const refuses = (input: JsonObject, asked: Asked, message: string | RegExp) =>
  assert.throws(() => plan(input, asked), { code: 'bad_request', message });

const ROOT: Asked = { policies: ['root'], isSudo: true, parent: { expiresAt: 0 } };
const SUDO: Asked = { isSudo: true };

test('without a choice a child gets the policies of its parent, and "default" only if that has it', () => {
  assert.deepEqual(policies({}), ['app', 'default']);
  assert.deepEqual(policies({}, { policies: ['app'] }), ['app']);
  assert.deepEqual(policies({ no_default_policy: true }), ['app']);
  assert.deepEqual(policies({ policies: [] }), ['app', 'default']);
});

test('without sudo a child gets a part of the policies of its parent', () => {
  assert.deepEqual(policies({ policies: ['app'] }), ['app', 'default']);
  assert.deepEqual(policies({ policies: ' APP ,app' }), ['app', 'default']);
  assert.deepEqual(policies({ policies: ['app'], no_default_policy: true }), ['app']);
  assert.deepEqual(policies({ policies: ['app'] }, { policies: ['app'] }), ['app']);
  refuses({ policies: ['other'] }, {}, 'child policies must be subset of parent');
  refuses({ policies: ['app', 'root'] }, {}, 'child policies must be subset of parent');
  // Not even one that it could add by itself.
  refuses({ policies: ['default'] }, { policies: ['app'] }, 'child policies must be subset of parent');
});

test('with sudo it gets any policy but root, which takes a root token', () => {
  assert.deepEqual(policies({ policies: ['other'] }, SUDO), ['default', 'other']);
  assert.deepEqual(policies({ policies: ['other'], no_default_policy: true }, SUDO), ['other']);
  const message = 'root tokens may not be created without parent token being root';
  refuses({ policies: ['root'] }, SUDO, message);
  refuses({ policies: ['Root'] }, SUDO, message);
  assert.deepEqual(policies({ policies: ['root', 'app'] }, ROOT), ['root']);
  assert.deepEqual(policies({}, ROOT), ['root']);
});

test('nobody gets the policy of wrapping tokens', () => {
  refuses({ policies: ['response-wrapping'] }, ROOT, 'cannot assign policy "response-wrapping"');
  refuses(
    { policies: ['response-wrapping'] },
    { role: { allowedPolicies: ['response-wrapping'] } },
    'cannot assign policy "response-wrapping"',
  );
});

test("a role's list gives policies that the caller lacks, and no others", () => {
  const role = { allowedPolicies: ['one', 'two'] };
  assert.deepEqual(policies({}, { role }), ['default', 'one', 'two']);
  assert.deepEqual(policies({ policies: ['two'] }, { role }), ['default', 'two']);
  assert.deepEqual(policies({ no_default_policy: true }, { role }), ['one', 'two']);
  assert.deepEqual(policies({}, { role: { ...role, noDefaultPolicy: true } }), ['one', 'two']);
  refuses(
    { policies: ['app'] },
    { role },
    'token policies (["app" "default"]) must be subset of the role\'s allowed policies (["default" "one" "two"]) or glob policies ([])',
  );
  refuses({ policies: ['root'] }, { role: { allowedPolicies: ['root'] } }, /parent token being root/);
});

test("a role's globs allow and forbid; what is forbidden wins", () => {
  const role = { allowedPoliciesGlob: ['team-*'], disallowedPoliciesGlob: ['*-admin'] };
  assert.deepEqual(policies({ policies: ['team-a'] }, { role }), ['default', 'team-a']);
  refuses({ policies: ['team-admin'] }, { role }, 'token policy "team-admin" is disallowed by this role');
  refuses({ policies: ['app'] }, { role }, /must be subset of the role's allowed policies/);
  refuses({ policies: ['xteam-a'] }, { role }, /must be subset/);
});

test('a role that only forbids leaves the rest of what the caller wants', () => {
  const role = { disallowedPolicies: ['root', 'default'] };
  assert.deepEqual(policies({}, { role, policies: ['app'] }), ['app']);
  assert.deepEqual(policies({ policies: ['any'] }, { role }), ['any']);
  refuses({ policies: ['root'] }, { ...ROOT, role }, 'token policy "root" is disallowed by this role');
});

test('a role without lists leaves the rule for the caller in force', () => {
  refuses({ policies: ['other'] }, { role: {} }, 'child policies must be subset of parent');
  assert.deepEqual(policies({}, { role: { noDefaultPolicy: true } }), ['app']);
});

test('who may make orphans', () => {
  assert.equal(plan({}).order.parent, 'parent');
  refuses({ no_parent: true }, {}, 'root or sudo privileges required to create orphan token');
  assert.equal(plan({ no_parent: true }, SUDO).order.parent, '');
  assert.equal(plan({}, { orphan: true }).order.parent, '');
  assert.equal(plan({}, { role: { orphan: true } }).order.parent, '');
  assert.equal(plan({ no_parent: true }, { ...SUDO, role: {} }).order.parent, 'parent', 'the role decides');
});

test('who may make periodic tokens', () => {
  refuses({ period: '1h' }, {}, 'root or sudo privileges required to create periodic token');
  assert.equal(plan({ period: '1h' }, SUDO).order.periodSeconds, HOUR);
  assert.equal(plan({}, { role: { periodSeconds: HOUR } }).order.ttlSeconds, HOUR);
  const both = plan({ period: '2h' }, { ...SUDO, role: { periodSeconds: HOUR } });
  assert.equal(both.order.periodSeconds, HOUR);
  assert.match(String(both.warnings), /Period specified both .* the lesser value of 3600 seconds/);
});

test('of two limits the smaller holds', () => {
  const role = { explicitMaxTtlSeconds: HOUR, numUses: 5 };
  const { order, warnings } = plan({ explicit_max_ttl: '2h', num_uses: 9, ttl: '3h' }, { role });
  assert.deepEqual([order.explicitMaxTtlSeconds, order.numUses, order.ttlSeconds], [HOUR, 5, HOUR]);
  assert.match(String(warnings), /Explicit max TTL specified both/);
  assert.equal(plan({ num_uses: 3 }, { role }).order.numUses, 3);
  assert.equal(plan({}, { role }).order.numUses, 5);
  refuses({ num_uses: -1 }, {}, 'number of uses cannot be negative');
});

test('a batch token has no limits of a service token, and never is root', () => {
  const { order } = plan({ type: 'batch', ttl: '1h', renewable: true });
  assert.deepEqual([order.type, order.renewable, order.ttlSeconds], ['batch', false, HOUR]);
  for (const name of ['explicit_max_ttl', 'num_uses', 'period']) {
    refuses({ type: 'batch', [name]: 60 }, SUDO, `batch tokens cannot have "${name}" set`);
  }
  assert.equal(plan({ type: 'batch', explicit_max_ttl: 0, num_uses: 0 }).order.type, 'batch');
  refuses({ type: 'batch', policies: ['root'] }, ROOT, 'batch tokens cannot be root tokens');
  refuses({ type: 'batch', id: 'mine', policies: ['app'] }, ROOT, 'batch tokens cannot have "id" set');
  refuses({ type: 'other' }, {}, "invalid 'token_type' value");
});

test('a role chooses the type, or says what it is without a choice', () => {
  const typeOf = (tokenType: TokenRole['tokenType'], input: JsonObject = {}) =>
    plan(input, { role: { tokenType } }).order.type;
  assert.deepEqual(
    [typeOf('default-service'), typeOf('default-batch'), typeOf('service'), typeOf('batch')],
    ['service', 'batch', 'service', 'batch'],
  );
  assert.equal(typeOf('default-batch', { type: 'service' }), 'service');
  assert.equal(typeOf('default-service', { type: 'batch' }), 'batch');
  assert.equal(typeOf('service', { type: 'batch' }), 'service');
});

test('a root token alone chooses the text of a token', () => {
  refuses({ id: 'mine' }, SUDO, 'root or sudo privileges required to specify token id');
  assert.equal(plan({ id: 'mine', policies: ['app'] }, ROOT).order.token, 'mine');
  refuses({ id: 'hvs.mine' }, ROOT, "custom token ID cannot have the 'hvs.' prefix");
  refuses({ id: 'a.b' }, ROOT, "custom token ID cannot have a '.' in the value");
  refuses({ id: 'a b' }, ROOT, /no spaces/);
});

test('restricted tokens make none', () => {
  refuses({}, { parent: { numUses: 2 } }, 'restricted use token cannot generate child tokens');
  refuses({}, { parent: { type: 'batch' } }, 'batch tokens cannot create more tokens');
});

test('a child is used from where its parent is; a role decides for itself; an orphan goes anywhere', () => {
  const parent = { boundCidrs: ['10.0.0.0/8'] };
  assert.deepEqual(plan({}, { parent }).order.boundCidrs, ['10.0.0.0/8']);
  assert.deepEqual(plan({}, { parent, role: { boundCidrs: ['::1/128'] } }).order.boundCidrs, ['::1/128']);
  assert.deepEqual(plan({}, { parent, role: {} }).order.boundCidrs, []);
  assert.deepEqual(plan({}, { parent, orphan: true }).order.boundCidrs, []);
});

test('an order as the Go client of Vault sends it, empty members and all', () => {
  const input = { display_name: '', num_uses: 0, type: '', entity_alias: '', ttl: '', explicit_max_ttl: '' };
  const { order, warnings } = plan(input);
  assert.deepEqual([order.displayName, order.type, order.ttlSeconds], ['token', 'service', 768 * HOUR]);
  assert.deepEqual(warnings, []);
  refuses({ entity_alias: 'ann' }, {}, /entity_alias/);
});

test('names and words that go into the audit log', () => {
  assert.equal(plan({ display_name: 'ci/build 7/' }).order.displayName, 'token-ci-build-7');
  assert.deepEqual(plan({ meta: { team: 'a', size: 3 } }).order.metadata, { team: 'a', size: '3' });
  refuses({ meta: { team: ['a'] } }, {}, 'meta takes texts alone');
  refuses({ meta: { team: 'x'.repeat(513) } }, {}, /512 characters/);
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 'v']));
  refuses({ meta: many }, {}, /64 entries/);
  const { warnings } = plan({ tll: '1h', meta: {} });
  assert.deepEqual(warnings, ['Endpoint ignored these unrecognized parameters: [tll]']);
});
