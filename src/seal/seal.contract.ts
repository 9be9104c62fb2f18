// What every seal must keep, whatever it wraps with. Run by each adapter against its real far side.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SecretBytes } from '../base/bytes.ts';
import { type Seal, SealFault, type WrapContext, type WrappedCopy } from './seal.ts';

export interface SealUnderTest {
  /** Ready to wrap for `clusterId`: prepared already, if it has to be. */
  readonly seal: Seal;
  readonly clusterId: string;
  /** True if the KEK is somebody else's work and may serve several clusters: `prepare` then asks only if it is fit. */
  readonly sharedKek?: boolean;
  close(): Promise<void>;
}

/** @param open called once for the suite. */
export function sealContract(name: string, open: () => Promise<SealUnderTest>): void {
  describe(`${name} keeps the contract of a seal`, () => {
    let held: SealUnderTest;
    let copy: WrappedCopy;
    const signal = new AbortController().signal;
    const context = (): WrapContext => ({
      clusterId: held.clusterId,
      sealName: held.seal.name,
      generation: 3,
    });
    const bytes = (size: number) => SecretBytes.fill(size, (target) => target.fill(0xa5));

    before(async () => {
      held = await open();
      copy = await held.seal.wrap(bytes(32), context(), signal);
    });
    after(() => held.close());

    test('opens what it wrapped, of 1 to 64 bytes, and leaves the secret to its owner', async () => {
      for (const size of [1, 32, 64]) {
        using secret = bytes(size);
        const wrapped = await held.seal.wrap(secret, context(), signal);
        using opened = await held.seal.unwrap(wrapped, context(), signal);
        assert.ok(opened.equals(bytes(size)));
        assert.ok(secret.equals(bytes(size)));
      }
    });

    test('gives a copy that a record can keep', async () => {
      const again = await held.seal.wrap(bytes(32), context(), signal);
      assert.ok(copy.blob.byteLength <= 8 * 1024);
      assert.notDeepEqual(again.blob, copy.blob);
      assert.deepEqual(
        [again.variant, again.keyId, again.fingerprint],
        [copy.variant, copy.keyId, copy.fingerprint],
      );
      assert.match(copy.fingerprint, /^[0-9a-f]{64}$/);
    });

    test('hands out a new secret each time', async () => {
      const first = await held.seal.unwrap(copy, context(), signal);
      first.wipe();
      using second = await held.seal.unwrap(copy, context(), signal);
      assert.ok(second.equals(bytes(32)));
    });

    test('does not open a copy in another context', async () => {
      const others: Partial<WrapContext>[] = [
        { clusterId: `${held.clusterId}x` },
        { sealName: 'other' },
        { generation: 4 },
      ];
      for (const other of others) {
        await refused(held.seal.unwrap(copy, { ...context(), ...other }, signal));
      }
    });

    test('does not open a copy that was changed, cut or lengthened', async () => {
      const { blob } = copy;
      for (const at of [0, 1, Math.floor(blob.byteLength / 2), blob.byteLength - 1]) {
        const changed = Uint8Array.from(blob);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await refused(held.seal.unwrap({ ...copy, blob: changed }, context(), signal));
      }
      for (const size of [0, 1, 16, blob.byteLength - 1]) {
        await refused(held.seal.unwrap({ ...copy, blob: blob.slice(0, size) }, context(), signal));
      }
      const longer = new Uint8Array(blob.byteLength + 1);
      longer.set(blob);
      await refused(held.seal.unwrap({ ...copy, blob: longer }, context(), signal));
    });

    test('does not open a copy of another variant, key or fingerprint', async () => {
      await refused(held.seal.unwrap({ ...copy, variant: 'other' }, context(), signal), 'variant_mismatch');
      await refused(held.seal.unwrap({ ...copy, keyId: 'nonsense' }, context(), signal));
      await refused(held.seal.unwrap({ ...copy, fingerprint: '0'.repeat(64) }, context(), signal));
    });

    test('refuses to wrap nothing, and more than 64 bytes', async () => {
      for (const size of [0, 65]) await refused(held.seal.wrap(bytes(size), context(), signal));
    });

    test('probes without changing anything, and names the key that wraps', async () => {
      const report = await held.seal.probe(signal);
      assert.equal(report.keyId, copy.keyId);
      using opened = await held.seal.unwrap(copy, context(), signal);
      assert.ok(opened.equals(bytes(32)));
    });

    test('is prepared twice for one cluster, and for another only if its KEK may be shared', async () => {
      if (held.seal.prepare === undefined) return;
      await held.seal.prepare(held.clusterId, signal);
      assert.equal((await held.seal.probe(signal)).keyId, copy.keyId);
      if (held.sharedKek === true) return;
      await refused(held.seal.prepare(`${held.clusterId}x`, signal), 'kek_belongs_to_another_cluster');
    });

    test('obeys a signal that is aborted already', async () => {
      const gone = AbortSignal.abort();
      await refused(held.seal.wrap(bytes(32), context(), gone));
      await refused(held.seal.unwrap(copy, context(), gone));
      await refused(held.seal.probe(gone));
    });

    test('describes itself in one line', () => {
      for (const line of [held.seal.describe.summary, ...held.seal.describe.warnings]) {
        assert.match(line, /^[^\r\n]{1,300}$/);
      }
    });
  });
}

/** Waits for a SealFault, checks what every fault must be, and returns it. */
export async function refused(call: Promise<unknown>, className?: string): Promise<SealFault> {
  const error = await call.then(
    () => assert.fail('expected a SealFault'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SealFault, `threw ${String(error)}`);
  assert.match(error.facts.class, /^[a-z][a-z_]+$/);
  assert.equal(error.message, error.facts.sentence);
  // No control characters: it is shown on a terminal and in one line of a log.
  assert.match(error.facts.sentence, /^\P{Cc}{10,300}$/u);
  if (className !== undefined) assert.equal(error.facts.class, className, error.message);
  return error;
}
