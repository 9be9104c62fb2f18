// Writes down every request before it is handled and every answer before it is given, or refuses it.

import { LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Operation } from '../engine/engine.ts';

/** What a device gets. It carries no token and no body: those come with the devices that can HMAC them. */
export interface AuditEntry {
  readonly type: 'request' | 'response';
  readonly requestId: string;
  readonly timeMs: number;
  readonly operation: Operation;
  readonly path: string;
  readonly remoteAddress: string;
  readonly displayName: string | undefined;
  readonly outcome: 'ok' | 'denied' | 'failed' | undefined;
}

export interface AuditDevice {
  readonly name: string;
  /** Resolves when the entry is where it must be. */
  record(entry: AuditEntry): Promise<void>;
}

export class AuditBroker {
  readonly #devices: readonly AuditDevice[];
  readonly #log: Logger;

  constructor(devices: readonly AuditDevice[], log: Logger) {
    this.#devices = devices;
    this.#log = log;
  }

  /**
   * Hands the entry to every device; one that accepts is enough. No device enabled: nothing to write, as in Vault.
   * @throws LatchkeyError audit_refused if devices are enabled and all of them failed.
   */
  async record(entry: AuditEntry): Promise<void> {
    if (this.#devices.length === 0) return;
    const results = await Promise.allSettled(this.#devices.map((device) => device.record(entry)));
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') {
        this.#log.error('an audit device failed', { device: this.#devices[index]?.name });
      }
    }
    if (results.every((result) => result.status === 'rejected')) {
      throw new LatchkeyError(
        'audit_refused',
        'no audit device accepted the entry, so the request is refused',
      );
    }
  }
}
