// Every format in which something secret leaves the process, each in one example: changed in any single bit, or cut by a
// byte, it is refused, and by nothing worse than one of our own errors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decryptRecord, encryptRecord } from '../../src/barrier/aead.ts';
import { Barrier } from '../../src/barrier/barrier.ts';
import { decryptKeyring, encryptKeyring, Keyring } from '../../src/barrier/keyring.ts';
import { SecretBytes, utf8 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { LatchkeyError } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { parseRootKeys, type RootKeyRecord, serializeRootKeys } from '../../src/core/root-keys.ts';
import { fillBox, openBox } from '../../src/seal/azure-key-vault/envelope.ts';
import { openUnder, sealUnder } from '../../src/seal/azure-key-vault/kek.ts';
import { ShamirSeal } from '../../src/seal/shamir/shamir-seal.ts';
import { memoryStorage } from '../../src/storage/memory/memory.ts';
import { unfenced } from '../../src/storage/storage.ts';
import { decodeBatchToken, encodeBatchToken } from '../../src/token/batch-token.ts';
import { type TokenEntry, UNLIMITED } from '../../src/token/token-entry.ts';

const parts = { random: systemRandom, clock: systemClock };
const freshKey = () => SecretBytes.fill(32, (target) => systemRandom.fill(target));
const context = { clusterId: 'c', sealName: 's', generation: 1 };
const signal = new AbortController().signal;
const key = freshKey();

interface Format {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Undefined, false or an error of ours is a refusal. */
  open(bytes: Uint8Array): unknown;
}

async function formats(): Promise<readonly Format[]> {
  const seal = new ShamirSeal(systemRandom);
  seal.manual.offer(freshKey());
  const copy = await seal.wrap(key, context, signal);
  return [
    {
      name: 'a record of the barrier',
      bytes: encryptRecord(key, 3, 'a/b', utf8('{"a":"b"}'), systemRandom),
      open: (bytes) => decryptRecord(key, 'a/b', bytes),
    },
    {
      name: 'the keyring',
      bytes: encryptKeyring(Keyring.create(systemRandom, 1), key, systemRandom),
      open: (bytes) => decryptKeyring(bytes, key),
    },
    {
      name: 'a copy of the root key under a KEK that is a secret',
      bytes: sealUnder(key, freshKey(), context, systemRandom),
      // Its first byte says the format, and its caller looks at that.
      open: (bytes) => (bytes[0] === 1 ? openUnder(key, bytes, context) : undefined),
    },
    {
      name: 'the box of a copy under a KEK that is a key',
      bytes: fillBox(key, freshKey(), context, 'f', systemRandom),
      open: (bytes) => openBox(key, bytes, context, 'f'),
    },
    {
      name: 'a copy under key shares',
      bytes: copy.blob,
      open: (blob) => seal.unwrap({ ...copy, blob }, context, signal),
    },
    rootKeysFormat(),
    await batchTokenFormat(),
  ];
}

function rootKeysFormat(): Format {
  const wrapped = { variant: 'v', keyId: 'https://v/keys/k/1', fingerprint: 'f', blob: utf8('blob') };
  const record: RootKeyRecord = {
    clusterId: 'c',
    clusterName: 'n',
    generation: 1,
    recovery: { shares: 5, threshold: 3 },
    copies: [{ sealName: 's', sealKind: 'k', generation: 1, wrappedAt: 1, wrapped }],
  };
  return {
    name: 'the record of the root keys',
    bytes: serializeRootKeys(record, key),
    open: (bytes) => {
      const stored = parseRootKeys(bytes);
      // JSON has several spellings of one thing; what counts is that no other thing passes.
      return stored.authenticates(key) && JSON.stringify(stored.record) !== JSON.stringify(record);
    },
  };
}

async function batchTokenFormat(): Promise<Format> {
  const { storage } = memoryStorage(parts);
  const barrier = new Barrier({ storage, ...parts });
  const root = freshKey();
  await storage.write(barrier.initialize(root), unfenced);
  await barrier.unseal(root);
  const cipher = {
    encrypt: (plain: Uint8Array) => {
      const change = barrier.encrypt('token/batch', plain);
      return change.kind === 'put' ? change.value : new Uint8Array();
    },
    decrypt: (record: Uint8Array) => barrier.decrypt('token/batch', record),
  };
  const entry: TokenEntry = {
    ...{
      format: 2,
      type: 'batch',
      accessor: '',
      policies: ['default'],
      displayName: 'd',
      path: 'p',
      createdAt: 1,
    },
    ...{ metadata: {}, cubbyhole: '', ...UNLIMITED },
  };
  const token = encodeBatchToken(cipher, entry);
  assert.ok(await decodeBatchToken(cipher, token), 'the token itself is taken');
  return {
    name: 'a batch token',
    bytes: new Uint8Array(Buffer.from(token.slice('hvb.'.length), 'base64url')),
    open: (bytes) => decodeBatchToken(cipher, `hvb.${Buffer.from(bytes).toString('base64url')}`),
  };
}

for (const { name, bytes, open } of await formats()) {
  test(`${name}: any bit flipped, or any byte cut from its end, is refused`, async () => {
    const isOpened = async (some: Uint8Array): Promise<boolean> => {
      try {
        const opened = await open(some);
        return opened !== undefined && opened !== false;
      } catch (error) {
        if (error instanceof LatchkeyError) return false;
        throw error;
      }
    };
    if (!name.includes('root keys')) assert.equal(await isOpened(bytes.slice()), true, 'unchanged, it opens');
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(await isOpened(changed), false, `bit ${bit} of ${bytes.byteLength * 8}`);
    }
    for (let cut = 1; cut <= Math.min(bytes.byteLength - 29, 20); cut += 1) {
      assert.equal(await isOpened(bytes.slice(0, -cut)), false, `${cut} bytes cut`);
    }
  });
}
