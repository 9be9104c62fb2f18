// A new root token for whoever brings a quorum of keys: the attempt under way, in the memory of the active node alone.
// Vault's API page /api-docs/system/generate-root.

import { SecretBytes, toBase64, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import { base62, type Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import type { GenerateRootPort, GenerateRootView, SealView } from '../system/ports.ts';
import { SHAMIR_KEK_RECORD } from './layout.ts';
import { combineShares, verifyRecoveryShares } from './recovery.ts';

export interface GenerateRootParts {
  /** The core's own records. */
  readonly view: View;
  sealView(): Promise<Pick<SealView, 'isManual' | 'recoveryThreshold'>>;
  /** Text of a new root token. */
  issueRoot(): Promise<string>;
  readonly random: Random;
  readonly log: Logger;
}

/** Of a token: "hvs." and 24 characters. */
const OTP_CHARACTERS = 28;

interface Attempt {
  readonly nonce: string;
  readonly otp: SecretBytes;
  shares: SecretBytes[];
}

export class GenerateRoot implements GenerateRootPort, Disposable {
  readonly #parts: GenerateRootParts;
  readonly #lock = new KeyLock();
  #attempt: Attempt | undefined;

  constructor(parts: GenerateRootParts) {
    this.#parts = parts;
  }

  async status(): Promise<GenerateRootView> {
    const { recoveryThreshold } = await this.#parts.sealView();
    return {
      nonce: this.#attempt?.nonce ?? '',
      started: this.#attempt !== undefined,
      progress: this.#attempt?.shares.length ?? 0,
      required: recoveryThreshold,
      complete: false,
      encodedToken: '',
      otp: '',
      otpLength: OTP_CHARACTERS,
    };
  }

  start(chosen: string | undefined): Promise<GenerateRootView> {
    return this.#lock.run('attempt', async () => {
      const { random, log } = this.#parts;
      const otp = chosen ?? base62(random, OTP_CHARACTERS);
      const bytes = SecretBytes.take(utf8(otp));
      if (bytes.size !== OTP_CHARACTERS || this.#attempt !== undefined) {
        const words =
          bytes.size === OTP_CHARACTERS
            ? 'root generation already in progress'
            : 'OTP string has incorrect length';
        bytes.wipe();
        throw new LatchkeyError('bad_request', words);
      }
      this.#attempt = { nonce: random.uuid(), otp: bytes, shares: [] };
      log.warn('somebody began to generate a root token', { nonce: this.#attempt.nonce });
      return { ...(await this.status()), otp: chosen === undefined ? otp : '' };
    });
  }

  cancel(): Promise<void> {
    return this.#lock.run('attempt', async () => {
      if (this.#attempt !== undefined) {
        this.#parts.log.info('the generation of a root token was cancelled', { nonce: this.#attempt.nonce });
      }
      this.#forget();
    });
  }

  submit(share: SecretBytes, nonce: string): Promise<GenerateRootView> {
    return this.#lock.run('attempt', async () => {
      const attempt = this.#take(share, nonce);
      const { isManual, recoveryThreshold } = await this.#parts.sealView();
      const progress = attempt.shares.length;
      if (progress < recoveryThreshold) return this.status();
      const { shares } = attempt;
      attempt.shares = [];
      try {
        await this.#verify(shares, isManual);
      } finally {
        for (const given of shares) given.wipe();
      }
      const encodedToken = encode(await this.#parts.issueRoot(), attempt.otp);
      this.#parts.log.warn('a root token was generated', { nonce });
      const done = { ...(await this.status()), progress, complete: true, encodedToken };
      this.#forget();
      return done;
    });
  }

  [Symbol.dispose](): void {
    this.#forget();
  }

  /** Takes the share over, whatever comes of it. */
  #take(share: SecretBytes, nonce: string): Attempt {
    const attempt = this.#attempt;
    const refuse = (words: string): never => {
      share.wipe();
      throw new LatchkeyError('bad_request', words);
    };
    if (attempt === undefined) return refuse('no root generation in progress');
    if (nonce !== attempt.nonce) {
      const known = JSON.stringify(attempt.nonce);
      return refuse(`incorrect nonce supplied; nonce for this root generation operation is ${known}`);
    }
    if (attempt.shares.some((given) => given.equals(share))) {
      return refuse('given key has already been provided during this generation operation');
    }
    attempt.shares.push(share);
    return attempt;
  }

  /** @throws LatchkeyError bad_request; the attempt goes on without the shares, as in Vault. */
  async #verify(shares: readonly SecretBytes[], isManual: boolean): Promise<void> {
    const { view, log } = this.#parts;
    const isRight = isManual ? await isKek(view, shares) : await verifyRecoveryShares(view, shares);
    if (isRight) return;
    log.warn('wrong keys were given to generate a root token');
    const which = isManual ? 'unseal' : 'recovery';
    throw new LatchkeyError(
      'bad_request',
      `root generation aborted: ${which} key verification failed: the shares do not give back the key`,
    );
  }

  #forget(): void {
    this.#attempt?.otp.wipe();
    for (const share of this.#attempt?.shares ?? []) share.wipe();
    this.#attempt = undefined;
  }
}

/** People hold the KEK of this cluster, and the barrier holds a copy. */
async function isKek(view: View, shares: readonly SecretBytes[]): Promise<boolean> {
  const stored = await view.get(SHAMIR_KEK_RECORD);
  if (stored === undefined) throw new LatchkeyError('storage_corrupt', 'the copy of the KEK is gone');
  using kek = SecretBytes.take(stored);
  using given = await combineShares(shares);
  return given?.equals(kek) ?? false;
}

/** Token XOR OTP, in base64 without padding, as both CLIs decode it. */
function encode(token: string, otp: SecretBytes): string {
  using bytes = SecretBytes.take(utf8(token));
  if (bytes.size !== otp.size) throw new LatchkeyError('internal', 'a root token has an unexpected length');
  const key = otp.expose();
  return toBase64(bytes.expose().map((byte, at) => byte ^ (key[at] ?? 0))).replace(/=+$/, '');
}
