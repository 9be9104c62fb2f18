import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import {
  decodeEcho,
  encodeEcho,
  MEMBER_SILENCE_MS_MAX,
  MEMBERS_MAX,
  type MemberEcho,
  Members,
} from './members.ts';

const echo = (nodeId: string): MemberEcho => ({
  nodeId,
  hostname: `${nodeId}.example`,
  apiAddress: `https://${nodeId}:8200`,
  clusterAddress: `https://${nodeId}:8201`,
  version: '1.2.3',
});

/** A wall clock and a steady one that a test moves on its own. */
function handClock() {
  const time = { wall: 1_000_000, steady: 0 };
  return { time, clock: { ...systemClock, now: () => time.wall, monotonic: () => time.steady } };
}

const names = (members: Members) => members.list().map((member) => member.nodeId);

test('members are listed by API address, once each, with the time they were last heard', () => {
  const { time, clock } = handClock();
  const members = new Members(clock);
  for (const nodeId of ['vault-2', 'vault-1']) members.hear(echo(nodeId));
  time.wall += 5_000;
  members.hear(echo('vault-2'));
  assert.deepEqual(members.list(), [
    { ...echo('vault-1'), lastEchoMs: 1_000_000 },
    { ...echo('vault-2'), lastEchoMs: 1_005_000 },
  ]);
});

test('a silent member is dropped, by the steady clock alone', () => {
  const { time, clock } = handClock();
  const members = new Members(clock);
  members.hear(echo('vault-1'));
  time.steady = MEMBER_SILENCE_MS_MAX - 1;
  members.hear(echo('vault-2'));
  time.wall += 3_600_000;
  assert.deepEqual(names(members), ['vault-1', 'vault-2']);
  time.steady += 2;
  assert.deepEqual(names(members), ['vault-2']);
  members.hear(echo('vault-1'));
  assert.deepEqual(names(members), ['vault-1', 'vault-2']);
});

test('the list has an end, and who is on it stays on it', () => {
  const { clock } = handClock();
  const members = new Members(clock);
  for (let count = 0; count <= MEMBERS_MAX; count += 1) members.hear(echo(`node-${count}`));
  members.hear({ ...echo('node-0'), version: '2.0.0' });
  assert.equal(members.list().length, MEMBERS_MAX);
  assert.equal(names(members).includes(`node-${MEMBERS_MAX}`), false);
  assert.equal(members.list().find((member) => member.nodeId === 'node-0')?.version, '2.0.0');
});

test('a heartbeat comes back as it was, and what a newer version adds is ignored', () => {
  assert.deepEqual(decodeEcho(encodeEcho(echo('vault-ü'))), echo('vault-ü'));
  assert.deepEqual(decodeEcho(utf8(JSON.stringify({ ...echo('a'), more: [1] }))), echo('a'));
});

test('anything else is bad_request', () => {
  const { version: _, ...partial } = echo('a');
  const bad: Uint8Array[] = [
    ...[
      '',
      'null',
      '[]',
      '"a"',
      '{',
      JSON.stringify(partial),
      JSON.stringify({ ...partial, version: 1 }),
    ].map(utf8),
    encodeEcho({ ...echo('a'), hostname: 'x'.repeat(513) }),
    encodeEcho({ ...echo('a'), hostname: 'x'.repeat(5_000) }),
    new Uint8Array([0xff, 0xfe]),
  ];
  for (const bytes of bad)
    assert.throws(
      () => decodeEcho(bytes),
      (error) => hasCode(error, 'bad_request'),
    );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      assert.throws(
        () => decodeEcho(bytes),
        (error) => hasCode(error, 'bad_request'),
      );
    }),
  );
});
