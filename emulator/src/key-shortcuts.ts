// Shortcuts for tests: the keys of a vault, past all checks of rights.

import type { RsaKeySize } from './key-vault/key-crypto.ts';
import { DEFAULT_KEY_OPS, type KeyType } from './key-vault/keys.ts';
import type { Vault } from './key-vault/vault.ts';

export interface KeyOptions {
  /** Default RSA. */
  type?: KeyType;
  /** Bits; default 2048, which is quick to make. */
  size?: RsaKeySize;
  /** Default: all six operations. */
  operations?: string[];
  tags?: Record<string, string>;
  enabled?: boolean;
  /** Seconds since the Unix epoch. */
  notBefore?: number;
  expires?: number;
}

export interface KeyView {
  version: string;
  type: KeyType;
  /** Bits. */
  size: number;
  operations: string[];
  enabled: boolean;
  /** Seconds since the Unix epoch. */
  notBefore?: number;
  expires?: number;
  tags: Record<string, string>;
}

export interface KeyShortcuts {
  /** Names that are not deleted. */
  names(): string[];
  /** Makes a key or, when there is one of that name, a new version of it; returns the version. */
  create(name: string, options?: KeyOptions): Promise<string>;
  /** The newest version, or the given one. */
  get(name: string, version?: string): KeyView;
  /** Versions, oldest first. */
  versions(name: string): string[];
  /** Each of these changes the newest version, or the given one. */
  setEnabled(name: string, enabled: boolean, version?: string): void;
  /** Seconds since the Unix epoch; a bound that is not given is taken away. */
  setValidity(name: string, validity: { notBefore?: number; expires?: number }, version?: string): void;
  setOps(name: string, operations: string[], version?: string): void;
  /** Makes a new version like the newest one; returns it. */
  rotate(name: string): Promise<string>;
  delete(name: string): void;
  recover(name: string): void;
  purge(name: string): void;
}

export function keyShortcuts(vault: Vault): KeyShortcuts {
  const { keys } = vault;
  return {
    names: () => keys.list().map((key) => key.name),
    async create(name, options = {}) {
      const { type = 'RSA', size = 2048, operations = [...DEFAULT_KEY_OPS], tags } = options;
      const attributes = {
        enabled: options.enabled ?? true,
        nbf: options.notBefore,
        exp: options.expires,
      };
      return (await keys.create(name, { type, size, operations, tags, attributes })).version.version;
    },
    get(name, version) {
      const found = keys.find(name, version).version;
      const { enabled, nbf, exp } = found.attributes;
      return {
        version: found.version,
        type: found.type,
        size: found.size,
        operations: [...found.operations],
        enabled,
        notBefore: nbf,
        expires: exp,
        tags: { ...found.tags },
      };
    },
    versions: (name) => keys.versions(name).versions.map((version) => version.version),
    setEnabled(name, enabled, version) {
      keys.update(name, version, { attributes: { enabled } });
    },
    setValidity(name, { notBefore, expires }, version) {
      keys.update(name, version, { attributes: { nbf: notBefore, exp: expires } });
    },
    setOps(name, operations, version) {
      keys.update(name, version, { operations });
    },
    rotate: async (name) => (await keys.rotate(name)).version.version,
    delete(name) {
      keys.delete(name, vault.retentionDays);
    },
    recover(name) {
      keys.recover(name);
    },
    purge: (name) => keys.purge(name),
  };
}
