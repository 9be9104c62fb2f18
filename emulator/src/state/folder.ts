// A folder in which an emulator's state outlives the process, kill -9 included: each change is on the disk before it is
// answered. One file, readable by its owner alone: it holds private keys and the operator's secret.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority } from '../certificates.ts';
import { decode, encode } from './codec.ts';
import type { State } from './everything.ts';

/** What is made once for a folder. */
export interface Foundation {
  tenantId: string;
  subscriptionId: string;
  authority: CertificateAuthority;
  operator: { clientId: string; clientSecret: string; objectId: string };
}

export interface Saved extends Foundation {
  state: State;
}

export class StateFolder {
  readonly #file: string;
  readonly #lock: string;
  #last = '';

  private constructor(folder: string) {
    this.#file = join(folder, 'state.json');
    this.#lock = join(folder, 'lock');
  }

  /** Makes it if need be; throws while another process that still lives has it. */
  static async open(path: string): Promise<StateFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const folder = new StateFolder(path);
    folder.#takeLock(path);
    return folder;
  }

  /** undefined: nothing was ever saved here. */
  read(): Saved | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    this.#last = text;
    return decode(text) as Saved;
  }

  /** Writes what has changed, and returns when it is on the disk. */
  save(saved: Saved): void {
    const text = encode(saved);
    if (text === this.#last) return;
    const fresh = `${this.#file}.new`;
    writeFileSync(fresh, text, { mode: 0o600, flush: true });
    renameSync(fresh, this.#file);
    this.#last = text;
  }

  close(): void {
    rmSync(this.#lock, { force: true });
  }

  #takeLock(path: string): void {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        writeFileSync(this.#lock, String(process.pid), { mode: 0o600, flag: 'wx' });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = Number(readFileSync(this.#lock, 'utf8'));
      if (isAlive(holder)) throw new Error(`process ${holder} already uses ${path}`);
      // It was killed: what it had answered is in the file.
      rmSync(this.#lock, { force: true });
    }
    throw new Error(`${path} cannot be locked`);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
