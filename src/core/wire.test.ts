import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../base/bytes.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import type { Call } from './call.ts';
import { decodeAnswer, decodeCall, encodeAnswer, encodeCall, encodeRefusal } from './wire.ts';

const { signal } = new AbortController();
const CALL: Call = {
  id: 'ba33e7a3-92b8-4ae5-a1a8-7e1a0a1f5f0a',
  verb: 'write',
  path: 'secret/data/hello',
  input: { data: { a: 'ü', b: [1, null, true] } },
  token: 'hvs.x',
  wrapTtl: undefined,
  help: false,
  mayForward: true,
  remoteAddress: '127.0.0.1',
  listener: { loopback: true, sealDetail: false },
  signal,
};

test('a call travels whole, but is never forwarded twice', () => {
  assert.deepEqual(decodeCall(encodeCall(CALL), signal), { ...CALL, mayForward: false });
  const bare = { ...CALL, token: undefined, wrapTtl: '30s' };
  assert.deepEqual(decodeCall(encodeCall(bare), signal), { ...bare, mayForward: false });
});

test('answers and refusals travel; what is not ours becomes internal without its words', () => {
  const answer = {
    kind: 'response',
    response: { data: { a: 1 }, outcome: 'absent' },
    mountType: 'kv',
  } as const;
  assert.deepEqual(decodeAnswer(encodeAnswer(answer)), answer);
  assert.throws(
    () => decodeAnswer(encodeRefusal(new LatchkeyError('not_found', 'nothing'))),
    (error) => hasCode(error, 'not_found') && error.message === 'nothing',
  );
  assert.throws(
    () => decodeAnswer(encodeRefusal(new TypeError('a token was here'))),
    (error) => hasCode(error, 'internal') && !error.message.includes('token'),
  );
});

test('foreign bytes are refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
      for (const decode of [(b: Uint8Array) => decodeCall(b, signal), decodeAnswer]) {
        assert.throws(
          () => decode(bytes),
          (error) => hasCode(error, 'bad_request'),
        );
      }
    }),
  );
});
