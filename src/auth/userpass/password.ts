// Passwords as they are kept: Argon2id, RFC 9106. What a guess costs whoever has the records is set here.

import { argon2 } from 'node:crypto';
import { equalConstantTime, fromBase64, toBase64, utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';

/** Kept with each hash, so that those to come may cost more and the old ones are still understood. */
interface Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface PasswordHash extends Cost {
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

/** The first choice of OWASP's Password Storage Cheat Sheet for Argon2id: 19 MiB, 2 passes, 1 lane. */
const COST: Cost = { memoryKib: 19_456, passes: 2, lanes: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** Longest password, bytes of UTF-8. */
export const PASSWORD_BYTES_MAX = 1_024;
/** Node hashes in the threads that also serve files and names: two of its four stay free. */
const AT_ONCE_MAX = 2;
const WAITING_MAX = 256;

/** Hashes and checks passwords, two at a time. */
export class PasswordHasher {
  readonly #random: Random;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** @throws LatchkeyError bad_request if the password is too long, rate_limited if too many are waiting. */
  async hash(password: string): Promise<PasswordHash> {
    const bytes = utf8(password);
    try {
      if (bytes.byteLength > PASSWORD_BYTES_MAX) {
        throw new LatchkeyError('bad_request', `a password has ${PASSWORD_BYTES_MAX} bytes at most`);
      }
      const salt = new Uint8Array(SALT_BYTES);
      this.#random.fill(salt);
      return { ...COST, salt, tag: await this.#derive(bytes, salt, COST) };
    } finally {
      bytes.fill(0);
    }
  }

  /** Without a hash it is as much work, and false: nobody learns from the time which names there are. */
  async check(password: string, hash: PasswordHash | undefined): Promise<boolean> {
    const bytes = utf8(password);
    try {
      const { salt, ...cost } = hash ?? { ...COST, salt: new Uint8Array(SALT_BYTES) };
      const isTooLong = bytes.byteLength > PASSWORD_BYTES_MAX;
      const tag = await this.#derive(isTooLong ? bytes.subarray(0, PASSWORD_BYTES_MAX) : bytes, salt, cost);
      return !isTooLong && hash !== undefined && equalConstantTime(tag, hash.tag);
    } finally {
      bytes.fill(0);
    }
  }

  async #derive(message: Uint8Array, nonce: Uint8Array, cost: Cost): Promise<Uint8Array> {
    await this.#enter();
    try {
      return await derive(message, nonce, cost);
    } finally {
      // The place is handed on, so that nobody slips in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < AT_ONCE_MAX) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      throw new LatchkeyError('rate_limited', 'too many logins at once, try again later');
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }
}

function derive(message: Uint8Array, nonce: Uint8Array, cost: Cost): Promise<Uint8Array> {
  const { memoryKib: memory, passes, lanes: parallelism } = cost;
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      { message, nonce, memory, passes, parallelism, tagLength: TAG_BYTES },
      (error, tag) => {
        if (error === null) resolve(tag);
        else reject(new LatchkeyError('internal', 'a password could not be hashed', { cause: error }));
      },
    );
  });
}

export function encodeHash({ memoryKib, passes, lanes, salt, tag }: PasswordHash): JsonObject {
  return { kind: 'argon2id', memoryKib, passes, lanes, salt: toBase64(salt), tag: toBase64(tag) };
}

/** @throws LatchkeyError storage_corrupt */
export function decodeHash(value: JsonValue | undefined): PasswordHash {
  if (!isObject(value) || value['kind'] !== 'argon2id') throw foreign();
  const { memoryKib, passes, lanes, salt, tag } = value;
  if (typeof memoryKib !== 'number' || typeof passes !== 'number' || typeof lanes !== 'number')
    throw foreign();
  const [saltBytes, tagBytes] = [salt, tag].map((text) =>
    typeof text === 'string' ? fromBase64(text) : undefined,
  );
  if (saltBytes === undefined || tagBytes?.byteLength !== TAG_BYTES) throw foreign();
  return { memoryKib, passes, lanes, salt: saltBytes, tag: tagBytes };
}

function foreign(): LatchkeyError {
  return new LatchkeyError('storage_corrupt', 'a stored password hash cannot be read');
}
