import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFrom, parseCidrs } from './bound-cidrs.ts';

test('single addresses become blocks of one', () => {
  assert.deepEqual(parseCidrs(['10.1.2.3', ' 10.0.0.0/8 ', '::1', 'fd00::/8']), [
    '10.1.2.3/32',
    '10.0.0.0/8',
    '::1/128',
    'fd00::/8',
  ]);
});

test('what is no block is refused by name', () => {
  for (const text of [
    '10.0.0/8',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    'host',
    '',
    '10.0.0.0/-1',
  ]) {
    assert.throws(() => parseCidrs([text]), {
      code: 'bad_request',
      message: `"${text}" is no IP address or CIDR block`,
    });
  }
  assert.throws(() => parseCidrs(Array.from({ length: 257 }, () => '::1')), { code: 'bad_request' });
});

test('without a block from anywhere, else only from inside one', () => {
  assert.equal(isFrom([], 'anything'), true);
  const blocks = parseCidrs(['10.0.0.0/8', 'fd00::/8']);
  const inside = ['10.255.0.1', 'fdff::1', '::ffff:10.0.0.1'];
  const outside = ['11.0.0.1', 'fe80::1', '::ffff:11.0.0.1', '', 'localhost', '10.0.0.1:80'];
  assert.deepEqual(
    [...inside, ...outside].filter((address) => isFrom(blocks, address)),
    inside,
  );
});
