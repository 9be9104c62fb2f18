// Protocol Buffers as far as etcd's messages need them: numbers, bytes, and messages within messages.
// Source: protobuf.dev/programming-guides/encoding.

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;
const FIELDS_MAX = 1_000_000;

/** Gathers the fields of one message, in the order of the calls. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  /** Zero is what an absent field means, and is left out. */
  number(field: number, value: number | bigint): this {
    if (BigInt(value) !== 0n) this.#parts.push(varint(tag(field, VARINT)), varint(BigInt(value)));
    return this;
  }

  /** Text, or a message that is finished. */
  bytes(field: number, value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#parts.push(varint(tag(field, LENGTH)), varint(BigInt(bytes.byteLength)), bytes);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** The fields of one message. Unknown ones are kept and never asked for. */
export class ProtoMessage {
  readonly #numbers = new Map<number, bigint>();
  readonly #bytes = new Map<number, Buffer[]>();

  /** @throws RangeError if the bytes are no message. */
  constructor(bytes: Buffer) {
    let at = 0;
    for (let fields = 0; at < bytes.length; fields += 1) {
      if (fields > FIELDS_MAX) throw new RangeError('a message has too many fields');
      const key = readVarint(bytes, at);
      const [field, type] = [Number(key.value >> 3n), Number(key.value & 7n)];
      at = this.#keep(bytes, field, type, key.next);
    }
  }

  /** Signed 64 bits, as a bigint; 0 if absent. */
  big(field: number): bigint {
    return BigInt.asIntN(64, this.#numbers.get(field) ?? 0n);
  }

  number(field: number): number {
    return Number(this.big(field));
  }

  /** Slices of what was read; empty if absent. */
  all(field: number): readonly Buffer[] {
    return this.#bytes.get(field) ?? [];
  }

  /** The last one wins; empty if absent. */
  one(field: number): Buffer {
    return this.all(field).at(-1) ?? Buffer.alloc(0);
  }

  message(field: number): ProtoMessage {
    return new ProtoMessage(this.one(field));
  }

  messages(field: number): readonly ProtoMessage[] {
    return this.all(field).map((bytes) => new ProtoMessage(bytes));
  }

  #keep(bytes: Buffer, field: number, type: number, at: number): number {
    if (type === VARINT) {
      const { value, next } = readVarint(bytes, at);
      this.#numbers.set(field, value);
      return next;
    }
    if (type === LENGTH) {
      const { value, next } = readVarint(bytes, at);
      const end = next + Number(value);
      if (end > bytes.length) throw new RangeError('a message is cut off');
      const found = this.#bytes.get(field);
      const part = bytes.subarray(next, end);
      if (found === undefined) this.#bytes.set(field, [part]);
      else found.push(part);
      return end;
    }
    const end = at + (type === FIXED_64 ? 8 : type === FIXED_32 ? 4 : Number.POSITIVE_INFINITY);
    if (end > bytes.length) throw new RangeError('a message has a field of an unknown kind or is cut off');
    return end;
  }
}

function tag(field: number, type: number): bigint {
  return BigInt(field * 8 + type);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function readVarint(bytes: Buffer, start: number): { value: bigint; next: number } {
  let value = 0n;
  for (let at = start; at < start + 10; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw new RangeError('a message is cut off');
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: at + 1 };
  }
  throw new RangeError('a number in a message is too long');
}
