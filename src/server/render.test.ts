// Answers as Vault's clients read them: members, their order, and the status that goes with them.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import type { Verb } from '../core/call.ts';
import type { AuthAnswer, HealthCondition, Response } from '../engine/engine.ts';
import { renderAnswer, renderRefusal } from './render.ts';

const ENVELOPE = [
  'request_id',
  'lease_id',
  'renewable',
  'lease_duration',
  'data',
  'wrap_info',
  'warnings',
  'auth',
  'mount_type',
];

function render(response: Response, verb: Verb = 'read') {
  const asked = { id: 'id-1', verb, target: '/v1/a?b=c' };
  const { status, body } = renderAnswer({ kind: 'response', response, mountType: 'kv' }, asked);
  return { status, body: body === undefined ? undefined : JSON.parse(body) };
}

suite('dress', () => {
  test('the envelope has all members, in order, null when empty', () => {
    const { status, body } = render({ data: { b: 1, a: 2 } });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ENVELOPE);
    assert.deepEqual(body, {
      request_id: 'id-1',
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data: { b: 1, a: 2 },
      wrap_info: null,
      warnings: null,
      auth: null,
      mount_type: 'kv',
    });
    assert.equal(render({ data: {}, leaseSeconds: 2_764_800 }, 'write').body.lease_duration, 2_764_800);
  });

  test('injected members follow the envelope and never hide it', () => {
    const { body } = render({ dress: 'injected', data: { 'secret/': { type: 'kv' }, data: 'x', auth: 'y' } });
    assert.deepEqual(Object.keys(body), [...ENVELOPE, 'secret/']);
    assert.deepEqual(body['secret/'], { type: 'kv' });
    assert.equal(body.auth, null);
  });

  test('raw is the data alone', () => {
    assert.deepEqual(render({ dress: 'raw', data: { sealed: true } }).body, { sealed: true });
  });

  test('a login carries its auth and no data', () => {
    const auth: AuthAnswer = {
      client_token: 'hvs.x',
      accessor: 'acc',
      policies: ['default'],
      token_policies: ['default'],
      metadata: null,
      lease_duration: 60,
      renewable: true,
      entity_id: '',
      token_type: 'service',
      orphan: true,
    };
    const { status, body } = render({ auth }, 'write');
    assert.equal(status, 200);
    assert.equal(body.data, null);
    assert.equal(JSON.stringify(body.auth), JSON.stringify({ ...auth, mfa_requirement: null, num_uses: 0 }));
  });

  test('a lease and a wrapping token show in the envelope', () => {
    const bound = { leaseId: 'db/creds/app/1', seconds: 60, renewable: true };
    const secret = render({ data: { a: 1 }, bound }, 'read');
    assert.deepEqual(
      [secret.status, secret.body.lease_id, secret.body.lease_duration, secret.body.renewable],
      [200, 'db/creds/app/1', 60, true],
    );
    const wrapped = {
      token: 'hvs.w',
      accessor: 'acc',
      ttl: 30,
      creation_time: '2026-01-01T00:00:00.000Z',
      creation_path: 'secret/data/a',
      wrapped_accessor: '',
    };
    const { status, body } = render({ wrapped }, 'read');
    const { wrapped_accessor: _, ...shown } = wrapped;
    assert.deepEqual([status, body.data, body.wrap_info], [200, null, shown]);
  });
});

suite('status', () => {
  test('without anything to say: 204 for what changes, 404 for what reads', () => {
    for (const verb of ['write', 'patch', 'delete'] as const) {
      assert.deepEqual(render({}, verb), { status: 204, body: undefined });
    }
    for (const verb of ['read', 'list'] as const) {
      assert.deepEqual(render({}, verb), { status: 404, body: { errors: [] } });
    }
  });

  test('a list without keys is a 404, unless it has something else to say', () => {
    for (const data of [{ keys: [] }, { keys: null }, {}] as JsonObject[])
      assert.equal(render({ data }, 'list').status, 404);
    assert.equal(render({ data: { keys: ['a'] } }, 'list').status, 200);
    assert.equal(render({ data: { keys: [] }, warnings: ['w'] }, 'list').status, 200);
    assert.equal(render({ data: { key_info: {} } }, 'list').status, 200);
    assert.equal(render({ data: { keys: [] } }, 'read').status, 200);
  });

  test('warnings alone make a body; accepted is 202; absent is 404 with a body', () => {
    assert.deepEqual(render({ warnings: ['w'] }, 'write').body.warnings, ['w']);
    assert.equal(render({ outcome: 'accepted', warnings: ['w'] }, 'write').status, 202);
    const gone = render({ outcome: 'absent', data: { data: null } });
    assert.deepEqual([gone.status, gone.body.data], [404, { data: null }]);
  });

  test('health has Vault’s codes, or the caller’s', () => {
    const conditions: Record<HealthCondition, number> = {
      active: 200,
      standby: 429,
      standby_unreachable: 474,
      sealed: 503,
      uninitialized: 501,
    };
    const health = (condition: HealthCondition, codes = {}) =>
      render({ dress: 'raw', data: { sealed: false }, health: { condition, codes } });
    for (const [condition, status] of Object.entries(conditions)) {
      assert.equal(health(condition as HealthCondition).status, status);
    }
    assert.deepEqual(health('sealed', { sealed: 299 }), { status: 299, body: { sealed: false } });
    assert.equal(health('sealed', { standby: 299 }).status, 503);
    for (const code of [0, -1, 100, 1_000, Number.NaN]) {
      assert.deepEqual(health('sealed', { sealed: code }), { status: 400, body: { errors: [] } });
    }
  });
});

test('a redirect keeps path and query, and nothing becomes a fragment', () => {
  const to = (target: string) =>
    renderAnswer({ kind: 'redirect', origin: 'https://b:8200/' }, { id: '', verb: 'read', target });
  assert.deepEqual(to('/v1/a?b=c'), {
    status: 307,
    headers: { Location: 'https://b:8200/v1/a?b=c' },
    body: undefined,
  });
  assert.equal(to('/v1/a#b').headers['Location'], 'https://b:8200/v1/a%23b');
});

test('a bare 405 names the verbs', () => {
  assert.match(renderRefusal({ status: 405, errors: [] }).headers['Allow'] ?? '', /LIST/);
  assert.deepEqual(renderRefusal({ status: 405, errors: ['x'] }).headers, {});
});
