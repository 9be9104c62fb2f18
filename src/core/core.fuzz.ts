// Fuzz targets: the record of the wrapped root key, messages between nodes, and key shares.

import assert from 'node:assert/strict';
import { SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import { combineShares } from './recovery.ts';
import { parseRootKeys, type RootKeyRecord, serializeRootKeys } from './root-keys.ts';
import { decodeAnswer, decodeCall, encodeAnswer, encodeCall } from './wire.ts';

const root = SecretBytes.fill(32, (target) => target.fill(0x42));
const wrapped = {
  variant: 'secret',
  keyId: 'https://v/secrets/k/1',
  fingerprint: 'ab',
  blob: utf8('\u0001blob'),
};
const rootKeys: RootKeyRecord = {
  clusterId: '6f2c',
  clusterName: 'c',
  generation: 1,
  recovery: { shares: 5, threshold: 3 },
  copies: [{ sealName: 'azurekeyvault', sealKind: 'azurekeyvault', generation: 1, wrappedAt: 1, wrapped }],
};
const stored = serializeRootKeys(rootKeys, root);

export const rootKeysTarget = {
  name: 'root-keys',
  corpus: [stored, utf8('{"format":1,"copies":[]}')],
  words: ['"format":', '"copies":[', '"mac":"', '"generation":', 'null', '1e3', '-0'],
  bytesMax: 256 * 1024,
  run(input: Uint8Array): void {
    const { record, authenticates } = parseRootKeys(input);
    if (!authenticates(root)) return;
    // Other spellings of one JSON are the same record; anything else under this MAC is a forgery.
    assert.deepEqual(record, rootKeys);
  },
};

const call = encodeCall({
  id: 'i',
  verb: 'write',
  path: 'secret/data/a',
  input: { data: { a: 1 } },
  token: 'hvs.x',
  wrapTtl: '1m',
  help: false,
  mayForward: true,
  remoteAddress: '127.0.0.1',
  listener: { loopback: true, sealDetail: false },
  signal: new AbortController().signal,
});
const answer = encodeAnswer({ kind: 'response', response: { data: { a: ['b', null] } }, mountType: 'kv' });

export const wireTarget = {
  name: 'wire',
  corpus: [call, answer, utf8('{"format":1,"refusal":{"code":"sealed","message":"Vault is sealed"}}')],
  words: [
    '"format":1',
    '"verb":"read"',
    '"input":{',
    '"listener":',
    '"answer":',
    '"kind":"redirect"',
    'null',
  ],
  bytesMax: 256 * 1024,
  async run(input: Uint8Array): Promise<void> {
    await Promise.allSettled([
      Promise.try(() => decodeCall(input, new AbortController().signal)).then(
        ({ mayForward, input: body }) => {
          assert.equal(mayForward, false);
          assert.equal(Object.getPrototypeOf(body), Object.prototype);
        },
      ),
      Promise.try(() => decodeAnswer(input)),
    ]).then((ends) => {
      for (const end of ends) if (end.status === 'rejected') wireFault(end.reason);
    });
  },
};

/** Both decoders are tried; one that refuses must not hide what the other does. */
function wireFault(reason: unknown): void {
  if (!(reason instanceof Error) || reason.name !== 'LatchkeyError') throw reason;
}

/** First byte: how many shares the rest is cut into. */
export const sharesTarget = {
  name: 'shares',
  corpus: [
    new Uint8Array(100).fill(3),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(67).map((_, at) => (at === 0 ? 2 : at)),
  ],
  bytesMax: 16 * 1024,
  async run(input: Uint8Array): Promise<void> {
    const count = (input[0] ?? 0) % 256;
    const size = Math.floor((input.byteLength - 1) / Math.max(1, count));
    const shares = Array.from({ length: count }, (_, at) =>
      SecretBytes.copyOf(input.subarray(1 + at * size, 1 + (at + 1) * size)),
    );
    const before = shares.map((share) => toHex(share.expose()));
    const key = await combineShares(shares);
    assert.deepEqual(
      shares.map((share) => toHex(share.expose())),
      before,
    );
    if (key !== undefined) assert.ok(key.size === size || key.size === size - 1);
  },
};
