// The audit devices that are enabled: one record for all, format 1, and a salt for each.

import { fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';

export interface AuditDeviceEntry {
  /** Ends in `/`, e.g. `file/`. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly local: boolean;
}

/** What the config says of audit devices; may change with a SIGHUP. */
export interface AuditConfig {
  readonly devices: readonly AuditDeviceEntry[];
  /** May devices also be enabled over the API? */
  readonly apiCreation: boolean;
}

const RECORD = 'devices';
const SALT_BYTES = 32;
const DEVICES_MAX = 16;

export class AuditTable {
  readonly #view: View;
  #entries: readonly AuditDeviceEntry[];

  private constructor(view: View, entries: readonly AuditDeviceEntry[]) {
    this.#view = view;
    this.#entries = entries;
  }

  /** @throws LatchkeyError storage_corrupt */
  static async open(view: View): Promise<AuditTable> {
    const bytes = await view.get(RECORD);
    if (bytes === undefined) return new AuditTable(view, []);
    const value: unknown = JSON.parse(fromUtf8(bytes));
    if (!isObject(value) || value['format'] !== 1 || !Array.isArray(value['devices'])) {
      throw new LatchkeyError('storage_corrupt', 'the table of audit devices has an unknown format');
    }
    return new AuditTable(view, value['devices'] as unknown as AuditDeviceEntry[]);
  }

  get entries(): readonly AuditDeviceEntry[] {
    return this.#entries;
  }

  /** @throws LatchkeyError bad_request if the path is taken or cannot be used. */
  check(path: string): void {
    if (!/^[\w.-]+(\/[\w.-]+)*\/$/.test(path) || path.length > 128) {
      throw new LatchkeyError(
        'bad_request',
        'the path of an audit device is 1 to 128 of 0-9 A-Z a-z _ . - and /',
      );
    }
    if (this.#entries.some((entry) => overlap(entry.path, path))) {
      throw new LatchkeyError('bad_request', 'path already in use');
    }
    if (this.#entries.length >= DEVICES_MAX) {
      throw new LatchkeyError(
        'bad_request',
        `there are ${DEVICES_MAX} audit devices already, and that is the limit`,
      );
    }
  }

  static newSalt(random: Random): SecretBytes {
    return SecretBytes.fill(SALT_BYTES, (target) => random.fill(target));
  }

  /** `salt` stays the caller's. */
  async add(entry: AuditDeviceEntry, salt: SecretBytes): Promise<void> {
    this.check(entry.path);
    const entries = [...this.#entries, entry];
    await this.#view.write([
      { kind: 'put', path: saltOf(entry.path), value: salt.expose().slice() },
      { kind: 'put', path: RECORD, value: serialize(entries) },
    ]);
    this.#entries = entries;
  }

  /** The salt goes with the device: its old lines can be matched with nothing any more. */
  async remove(path: string): Promise<void> {
    const entries = this.#entries.filter((entry) => entry.path !== path);
    await this.#view.write([
      { kind: 'put', path: RECORD, value: serialize(entries) },
      { kind: 'delete', path: saltOf(path) },
    ]);
    this.#entries = entries;
  }

  /** The device's salt, made if there is none yet. Those of paths not in `needed` go where there is no room else. */
  async saltFor(entry: AuditDeviceEntry, needed: ReadonlySet<string>, random: Random): Promise<SecretBytes> {
    if (this.#entries.some(({ path }) => path === entry.path)) return this.salt(entry.path);
    const inTheWay = this.#entries.filter(({ path }) => !needed.has(path));
    const isFull = this.#entries.length >= DEVICES_MAX;
    for (const { path } of inTheWay) if (isFull || overlap(path, entry.path)) await this.remove(path);
    const salt = AuditTable.newSalt(random);
    await this.add(entry, salt);
    return salt;
  }

  async salt(path: string): Promise<SecretBytes> {
    const salt = await this.#view.get(saltOf(path));
    if (salt?.byteLength !== SALT_BYTES) {
      throw new LatchkeyError('storage_corrupt', `the audit device ${path} has no valid salt`);
    }
    return SecretBytes.take(salt);
  }
}

export function overlap(left: string, right: string): boolean {
  return left.startsWith(right) || right.startsWith(left);
}

function saltOf(path: string): string {
  return `salt/${path.slice(0, -1)}`;
}

function serialize(devices: readonly AuditDeviceEntry[]): Uint8Array {
  return utf8(JSON.stringify({ format: 1, devices }));
}
