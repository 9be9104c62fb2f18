// Bytes, and the one type that may hold key material.

import { timingSafeEqual } from 'node:crypto';

/**
 * Key material of a fixed size in its own ArrayBuffer.
 *
 * A plain `new Uint8Array(32)` may live on the V8 heap, where the collector moves it and leaves copies, and
 * `Buffer.from(string)` draws on a shared pool. An explicit ArrayBuffer lies outside the heap and stays put,
 * so that `wipe` reaches every byte. Never logged: `toString`, `toJSON` and inspection print a placeholder.
 */
export class SecretBytes implements Disposable {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #wiped = false;

  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** Copies `source` (any length) and wipes it, so that one copy is left. */
  static take(source: Uint8Array): SecretBytes {
    const secret = SecretBytes.copyOf(source);
    source.fill(0);
    return secret;
  }

  /** Copies `source` and leaves it alone. */
  static copyOf(source: Uint8Array): SecretBytes {
    const bytes = new Uint8Array(new ArrayBuffer(source.byteLength));
    bytes.set(source);
    return new SecretBytes(bytes);
  }

  /** Fills a new secret of `size` bytes in place, so that no other copy ever exists. */
  static fill(size: number, write: (target: Uint8Array<ArrayBuffer>) => void): SecretBytes {
    const bytes = new Uint8Array(new ArrayBuffer(size));
    write(bytes);
    return new SecretBytes(bytes);
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  /**
   * The live bytes, not a copy; valid until `wipe`. The caller must not keep or change them.
   * @throws Error if the secret was wiped.
   */
  expose(): Uint8Array<ArrayBuffer> {
    if (this.#wiped) throw new Error('secret bytes were used after they were wiped');
    return this.#bytes;
  }

  clone(): SecretBytes {
    return SecretBytes.copyOf(this.expose());
  }

  equals(other: SecretBytes): boolean {
    return equalConstantTime(this.expose(), other.expose());
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** Compares without early exit. Different lengths are unequal; the length itself is not secret. */
export function equalConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

/** UTF-8 bytes of `text`, in their own buffer. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** @throws TypeError if `bytes` are not well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Strict standard base64 with padding. Undefined if `text` is anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return ownBuffer(Buffer.from(text, 'base64'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Undefined if `text` is not an even number of hex digits. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return ownBuffer(Buffer.from(text, 'hex'));
}

/** Moves bytes out of Node's shared pool and wipes their place there. */
function ownBuffer(pooled: Buffer): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(pooled.byteLength));
  bytes.set(pooled);
  pooled.fill(0);
  return bytes;
}
