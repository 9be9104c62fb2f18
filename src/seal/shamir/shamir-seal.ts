// The seal whose KEK people hold, in shares. It keeps the KEK only while the core lends it; splitting and combining
// shares is the core's work.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { SecretBytes, utf8 } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import {
  type ProbeReport,
  type Seal,
  SealFault,
  type SealFaultFacts,
  type WrapContext,
  type WrappedCopy,
} from '../seal.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SECRET_BYTES_MAX = 64;
const FORMAT = 1;
const VARIANT = 'shares';
const KEY_ID = 'shamir';

export class ShamirSeal implements Seal {
  readonly name = 'shamir';
  readonly kind = 'shamir';
  readonly describe = {
    summary: 'the KEK is held in key shares by people; each start needs them',
    warnings: [],
  };
  readonly manual: NonNullable<Seal['manual']>;
  readonly #random: Random;
  #kek: SecretBytes | undefined;

  constructor(random: Random) {
    this.#random = random;
    this.manual = {
      offer: (kek) => {
        this.#kek?.wipe();
        this.#kek = kek;
      },
      forget: () => this.#forget(),
    };
  }

  async wrap(secret: SecretBytes, context: WrapContext, signal: AbortSignal): Promise<WrappedCopy> {
    const kek = this.#lent('wrap', signal);
    if (secret.size < 1 || secret.size > SECRET_BYTES_MAX) {
      throw fault('wrap', 'secret_size', `A seal wraps 1 to ${SECRET_BYTES_MAX} bytes.`);
    }
    const nonce = new Uint8Array(NONCE_BYTES);
    this.#random.fill(nonce);
    const cipher = createCipheriv('aes-256-gcm', kek.expose(), nonce);
    cipher.setAAD(associated(context));
    const sealed = Buffer.concat([cipher.update(secret.expose()), cipher.final(), cipher.getAuthTag()]);
    const blob = new Uint8Array([FORMAT, ...nonce, ...sealed]);
    return { variant: VARIANT, keyId: KEY_ID, fingerprint: fingerprintOf(kek), blob };
  }

  async unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes> {
    const kek = this.#lent('unwrap', signal);
    const { blob } = copy;
    if (copy.variant !== VARIANT || copy.keyId !== KEY_ID) {
      throw fault(
        'unwrap',
        'variant_mismatch',
        'The stored copy of the root key belongs to another kind of seal.',
      );
    }
    if (blob[0] !== FORMAT || blob.byteLength <= 1 + NONCE_BYTES + TAG_BYTES) {
      throw fault(
        'unwrap',
        'copy_malformed',
        'The stored copy of the root key has a shape that this version lacks.',
      );
    }
    const opened = copy.fingerprint === fingerprintOf(kek) ? open(blob, kek, context) : undefined;
    if (opened === undefined) {
      throw fault(
        'unwrap',
        'kek_mismatch',
        'The key shares do not give back the key that wraps the root key.',
      );
    }
    return opened;
  }

  async probe(signal: AbortSignal): Promise<ProbeReport> {
    if (signal.aborted) throw cancelled('key');
    return { keyId: KEY_ID, warnings: [] };
  }

  async close(): Promise<void> {
    this.#forget();
  }

  #lent(stage: 'wrap' | 'unwrap', signal: AbortSignal): SecretBytes {
    if (signal.aborted) throw cancelled(stage);
    if (this.#kek === undefined) throw fault(stage, 'kek_not_given', 'The key shares were not given yet.');
    return this.#kek;
  }

  #forget(): void {
    this.#kek?.wipe();
    this.#kek = undefined;
  }
}

/** Undefined if it does not authenticate. */
function open(blob: Uint8Array, kek: SecretBytes, context: WrapContext): SecretBytes | undefined {
  const end = blob.byteLength - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', kek.expose(), blob.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(associated(context));
  decipher.setAuthTag(blob.subarray(end));
  const opened = decipher.update(blob.subarray(1 + NONCE_BYTES, end));
  try {
    decipher.final();
    return SecretBytes.take(opened);
  } catch {
    opened.fill(0);
    return undefined;
  }
}

/** Keyed by the KEK, so that it tells nothing about it. */
function fingerprintOf(kek: SecretBytes): string {
  return createHmac('sha256', kek.expose()).update('latchkey shamir kek').digest('hex');
}

function cancelled(stage: SealFaultFacts['stage']): SealFault {
  return fault(stage, 'cancelled', 'The call was cancelled on this side.');
}

function associated(context: WrapContext): Uint8Array {
  return utf8(JSON.stringify([context.clusterId, context.sealName, context.generation]));
}

function fault(stage: SealFaultFacts['stage'], faultClass: string, sentence: string): SealFault {
  return new SealFault({
    sealName: 'shamir',
    stage,
    class: faultClass,
    retry: 'rare',
    sentence,
    definite: true,
  });
}
