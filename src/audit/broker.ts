// Writes down every request before it is handled and every answer before it is given, or refuses it.

import { isDeepStrictEqual } from 'node:util';
import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import { AuditDevice } from './audit-device.ts';
import { type AuditConfig, type AuditDeviceEntry, AuditTable, overlap } from './audit-table.ts';
import type { AuditSinkType } from './device.ts';
import type { AuditEntry } from './entry.ts';

export interface AuditBrokerParts {
  /** Table and salts. */
  readonly view: View;
  /** Kinds of devices, by name. */
  readonly sinkTypes: ReadonlyMap<string, AuditSinkType>;
  /** As it is now: asked at the start and at each `reload`. */
  config(): AuditConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class AuditBroker implements AsyncDisposable {
  readonly #parts: AuditBrokerParts;
  /** Devices that the API has enabled. */
  readonly #table: AuditTable;
  /** The salts of declared ones, kept over restarts, so that hashes stay comparable. */
  readonly #salts: AuditTable;
  readonly #lock = new KeyLock();
  #config: AuditConfig;
  #devices: readonly AuditDevice[] = [];

  private constructor(parts: AuditBrokerParts, table: AuditTable, salts: AuditTable) {
    this.#parts = parts;
    this.#table = table;
    this.#salts = salts;
    this.#config = parts.config();
  }

  /**
   * Opens every enabled device. One that does not open is logged and refuses from then on: a node whose only device is
   * broken answers nothing, rather than answering what nobody wrote down.
   */
  static async open(parts: AuditBrokerParts): Promise<AuditBroker> {
    const salts = await AuditTable.open(parts.view.sub('declared/'));
    const broker = new AuditBroker(parts, await AuditTable.open(parts.view), salts);
    await broker.#compose();
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
    const results = await Promise.allSettled(devices.map((device) => device.write(entry)));
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
      if (!this.#config.apiCreation) {
        throw new LatchkeyError(
          'bad_request',
          'cannot enable audit device via API; use declarative, config-based audit device management instead',
        );
      }
      this.#table.check(entry.path);
      if (this.#devices.some((device) => overlap(device.entry.path, entry.path))) {
        throw new LatchkeyError('bad_request', 'path already in use');
      }
      const salt = AuditTable.newSalt(this.#parts.random);
      const device = new AuditDevice(this.#parts, entry, salt, false);
      try {
        // Before it is stored: one that cannot work would refuse every request from then on.
        await device.open();
        await this.#table.add(entry, salt);
      } catch (error) {
        await device.close();
        throw error;
      }
      this.#devices = [...this.#devices, device];
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
      await device.close();
    });
  }

  /** @throws LatchkeyError bad_request if there is no such device. */
  hash(path: string, value: string): string {
    const device = this.#devices.find((candidate) => candidate.entry.path === path);
    if (device === undefined) throw new LatchkeyError('bad_request', `unknown audit backend ${path}`);
    return device.hash(value);
  }

  /** After SIGHUP: takes over the config as it is now, and opens files anew. */
  reload(): Promise<void> {
    return this.#lock.run('table', async () => {
      this.#config = this.#parts.config();
      const before = new Set(this.#devices);
      await this.#compose();
      await Promise.all(
        this.#devices.filter((device) => before.has(device)).map((device) => device.reopen()),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const devices = this.#devices;
    this.#devices = [];
    await closeAll(devices);
  }

  /** Devices that stay the same stay open. At every moment all that are to be there already, or still, are. */
  async #compose(): Promise<void> {
    const declared = this.#config.devices;
    const next: AuditDevice[] = [];
    try {
      for (const entry of declared) next.push(this.#keep(entry, true) ?? (await this.#openDeclared(entry)));
      for (const entry of this.#table.entries) {
        if (this.#givesWay(entry)) continue;
        next.push(this.#keep(entry, false) ?? (await this.#openStored(entry)));
      }
    } catch (error) {
      await closeAll(next.filter((device) => !this.#devices.includes(device)));
      throw error;
    }
    const gone = this.#devices.filter((device) => !next.includes(device));
    this.#devices = next;
    await closeAll(gone);
  }

  /** What the config says is newer than what somebody once told the API. */
  #givesWay(entry: AuditDeviceEntry): boolean {
    const declared = this.#config.devices.find(({ path }) => overlap(path, entry.path));
    if (declared === undefined) return false;
    const fields = { device: entry.path, declared: declared.path };
    this.#parts.log.warn('an audit device of the API gives way to one of the config', fields);
    return true;
  }

  #keep(entry: AuditDeviceEntry, isDeclared: boolean): AuditDevice | undefined {
    return this.#devices.find(
      (device) => device.isDeclared === isDeclared && isDeepStrictEqual(device.entry, entry),
    );
  }

  async #openDeclared(entry: AuditDeviceEntry): Promise<AuditDevice> {
    const needed = new Set(this.#config.devices.map(({ path }) => path));
    return this.#open(entry, await this.#salts.saltFor(entry, needed, this.#parts.random), true);
  }

  async #openStored(entry: AuditDeviceEntry): Promise<AuditDevice> {
    return this.#open(entry, await this.#table.salt(entry.path), false);
  }

  async #open(entry: AuditDeviceEntry, salt: SecretBytes, isDeclared: boolean): Promise<AuditDevice> {
    const device = new AuditDevice(this.#parts, entry, salt, isDeclared);
    await device.tryOpen();
    return device;
  }
}

async function closeAll(devices: readonly AuditDevice[]): Promise<void> {
  await Promise.allSettled(devices.map((device) => device.close()));
}
