// A seal whose KEK lives and dies with the process: for `server -dev`, whose data do the same, and for tests.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { SecretBytes, utf8 } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { type Seal, SealFault, type WrapContext, type WrappedCopy } from '../seal.ts';

const KEK_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 1;
const VARIANT = 'in-memory';

export class InMemorySeal implements Seal {
  readonly name: string;
  readonly kind = 'dev';
  readonly describe = {
    summary: 'a KEK in the memory of this process',
    warnings: ['the KEK dies with this process'],
  };
  readonly #kek: SecretBytes;
  readonly #random: Random;

  constructor(random: Random, name = 'dev') {
    this.name = name;
    this.#random = random;
    this.#kek = SecretBytes.fill(KEK_BYTES, (target) => random.fill(target));
  }

  async wrap(secret: SecretBytes, context: WrapContext): Promise<WrappedCopy> {
    const nonce = new Uint8Array(NONCE_BYTES);
    this.#random.fill(nonce);
    const cipher = createCipheriv('aes-256-gcm', this.#kek.expose(), nonce);
    cipher.setAAD(associated(context));
    const sealed = Buffer.concat([cipher.update(secret.expose()), cipher.final(), cipher.getAuthTag()]);
    const blob = new Uint8Array([FORMAT, ...nonce, ...sealed]);
    return { variant: VARIANT, keyId: 'memory:kek', fingerprint: this.#fingerprint(), blob };
  }

  async unwrap(copy: WrappedCopy, context: WrapContext): Promise<SecretBytes> {
    const { blob } = copy;
    const nonce = blob.subarray(1, 1 + NONCE_BYTES);
    const tag = blob.subarray(blob.byteLength - TAG_BYTES);
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#kek.expose(), nonce);
      decipher.setAAD(associated(context));
      decipher.setAuthTag(tag);
      const opened = decipher.update(blob.subarray(1 + NONCE_BYTES, blob.byteLength - TAG_BYTES));
      decipher.final();
      return SecretBytes.take(opened);
    } catch (cause) {
      throw new SealFault(
        {
          sealName: this.name,
          stage: 'unwrap',
          class: 'kek_mismatch',
          retry: 'rare',
          sentence: 'The copy was not wrapped by this process: its KEK is gone.',
          definite: true,
        },
        cause,
      );
    }
  }

  async probe() {
    return { keyId: 'memory:kek', warnings: [] };
  }

  async close(): Promise<void> {
    this.#kek.wipe();
  }

  #fingerprint(): string {
    return createHmac('sha256', this.#kek.expose()).update('latchkey in-memory kek').digest('hex');
  }
}

function associated(context: WrapContext): Uint8Array {
  return utf8(JSON.stringify([context.clusterId, context.sealName, context.generation]));
}
