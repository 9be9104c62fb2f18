// Writes down every request before it is handled and every answer before it is given, or refuses it.

import type { SecretBytes } from '../base/bytes.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import { type AuditDeviceEntry, AuditTable } from './audit-table.ts';
import type { AuditSink, AuditSinkType } from './device.ts';
import type { AuditEntry } from './entry.ts';
import { auditHash, type FormatOptions, formatEntry } from './format.ts';

export interface AuditBrokerParts {
  /** Table and salts. */
  readonly view: View;
  /** Kinds of devices, by name. */
  readonly sinkTypes: ReadonlyMap<string, AuditSinkType>;
  /** Devices of the config's `audit` stanzas: they cannot be disabled by the API. */
  readonly declared: readonly AuditDeviceEntry[];
  readonly random: Random;
  readonly log: Logger;
}

interface Device {
  readonly entry: AuditDeviceEntry;
  /** Undefined: it could not be opened. It then counts as one that refuses. */
  readonly sink: AuditSink | undefined;
  readonly format: FormatOptions;
  readonly isDeclared: boolean;
}

export class AuditBroker implements AsyncDisposable {
  readonly #parts: AuditBrokerParts;
  readonly #table: AuditTable;
  readonly #lock = new KeyLock();
  #devices: readonly Device[] = [];

  private constructor(parts: AuditBrokerParts, table: AuditTable) {
    this.#parts = parts;
    this.#table = table;
  }

  /**
   * Opens every enabled device. One that does not open is logged and refuses from then on: a node whose only device is
   * broken answers nothing, rather than answering what nobody wrote down.
   */
  static async open(parts: AuditBrokerParts): Promise<AuditBroker> {
    const broker = new AuditBroker(parts, await AuditTable.open(parts.view));
    for (const entry of parts.declared) await broker.#declare(entry);
    for (const entry of broker.#table.entries) {
      const salt = await broker.#table.salt(entry.path);
      broker.#devices = [...broker.#devices, await broker.#openDevice(entry, salt, false)];
    }
    return broker;
  }

  get entries(): readonly AuditDeviceEntry[] {
    return this.#devices.map((device) => device.entry);
  }

  /**
   * Hands the entry to every device; one that accepts is enough. No device enabled: nothing to write, as in Vault.
   * @throws LatchkeyError audit_refused if devices are enabled and all of them failed.
   */
  async record(entry: AuditEntry): Promise<void> {
    const devices = this.#devices;
    if (devices.length === 0) return;
    const results = await Promise.allSettled(devices.map((device) => write(device, entry)));
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      const device = devices[index]?.entry.path;
      this.#parts.log.error('an audit device failed', { device, error: explain(result.reason) });
    }
    if (results.every((result) => result.status === 'rejected')) {
      throw new LatchkeyError(
        'audit_refused',
        'no audit device accepted the entry, so the request is refused',
      );
    }
  }

  /** @throws LatchkeyError bad_request; nothing is enabled then. */
  enable(entry: AuditDeviceEntry): Promise<void> {
    return this.#lock.run('table', async () => {
      this.#table.check(entry.path);
      if (this.#devices.some((device) => device.entry.path === entry.path)) {
        throw new LatchkeyError('bad_request', 'path already in use');
      }
      const type = this.#typeOf(entry);
      const sink = await type.open(entry.options);
      try {
        const salt = await this.#table.add(entry, this.#parts.random);
        this.#devices = [...this.#devices, { entry, sink, format: formatOf(entry, salt), isDeclared: false }];
      } catch (error) {
        await sink.close();
        throw error;
      }
    });
  }

  /** An unknown path is no error, as in Vault. @throws LatchkeyError bad_request for a device of the config. */
  disable(path: string): Promise<void> {
    return this.#lock.run('table', async () => {
      const device = this.#devices.find((candidate) => candidate.entry.path === path);
      if (device === undefined) return;
      if (device.isDeclared) {
        throw new LatchkeyError('bad_request', `${path} is declared in the configuration; take it out there`);
      }
      await this.#table.remove(path);
      this.#devices = this.#devices.filter((candidate) => candidate !== device);
      await close(device);
    });
  }

  /** @throws LatchkeyError bad_request if there is no such device. */
  hash(path: string, value: string): string {
    const device = this.#devices.find((candidate) => candidate.entry.path === path);
    if (device === undefined) throw new LatchkeyError('bad_request', `unknown audit backend ${path}`);
    return auditHash(device.format.salt, value);
  }

  /** After SIGHUP. A device that does not open again keeps what it had. */
  async reopen(): Promise<void> {
    for (const { entry, sink } of this.#devices) {
      await sink?.reopen().catch((error: unknown) => {
        this.#parts.log.error('an audit device could not be reopened', {
          device: entry.path,
          error: explain(error),
        });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const devices = this.#devices;
    this.#devices = [];
    await Promise.allSettled(devices.map(close));
  }

  /** Its salt is kept like the others', so that hashes stay comparable over restarts. */
  async #declare(entry: AuditDeviceEntry): Promise<void> {
    const view = this.#parts.view.sub('declared/');
    const salts = await AuditTable.open(view);
    const known = salts.entries.some((candidate) => candidate.path === entry.path);
    const salt = known ? await salts.salt(entry.path) : await salts.add(entry, this.#parts.random);
    this.#devices = [...this.#devices, await this.#openDevice(entry, salt, true)];
  }

  async #openDevice(entry: AuditDeviceEntry, salt: SecretBytes, isDeclared: boolean): Promise<Device> {
    let sink: AuditSink | undefined;
    try {
      sink = await this.#typeOf(entry).open(entry.options);
    } catch (error) {
      this.#parts.log.error('an audit device could not be opened', {
        device: entry.path,
        error: explain(error),
      });
    }
    return { entry, sink, format: formatOf(entry, salt), isDeclared };
  }

  #typeOf(entry: AuditDeviceEntry): AuditSinkType {
    const type = this.#parts.sinkTypes.get(entry.type);
    if (type !== undefined) return type;
    const known = [...this.#parts.sinkTypes.keys()].join(', ');
    throw new LatchkeyError('bad_request', `unknown backend type: "${entry.type}"; there are: ${known}`);
  }
}

function write(device: Device, entry: AuditEntry): Promise<void> {
  if (device.sink === undefined) return Promise.reject(new Error('it could not be opened'));
  return device.sink.write(formatEntry(entry, device.format));
}

async function close(device: Device): Promise<void> {
  await device.sink?.close();
  device.format.salt.wipe();
}

function formatOf(entry: AuditDeviceEntry, salt: SecretBytes): FormatOptions {
  const isOn = (name: string, byDefault: boolean) => {
    const given = entry.options[name];
    return given === undefined || given === '' ? byDefault : ['true', '1', 't'].includes(given.toLowerCase());
  };
  return {
    salt,
    logRaw: isOn('log_raw', false),
    hmacAccessor: isOn('hmac_accessor', true),
    elideListResponses: isOn('elide_list_responses', false),
    prefix: entry.options['prefix'] ?? '',
  };
}
