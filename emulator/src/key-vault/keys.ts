// The keys of one vault. Private keys stay in the KeyObjects made here: nothing can read them back.

import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { generateRsaKey, type RsaKeySize } from './key-crypto.ts';
import {
  type Found,
  newest,
  type ObjectChange,
  ObjectStore,
  type ObjectVersion,
  type VaultObject,
} from './objects.ts';

/** An HSM key is a software key with another name here. */
export type KeyType = 'RSA' | 'RSA-HSM';

/** Azure's words for what a key may be used for, in the order of a new RSA key's `key_ops`. */
export const DEFAULT_KEY_OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'] as const;

export interface KeyVersion extends ObjectVersion {
  type: KeyType;
  /** Bits. */
  size: RsaKeySize;
  operations: string[];
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export type Key = VaultObject<KeyVersion>;

export interface KeyChange extends ObjectChange {
  operations?: string[];
}

export interface NewKey extends KeyChange {
  type: KeyType;
  size: RsaKeySize;
}

export class KeyStore extends ObjectStore<KeyVersion> {
  constructor(clock: Clock) {
    super('Key', clock);
  }

  /** Makes a key, or a new version of it. Generating takes a while; the name is looked at before and after. */
  async create(name: string, { type, size, operations, ...change }: NewKey): Promise<Found<KeyVersion>> {
    this.checkName(name);
    const pair = await generateRsaKey(size);
    return this.add(name, change, { ...pair, type, size, operations: operations ?? [...DEFAULT_KEY_OPS] });
  }

  /** A new version like the newest one, but enabled, with new key material and without its validity window. */
  async rotate(name: string): Promise<Found<KeyVersion>> {
    const { object } = this.find(name);
    const { type, size, operations, tags } = newest(object);
    return this.create(object.name, { type, size, operations: [...operations], tags });
  }

  update(name: string, version: string | undefined, change: KeyChange): Found<KeyVersion> {
    const found = this.change(name, version, change);
    if (change.operations) found.version.operations = [...change.operations];
    return found;
  }
}
