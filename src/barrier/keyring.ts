// The data keys by term: the newest encrypts, all of them decrypt. Kept as one record under the root key.

import { hkdfSync } from 'node:crypto';
import { SecretBytes, utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { corrupt, decryptRecord, encryptRecord, KEY_BYTES, termOf } from './aead.ts';

/** Where the keyring lies; the key is bound into its record. */
export const KEYRING_KEY = 'core/keyring';

/** Most terms of one keyring: a rotation a day for eleven years, and 180 kB, well below a storage value's limit. */
export const KEYRING_TERMS_MAX = 4_096;

/** The record's header names this term, which no data key ever has: it is encrypted under the root key. */
const ROOT_TERM = 0;

const KEYRING_FORMAT = 1;
const HEADER_BYTES = 3;
const ENTRY_BYTES = 4 + 8 + KEY_BYTES;
/** The last millisecond that a Date can hold. */
const INSTALLED_AT_MAX = 8_640_000_000_000_000n;

export interface Term {
  /** From 1, growing. */
  readonly term: number;
  readonly key: SecretBytes;
  /** Milliseconds since the Unix epoch. */
  readonly installedAt: number;
}

/** Owns its keys: `wipe` reaches each of them. Never changes; a rotation makes a new keyring with keys of its own. */
export class Keyring implements Disposable {
  readonly #terms: ReadonlyMap<number, Term>;
  readonly newest: Term;

  private constructor(terms: readonly Term[]) {
    const newest = terms.at(-1);
    if (newest === undefined) throw corrupt(KEYRING_KEY, 'keyring without a term');
    this.newest = newest;
    this.#terms = new Map(terms.map((entry) => [entry.term, entry]));
  }

  /** One fresh key, term 1. */
  static create(random: Random, now: number): Keyring {
    const first: Term = { term: 1, key: freshKey(random), installedAt: Math.trunc(now) };
    return new Keyring([first]);
  }

  /** This keyring's keys and a fresh one on top. */
  rotated(random: Random, now: number): Keyring {
    const added: Term = { term: this.newest.term + 1, key: freshKey(random), installedAt: Math.trunc(now) };
    return new Keyring([...this.#copyTerms(), added]);
  }

  /** The same terms with keys of their own. */
  clone(): Keyring {
    return new Keyring(this.#copyTerms());
  }

  get size(): number {
    return this.#terms.size;
  }

  find(term: number): Term | undefined {
    return this.#terms.get(term);
  }

  /**
   * Format byte 1, count (u16), then for each term in growing order: term (u32), installedAt (u64, milliseconds),
   * key (32). Big endian.
   */
  serialize(): SecretBytes {
    return SecretBytes.fill(HEADER_BYTES + this.size * ENTRY_BYTES, (target) => {
      const view = new DataView(target.buffer);
      view.setUint8(0, KEYRING_FORMAT);
      view.setUint16(1, this.size);
      let at = HEADER_BYTES;
      for (const { term, installedAt, key } of this.#terms.values()) {
        view.setUint32(at, term);
        view.setBigUint64(at + 4, BigInt(installedAt));
        target.set(key.expose(), at + 12);
        at += ENTRY_BYTES;
      }
    });
  }

  /**
   * Reads what `serialize` wrote, and nothing else: any byte too many, too few or out of order is refused.
   * @throws LatchkeyError storage_corrupt
   */
  static parse(bytes: Uint8Array): Keyring {
    if (bytes.byteLength < HEADER_BYTES) throw corrupt(KEYRING_KEY, 'keyring shorter than its header');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint8(0) !== KEYRING_FORMAT) throw corrupt(KEYRING_KEY, 'unknown keyring format');
    const count = view.getUint16(1);
    if (count === 0 || count > KEYRING_TERMS_MAX) throw corrupt(KEYRING_KEY, `keyring of ${count} terms`);
    if (bytes.byteLength !== HEADER_BYTES + count * ENTRY_BYTES)
      throw corrupt(KEYRING_KEY, 'keyring of a wrong size');
    const offsets = Array.from({ length: count }, (_, index) => HEADER_BYTES + index * ENTRY_BYTES);
    const order = offsets.map((at) => ({
      at,
      term: view.getUint32(at),
      installedAt: view.getBigUint64(at + 4),
    }));
    let before = ROOT_TERM;
    for (const { term, installedAt } of order) {
      if (term <= before) throw corrupt(KEYRING_KEY, 'keyring terms do not grow');
      if (installedAt > INSTALLED_AT_MAX) throw corrupt(KEYRING_KEY, 'keyring with an impossible time');
      before = term;
    }
    const terms = order.map(({ at, term, installedAt }): Term => {
      const key = SecretBytes.copyOf(bytes.subarray(at + 12, at + ENTRY_BYTES));
      return { term, key, installedAt: Number(installedAt) };
    });
    return new Keyring(terms);
  }

  wipe(): void {
    for (const { key } of this.#terms.values()) key.wipe();
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  #copyTerms(): Term[] {
    return [...this.#terms.values()].map((entry) => ({ ...entry, key: entry.key.clone() }));
  }
}

/** The keyring as its stored record. */
export function encryptKeyring(keyring: Keyring, root: SecretBytes, random: Random): Uint8Array<ArrayBuffer> {
  using plaintext = keyring.serialize();
  return encryptRecord(root, ROOT_TERM, KEYRING_KEY, plaintext.expose(), random);
}

/**
 * Opens the stored keyring.
 * @throws LatchkeyError storage_corrupt if `root` is not its key, or the record is damaged: GCM cannot tell which.
 */
export function decryptKeyring(record: Uint8Array, root: SecretBytes): Keyring {
  if (termOf(KEYRING_KEY, record) !== ROOT_TERM) throw corrupt(KEYRING_KEY, 'not encrypted under a root key');
  const plaintext = decryptRecord(root, KEYRING_KEY, record);
  try {
    return Keyring.parse(plaintext);
  } finally {
    plaintext.fill(0);
  }
}

/**
 * A 32-byte key for a MAC, told apart by `label`: HKDF-SHA256 (RFC 5869) of the root key, empty salt, `label` as info.
 * The caller wipes it.
 */
export function deriveMacKey(root: SecretBytes, label: string): SecretBytes {
  const derived = hkdfSync('sha256', root.expose(), new Uint8Array(0), utf8(label), KEY_BYTES);
  return SecretBytes.take(new Uint8Array(derived));
}

function freshKey(random: Random): SecretBytes {
  return SecretBytes.fill(KEY_BYTES, (target) => random.fill(target));
}
