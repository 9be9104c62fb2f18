// What secrets and keys of a vault have in common: names without regard to case, versions, soft delete.

import { randomBytes } from 'node:crypto';
import { type Clock, epochSeconds } from '../clock.ts';
import { ServiceError } from '../http/message.ts';
import type { RotationPolicy } from './rotation.ts';

export interface ObjectAttributes {
  enabled: boolean;
  /** Seconds since the Unix epoch. */
  nbf?: number;
  exp?: number;
}

export interface ObjectVersion {
  /** 32 lower-case hex digits. */
  version: string;
  tags: Record<string, string>;
  attributes: ObjectAttributes;
  /** Seconds since the Unix epoch. */
  created: number;
  updated: number;
}

export interface VaultObject<Version extends ObjectVersion> {
  /** As first written; looked up without regard to case. */
  name: string;
  /** Oldest first; never empty. */
  versions: Version[];
  /** Seconds since the Unix epoch; present while soft-deleted. */
  deletedAt?: number;
  purgeAt?: number;
  /** Keys alone have one. */
  rotation?: RotationPolicy;
}

/** What every PATCH may change; a member that is absent stays as it is. */
export interface ObjectChange {
  tags?: Record<string, string>;
  attributes?: Partial<ObjectAttributes>;
}

export interface Found<Version extends ObjectVersion> {
  object: VaultObject<Version>;
  version: Version;
}

const DAY_SECONDS = 86_400;
/** A loop in a test must not fill the memory. */
const VERSIONS_MAX = 10_000;

export class ObjectStore<Version extends ObjectVersion> {
  readonly #objects = new Map<string, VaultObject<Version>>();
  readonly #clock: Clock;
  readonly #noun: 'Secret' | 'Key';

  constructor(noun: 'Secret' | 'Key', clock: Clock) {
    this.#noun = noun;
    this.#clock = clock;
  }

  /** The given version, or the newest one whatever its state. Throws SecretNotFound or KeyNotFound. */
  find(name: string, version?: string): Found<Version> {
    const object = this.#live(name);
    const found = version
      ? object.versions.find((other) => other.version === version.toLowerCase())
      : newest(object);
    if (!found) throw this.#notFound(version ? `${name}/${version}` : name);
    return { object, version: found };
  }

  /** The same without throwing. */
  lookup(name: string, version?: string): Version | undefined {
    const object = this.#objects.get(name.toLowerCase());
    return version
      ? object?.versions.find((other) => other.version === version.toLowerCase())
      : object?.versions.at(-1);
  }

  versions(name: string): VaultObject<Version> {
    return this.#live(name);
  }

  list(): VaultObject<Version>[] {
    return this.#sorted().filter((object) => object.deletedAt === undefined);
  }

  listDeleted(): VaultObject<Version>[] {
    this.#sweep();
    return this.#sorted().filter((object) => object.deletedAt !== undefined);
  }

  /** Soft delete. Instant here; the real service takes some seconds. */
  delete(name: string, retentionDays: number): VaultObject<Version> {
    const object = this.#live(name);
    object.deletedAt = epochSeconds(this.#clock);
    object.purgeAt = object.deletedAt + retentionDays * DAY_SECONDS;
    return object;
  }

  deleted(name: string): VaultObject<Version> {
    this.#sweep();
    const object = this.#objects.get(name.toLowerCase());
    if (object?.deletedAt === undefined) throw this.#notFound(name);
    return object;
  }

  recover(name: string): VaultObject<Version> {
    const object = this.deleted(name);
    delete object.deletedAt;
    delete object.purgeAt;
    return object;
  }

  purge(name: string): void {
    this.#objects.delete(this.deleted(name).name.toLowerCase());
  }

  dump(): VaultObject<Version>[] {
    return [...this.#objects.values()];
  }

  load(objects: VaultObject<Version>[]): this {
    this.#objects.clear();
    for (const object of objects) this.#objects.set(object.name.toLowerCase(), object);
    return this;
  }

  /** From a backup: with all its versions, where there is nothing of its name. */
  restore(object: VaultObject<Version>): VaultObject<Version> {
    this.checkName(object.name);
    if (this.#objects.has(object.name.toLowerCase())) {
      throw new ServiceError(
        409,
        'Conflict',
        `A ${this.#noun.toLowerCase()} with name ${object.name} already exists in this vault.`,
      );
    }
    this.#objects.set(object.name.toLowerCase(), object);
    return object;
  }

  /** Throws 409 while the name is soft-deleted. */
  protected checkName(name: string): void {
    this.#sweep();
    if (this.#objects.get(name.toLowerCase())?.deletedAt !== undefined) {
      throw this.#deletedButRecoverable(name);
    }
  }

  /** Adds a version made of `content`; the name is new or has versions already. */
  protected add(
    name: string,
    change: ObjectChange,
    content: Omit<Version, keyof ObjectVersion>,
  ): Found<Version> {
    this.checkName(name);
    const now = epochSeconds(this.#clock);
    const common: ObjectVersion = {
      version: randomBytes(16).toString('hex'),
      tags: { ...change.tags },
      attributes: { enabled: true, ...change.attributes },
      created: now,
      updated: now,
    };
    const version = { ...content, ...common } as Version;
    const object = this.#objects.get(name.toLowerCase()) ?? { name, versions: [] };
    if (object.versions.length >= VERSIONS_MAX) {
      throw new ServiceError(400, 'BadParameter', 'Too many versions.');
    }
    object.versions.push(version);
    this.#objects.set(name.toLowerCase(), object);
    return { object, version };
  }

  protected change(name: string, version: string | undefined, change: ObjectChange): Found<Version> {
    const found = this.find(name, version);
    const target = found.version;
    if (change.tags) target.tags = { ...change.tags };
    target.attributes = { ...target.attributes, ...change.attributes };
    target.updated = epochSeconds(this.#clock);
    return found;
  }

  #live(name: string): VaultObject<Version> {
    const object = this.#objects.get(name.toLowerCase());
    if (!object || object.deletedAt !== undefined) throw this.#notFound(name);
    return object;
  }

  /** What has been deleted for long enough is gone. */
  #sweep(): void {
    const now = epochSeconds(this.#clock);
    for (const [name, { purgeAt }] of this.#objects) {
      if (purgeAt !== undefined && now >= purgeAt) this.#objects.delete(name);
    }
  }

  #sorted(): VaultObject<Version>[] {
    return [...this.#objects.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #notFound(name: string): ServiceError {
    const noun = this.#noun.toLowerCase();
    return new ServiceError(
      404,
      `${this.#noun}NotFound`,
      `A ${noun} with (name/id) ${name} was not found in this key vault. If you recently deleted this ${noun} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
    );
  }

  #deletedButRecoverable(name: string): ServiceError {
    return new ServiceError(
      409,
      'Conflict',
      `${this.#noun} ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the ${this.#noun.toLowerCase()} can only be recovered or purged.`,
      { innerCode: 'ObjectIsDeletedButRecoverable' },
    );
  }
}

export function newest<Version extends ObjectVersion>(object: VaultObject<Version>): Version {
  const last = object.versions.at(-1);
  if (!last) throw new Error('an object without versions');
  return last;
}
