import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, SecretBytes } from '../../base/bytes.ts';
import { systemRandom } from '../../base/random.ts';
import { sealContract } from '../seal.contract.ts';
import { SealFault } from '../seal.ts';
import { ShamirSeal } from './shamir-seal.ts';

const CONTEXT = { clusterId: 'c', sealName: 'shamir', generation: 1 };
const { signal } = new AbortController();

function sealWith(byte: number): ShamirSeal {
  const seal = new ShamirSeal(systemRandom);
  seal.manual.offer(SecretBytes.take(new Uint8Array(32).fill(byte)));
  return seal;
}

sealContract('shamir', async () => {
  const seal = sealWith(1);
  return { seal, clusterId: 'c', close: () => seal.close() };
});

test('without the KEK, and with another, it opens nothing and says which', async () => {
  const copy = await sealWith(1).wrap(SecretBytes.take(new Uint8Array(32)), CONTEXT, signal);
  const seal = sealWith(1);
  seal.manual.forget();
  const refusedAs = async (candidate: ShamirSeal, faultClass: string) => {
    const refusal = await candidate.unwrap(copy, CONTEXT, signal).catch((error: unknown) => error);
    assert.ok(refusal instanceof SealFault && refusal.facts.class === faultClass, String(refusal));
  };
  await refusedAs(seal, 'kek_not_given');
  await refusedAs(sealWith(2), 'kek_mismatch');
});

test('a copy of format 1 opens for ever', async () => {
  // Made once by this format: KEK 32 x 01, context c/shamir/1, secret 32 x 02.
  const { fingerprint } = await sealWith(1).wrap(SecretBytes.take(new Uint8Array(32)), CONTEXT, signal);
  const blob = fromHex(GOLDEN);
  assert.ok(blob);
  using opened = await sealWith(1).unwrap(
    { variant: 'shares', keyId: 'shamir', fingerprint, blob },
    CONTEXT,
    signal,
  );
  assert.deepEqual([...opened.expose()], Array(32).fill(2));
});

const GOLDEN =
  '014d13c5bdbda023d0e78d192ad4ec46ff623ac76bca69ec0411c0ff58beaa2d870920a3e0d3f9f77e58ea4cd8bff1430d9aa79d9c1bf401b43300c43d';
