// The secrets of one vault. Knows nothing of callers or HTTP.

import type { Clock } from '../clock.ts';
import {
  type Found,
  type ObjectChange,
  ObjectStore,
  type ObjectVersion,
  type VaultObject,
} from './objects.ts';

export interface SecretVersion extends ObjectVersion {
  value: string;
  contentType?: string;
}

export type Secret = VaultObject<SecretVersion>;

export interface SecretChange extends ObjectChange {
  contentType?: string;
}

export interface NewSecret extends SecretChange {
  value: string;
}

export class SecretStore extends ObjectStore<SecretVersion> {
  constructor(clock: Clock) {
    super('Secret', clock);
  }

  set(name: string, { value, contentType, ...change }: NewSecret): Found<SecretVersion> {
    return this.add(name, change, { value, contentType });
  }

  update(name: string, version: string | undefined, change: SecretChange): Found<SecretVersion> {
    const found = this.change(name, version, change);
    if (change.contentType !== undefined) found.version.contentType = change.contentType;
    return found;
  }
}
