// One enabled device: its place, its salt, and what it does when the place is not there.

import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AuditDeviceEntry } from './audit-table.ts';
import type { AuditSink, AuditSinkType } from './device.ts';
import type { AuditEntry } from './entry.ts';
import { auditHash, type FormatOptions, formatEntry } from './format.ts';
import { readOptions } from './options.ts';

export interface DeviceParts {
  /** Kinds of devices, by name. */
  readonly sinkTypes: ReadonlyMap<string, AuditSinkType>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds between two attempts to open a place that was not there. */
const RETRY_MS = 2_000;

export class AuditDevice {
  readonly entry: AuditDeviceEntry;
  /** Of the config, and not to be disabled by the API. */
  readonly isDeclared: boolean;
  readonly #parts: DeviceParts;
  readonly #salt: SecretBytes;
  /** Read with the first line. */
  #format: FormatOptions | undefined;
  /** Undefined while the place could not be opened: the device then counts as one that refuses. */
  #sink: AuditSink | undefined;
  #opening: Promise<AuditSink> | undefined;
  #retryAt = 0;
  #closed = false;

  /** Takes the salt over. Opens nothing yet. */
  constructor(parts: DeviceParts, entry: AuditDeviceEntry, salt: SecretBytes, isDeclared: boolean) {
    this.#parts = parts;
    this.entry = entry;
    this.#salt = salt;
    this.isDeclared = isDeclared;
  }

  /** @throws LatchkeyError bad_request if the place cannot be opened, or an option is wrong. */
  async open(): Promise<void> {
    readOptions(this.entry.options);
    this.#sink = await sinkTypeOf(this.#parts, this.entry).open(this.entry.options);
  }

  /** A failure is logged, and the device refuses until its place can be opened. */
  async tryOpen(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      this.#retryAt = this.#parts.clock.monotonic() + RETRY_MS;
      this.#say('an audit device could not be opened; it refuses until it can be', error);
    }
  }

  /** Rejects if the line did not arrive, whatever the reason. */
  async write(entry: AuditEntry): Promise<void> {
    const sink = this.#sink ?? (await this.#openNow());
    this.#format ??= { ...readOptions(this.entry.options), salt: this.#salt };
    await sink.write(formatEntry(entry, this.#format));
  }

  hash(value: string): string {
    return auditHash(this.#salt, value);
  }

  /** After SIGHUP: a rotated file is opened anew, and one that was missing is looked for. */
  async reopen(): Promise<void> {
    if (this.#sink === undefined) return this.tryOpen();
    await this.#sink.reopen().catch((error: unknown) => {
      this.#say('an audit device could not be reopened, and keeps what it had', error);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sink?.close();
    this.#salt.wipe();
  }

  /** A collector that comes up after us must not need a signal to be found. */
  #openNow(): Promise<AuditSink> {
    const { clock } = this.#parts;
    if (this.#opening !== undefined) return this.#opening;
    if (this.#closed || clock.monotonic() < this.#retryAt) {
      return Promise.reject(new LatchkeyError('audit_refused', 'its place could not be opened'));
    }
    this.#retryAt = clock.monotonic() + RETRY_MS;
    this.#opening = sinkTypeOf(this.#parts, this.entry)
      .open(this.entry.options)
      .then(async (sink) => {
        if (this.#closed) await sink.close();
        else this.#sink = sink;
        return sink;
      })
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  #say(message: string, error: unknown): void {
    this.#parts.log.error(message, { device: this.entry.path, error: explain(error) });
  }
}

function sinkTypeOf({ sinkTypes }: DeviceParts, entry: AuditDeviceEntry): AuditSinkType {
  const type = sinkTypes.get(entry.type);
  if (type !== undefined) return type;
  const known = [...sinkTypes.keys()].join(', ');
  throw new LatchkeyError('bad_request', `unknown backend type: "${entry.type}"; there are: ${known}`);
}
