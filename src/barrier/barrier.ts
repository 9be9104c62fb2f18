// Turns the untrusted bytes of a storage into secret records. Open while it holds the root key and the keyring.

import { equalConstantTime, type SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import type { Change, Fence, Storage } from '../storage/storage.ts';
import { corrupt, decryptRecord, encryptRecord, KEY_BYTES, RECORD_OVERHEAD_BYTES, termOf } from './aead.ts';
import { decryptKeyring, encryptKeyring, KEYRING_KEY, KEYRING_TERMS_MAX, Keyring } from './keyring.ts';
import { BarrierView, type Records } from './view.ts';

export interface BarrierParts {
  readonly storage: Storage;
  readonly random: Random;
  readonly clock: Clock;
}

/** The newest term, for sys/key-status. */
export interface KeyStatus {
  readonly term: number;
  /** Milliseconds since the Unix epoch. */
  readonly installedAt: number;
  /** By this process under this term since it was opened; rotate before TERM_ENCRYPTIONS_MAX. */
  readonly encryptions: number;
}

interface OpenState {
  readonly root: SecretBytes;
  readonly keyring: Keyring;
  /** The keyring's record as stored, to tell cheaply whether another node has changed it. */
  readonly stored: Uint8Array;
}

export class Barrier implements Records {
  readonly #storage: Storage;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #lock = new KeyLock();
  readonly #encryptions = new Map<number, number>();
  #open: OpenState | undefined;
  /** Grows with every `seal`, so that an unseal or a refresh that was waiting for the storage cannot undo it. */
  #sealings = 0;
  /** The epoch under which a keyring write ended without a clear outcome. */
  #doubtfulEpoch: number | undefined;

  constructor({ storage, random, clock }: BarrierParts) {
    this.#storage = storage;
    this.#random = random;
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Makes a keyring with term 1 under `root` (32 bytes, copied) and opens the barrier with it. Writes nothing: the
   * changes belong into the one batch of the initialisation, beside records made by `encrypt`.
   * If that batch fails, call `seal`.
   * @throws LatchkeyError already_initialized if the barrier is open.
   */
  initialize(root: SecretBytes): Change[] {
    if (this.isOpen) throw new LatchkeyError('already_initialized', 'the barrier is already open');
    assertRootSize(root);
    const keyring = Keyring.create(this.#random, this.#clock.now());
    const record = encryptKeyring(keyring, root, this.#random);
    this.#replace({ root: root.clone(), keyring, stored: record.slice() });
    return [{ kind: 'put', key: KEYRING_KEY, value: record }];
  }

  /**
   * Reads the keyring and opens it with `root` (32 bytes, copied). Opening an open barrier replaces its keys.
   * @throws LatchkeyError not_initialized if no keyring is stored, storage_corrupt if it does not open with this root
   *   key (a wrong key and a damaged record look alike), storage_unavailable if it could not be read, sealed if `seal`
   *   was called meanwhile.
   */
  async unseal(root: SecretBytes): Promise<void> {
    assertRootSize(root);
    using own = root.clone();
    await this.#lock.run(KEYRING_KEY, async () => {
      const sealings = this.#sealings;
      const record = await this.#storage.get(KEYRING_KEY);
      if (sealings !== this.#sealings) throw sealed();
      if (record === undefined) throw new LatchkeyError('not_initialized', 'the storage holds no keyring');
      this.#replace({ keyring: decryptKeyring(record, own), root: own.clone(), stored: record });
    });
  }

  /** Wipes every key. What was still waiting for the storage fails with `sealed`. */
  seal(): void {
    this.#sealings += 1;
    this.#open?.keyring.wipe();
    this.#open?.root.wipe();
    this.#open = undefined;
    this.#encryptions.clear();
  }

  /** @throws LatchkeyError sealed */
  assertOpen(): void {
    this.#opened();
  }

  /**
   * The put of `value` under `key`, encrypted with the newest term.
   * @throws LatchkeyError sealed, or bad_request if the value is over the storage's limit less 33 bytes.
   */
  encrypt(key: string, value: Uint8Array): Change {
    const { keyring } = this.#opened();
    assertNotKeyring(key);
    const sizeMax = this.#storage.limits.valueBytesMax - RECORD_OVERHEAD_BYTES;
    if (value.byteLength > sizeMax) {
      throw new LatchkeyError(
        'bad_request',
        `a value of ${value.byteLength} bytes is over the limit of ${sizeMax}`,
      );
    }
    const { term, key: dataKey } = keyring.newest;
    this.#encryptions.set(term, (this.#encryptions.get(term) ?? 0) + 1);
    return { kind: 'put', key, value: encryptRecord(dataKey, term, key, value, this.#random) };
  }

  /** The delete of `key`. @throws LatchkeyError sealed */
  remove(key: string): Change {
    this.assertOpen();
    assertNotKeyring(key);
    return { kind: 'delete', key };
  }

  /**
   * Opens a record that was read under `key`. A term that this node has not met makes it look for a newer keyring.
   * @throws LatchkeyError sealed, storage_corrupt, storage_unavailable
   */
  async decrypt(key: string, record: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const term = termOf(key, record);
    if (this.#opened().keyring.find(term) === undefined) await this.refresh();
    const found = this.#opened().keyring.find(term);
    if (found === undefined) throw corrupt(key, `encrypted under the unknown term ${term}`);
    return decryptRecord(found.key, key, record);
  }

  /**
   * Adds a term, which encrypts from now on.
   * @throws LatchkeyError sealed, fenced, storage_unavailable, storage_corrupt, bad_request (no room for a term)
   */
  rotate(fence: Fence): Promise<KeyStatus> {
    return this.#lock.run(KEYRING_KEY, async () => {
      this.#assertNoDoubt(fence);
      // The keyring in memory may be older than the stored one, and writing it back would drop a term that is in use.
      await this.#reload();
      const { keyring, root } = this.#opened();
      if (keyring.size >= KEYRING_TERMS_MAX) {
        throw new LatchkeyError('bad_request', `the keyring already holds ${KEYRING_TERMS_MAX} terms`);
      }
      await this.#commit(keyring.rotated(this.#random, this.#clock.now()), root.clone(), [], fence);
      return this.keyStatus();
    });
  }

  /**
   * Encrypts the keyring under a new root key (32 bytes, copied), in one batch with `alongside` (the root-key record),
   * so that a crash leaves either both old or both new. Other nodes then need the new root key: their `refresh`
   * throws storage_corrupt.
   * @throws LatchkeyError as `rotate`
   */
  async rekey(root: SecretBytes, fence: Fence, alongside: readonly Change[]): Promise<void> {
    assertRootSize(root);
    using own = root.clone();
    await this.#lock.run(KEYRING_KEY, async () => {
      this.#assertNoDoubt(fence);
      await this.#reload();
      await this.#commit(this.#opened().keyring.clone(), own.clone(), alongside, fence);
    });
  }

  /**
   * Takes over a keyring that another node has changed; true if there was one. A new leader calls it before it writes.
   * @throws LatchkeyError sealed, storage_unavailable, or storage_corrupt if the stored keyring no longer opens with
   *   this node's root key, as after a rekey by another node. The keys in memory stay as they were.
   */
  refresh(): Promise<boolean> {
    return this.#lock.run(KEYRING_KEY, () => this.#reload());
  }

  /** @throws LatchkeyError sealed */
  keyStatus(): KeyStatus {
    const { term, installedAt } = this.#opened().keyring.newest;
    return { term, installedAt, encryptions: this.#encryptions.get(term) ?? 0 };
  }

  /**
   * A view of what lies under `prefix` (empty, or ending in `/`). Without a fence it refuses writes with `fenced`.
   * It may be made while sealed; using it then throws `sealed`.
   */
  view(prefix: string, fence?: Fence): View {
    return new BarrierView(this, this.#storage, prefix, fence);
  }

  #opened(): OpenState {
    if (this.#open === undefined) throw sealed();
    return this.#open;
  }

  #replace(next: OpenState): void {
    this.#open?.keyring.wipe();
    this.#open?.root.wipe();
    this.#open = next;
  }

  async #reload(): Promise<boolean> {
    this.#opened();
    const sealings = this.#sealings;
    const record = await this.#storage.get(KEYRING_KEY);
    if (sealings !== this.#sealings) throw sealed();
    const { root, stored } = this.#opened();
    if (record === undefined) throw corrupt(KEYRING_KEY, 'the keyring is gone');
    if (equalConstantTime(record, stored)) return false;
    this.#replace({ keyring: decryptKeyring(record, root), root: root.clone(), stored: record });
    return true;
  }

  /** Writes first and installs after, so that no record is ever encrypted under a term that may not be stored. */
  async #commit(
    keyring: Keyring,
    root: SecretBytes,
    alongside: readonly Change[],
    fence: Fence,
  ): Promise<void> {
    const sealings = this.#sealings;
    const record = encryptKeyring(keyring, root, this.#random);
    const stored = record.slice();
    try {
      await this.#storage.write([...alongside, { kind: 'put', key: KEYRING_KEY, value: record }], fence);
    } catch (error) {
      keyring.wipe();
      root.wipe();
      const nothingWritten = hasCode(error, 'fenced') || hasCode(error, 'bad_request');
      if (!nothingWritten) this.#doubtfulEpoch = fence.epoch;
      throw error;
    }
    if (sealings !== this.#sealings) {
      keyring.wipe();
      root.wipe();
      throw sealed();
    }
    this.#replace({ keyring, root, stored });
  }

  /**
   * A keyring write whose outcome is unknown may still land, on top of a later one, and take that one's term away
   * with every record under it. Only a newer epoch rules that out.
   */
  #assertNoDoubt(fence: Fence): void {
    if (this.#doubtfulEpoch === fence.epoch) {
      throw new LatchkeyError(
        'storage_unavailable',
        'the outcome of an earlier key rotation is unknown; step this node down, then rotate again',
      );
    }
  }
}

function assertRootSize(root: SecretBytes): void {
  if (root.size !== KEY_BYTES) throw new LatchkeyError('internal', `a root key has ${KEY_BYTES} bytes`);
}

/** A mount's view never comes near it; whoever does would lock the cluster out of its own data. */
function assertNotKeyring(key: string): void {
  if (key === KEYRING_KEY) throw new LatchkeyError('internal', 'the keyring is not a record of the barrier');
}

function sealed(): LatchkeyError {
  return new LatchkeyError('sealed', 'Vault is sealed');
}
