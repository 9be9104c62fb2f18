import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTxn } from './messages.ts';
import { ProtoMessage, ProtoWriter } from './protobuf.ts';

test('what is written reads back, with numbers of all sizes and messages within messages', () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(int64, fc.array(fc.uint8Array({ maxLength: 300 })), fc.string(), (number, parts, text) => {
      const inner = new ProtoWriter().bytes(1, text).number(9, number).finish();
      const writer = new ProtoWriter().number(1, number).bytes(20, inner);
      for (const part of parts) writer.bytes(3, part);
      const message = new ProtoMessage(writer.finish());
      assert.equal(message.big(1), number);
      assert.deepEqual(message.all(3).map(Buffer.from), parts.map(Buffer.from));
      assert.equal(message.message(20).one(1).toString(), Buffer.from(text).toString());
      assert.equal(message.message(20).big(9), number);
      assert.equal(message.big(2), 0n);
      assert.equal(message.one(4).length, 0);
    }),
  );
});

test('bytes that are known', () => {
  // protobuf.dev/programming-guides/encoding: field 1 with 150; field 2 with "testing".
  const bytes = new ProtoWriter().number(1, 150).bytes(2, 'testing').finish();
  assert.equal(bytes.toString('hex'), '089601120774657374696e67');
});

test('bytes that are no message are refused, and nothing worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readTxn(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
  for (const hex of ['08', '0a05ff', '0b', `08${'ff'.repeat(11)}`, '0d0000', '0affffffff0f']) {
    assert.throws(() => new ProtoMessage(Buffer.from(hex, 'hex')), RangeError, hex);
  }
});
