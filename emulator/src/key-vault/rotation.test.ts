import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryOf, readRotationPolicy, renderRotationPolicy, rotationDue } from './rotation.ts';

const DAY = 86_400;
const read = (value: unknown) => readRotationPolicy(Buffer.from(JSON.stringify(value)), undefined, 1_000);
const rotate = (trigger: object) => ({ trigger, action: { type: 'rotate' } });

test('due after its creation, by the calendar', () => {
  const policy = read({ lifetimeActions: [rotate({ timeAfterCreate: 'P1M' })] });
  const january = Date.UTC(2027, 0, 15) / 1000;
  assert.equal(rotationDue(policy, { created: january, attributes: {} }), Date.UTC(2027, 1, 15) / 1000);
});

test('due before its end, and the next version gets an end', () => {
  const policy = read({
    lifetimeActions: [rotate({ timeBeforeExpiry: 'P10D' })],
    attributes: { expiryTime: 'P90D' },
  });
  assert.equal(rotationDue(policy, { created: 0, attributes: { exp: 100 * DAY } }), 90 * DAY);
  assert.equal(rotationDue(policy, { created: 0, attributes: {} }), undefined);
  assert.equal(expiryOf(policy, DAY), 91 * DAY);
  assert.equal(expiryOf(undefined, DAY), undefined);
});

test('a policy is shown with a notification, whether it was set or not', () => {
  const shown = renderRotationPolicy('kv.vault.localhost:1', 'k', undefined);
  assert.equal(shown.id, 'https://kv.vault.localhost:1/keys/k/rotationpolicy');
  assert.deepEqual(shown.lifetimeActions, [
    { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } },
  ]);
  const set = read({
    lifetimeActions: [
      rotate({ timeAfterCreate: 'P7D' }),
      { trigger: { timeBeforeExpiry: 'P8D' }, action: { type: 'Notify' } },
    ],
  });
  assert.deepEqual(
    renderRotationPolicy('h', 'k', set).lifetimeActions.map(({ trigger }) => trigger),
    [{ timeAfterCreate: 'P7D' }, { timeBeforeExpiry: 'P8D' }],
  );
});

for (const wrong of [
  { lifetimeActions: 'x' },
  { lifetimeActions: [rotate({ timeAfterCreate: 'P6D' })] },
  { lifetimeActions: [rotate({ timeAfterCreate: 'PT1H' })] },
  { lifetimeActions: [rotate({ timeAfterCreate: 'P' })] },
  { lifetimeActions: [rotate({})] },
  { lifetimeActions: [rotate({ timeAfterCreate: 'P8D', timeBeforeExpiry: 'P8D' })] },
  { lifetimeActions: [rotate({ timeBeforeExpiry: 'P8D' })] },
  { lifetimeActions: [{ trigger: { timeAfterCreate: 'P8D' }, action: { type: 'Notify' } }] },
  { lifetimeActions: [{ trigger: { timeAfterCreate: 'P8D' }, action: { type: 'Delete' } }] },
  { attributes: { expiryTime: 'P1D' } },
]) {
  test(`refused: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => read(wrong), { code: 'BadParameter' });
  });
}
