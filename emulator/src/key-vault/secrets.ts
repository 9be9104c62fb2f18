// The secrets of one vault: names, versions, soft delete. Knows nothing of callers or HTTP.

import { randomBytes } from 'node:crypto';
import { type Clock, epochSeconds } from '../clock.ts';
import { ServiceError } from '../http/message.ts';

export interface SecretAttributes {
  enabled: boolean;
  /** Seconds since the Unix epoch. */
  nbf?: number;
  exp?: number;
}

export interface SecretVersion {
  /** 32 lower-case hex digits. */
  version: string;
  value: string;
  contentType?: string;
  tags: Record<string, string>;
  attributes: SecretAttributes;
  created: number;
  updated: number;
}

export interface Secret {
  /** As first written; looked up without regard to case. */
  name: string;
  /** Oldest first; never empty. */
  versions: SecretVersion[];
  /** Seconds since the Unix epoch; present while soft-deleted. */
  deletedAt?: number;
  purgeAt?: number;
}

export interface NewSecret {
  value: string;
  contentType?: string;
  tags?: Record<string, string>;
  attributes?: Partial<SecretAttributes>;
}

/** What PATCH may change; a member that is absent stays as it is. */
export interface SecretChange {
  contentType?: string;
  tags?: Record<string, string>;
  attributes?: Partial<SecretAttributes>;
}

const DAY_SECONDS = 86_400;
/** Azure names no limit; a loop in a test must not fill the memory. */
const VERSIONS_MAX = 10_000;

export class SecretStore {
  readonly #secrets = new Map<string, Secret>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: string, secret: NewSecret): { secret: Secret; version: SecretVersion } {
    const known = this.#secrets.get(name.toLowerCase());
    if (known?.deletedAt !== undefined) throw deletedButRecoverable(name);
    const now = epochSeconds(this.#clock);
    const version: SecretVersion = {
      version: randomBytes(16).toString('hex'),
      value: secret.value,
      contentType: secret.contentType,
      tags: { ...secret.tags },
      attributes: { enabled: true, ...secret.attributes },
      created: now,
      updated: now,
    };
    const entry = known ?? { name, versions: [] };
    if (entry.versions.length >= VERSIONS_MAX)
      throw new ServiceError(400, 'BadParameter', 'Too many versions.');
    entry.versions.push(version);
    this.#secrets.set(name.toLowerCase(), entry);
    return { secret: entry, version };
  }

  /** The given version, or the newest one whatever its state. Throws SecretNotFound. */
  find(name: string, version?: string): { secret: Secret; version: SecretVersion } {
    const secret = this.#live(name);
    const found = version
      ? secret.versions.find((other) => other.version === version.toLowerCase())
      : newest(secret);
    if (!found) throw notFound(version ? `${name}/${version}` : name);
    return { secret, version: found };
  }

  update(
    name: string,
    version: string | undefined,
    change: SecretChange,
  ): { secret: Secret; version: SecretVersion } {
    const found = this.find(name, version);
    const target = found.version;
    if (change.contentType !== undefined) target.contentType = change.contentType;
    if (change.tags) target.tags = { ...change.tags };
    target.attributes = { ...target.attributes, ...change.attributes };
    target.updated = epochSeconds(this.#clock);
    return found;
  }

  versions(name: string): Secret {
    return this.#live(name);
  }

  list(): Secret[] {
    return this.#sorted().filter((secret) => secret.deletedAt === undefined);
  }

  listDeleted(): Secret[] {
    return this.#sorted().filter((secret) => secret.deletedAt !== undefined);
  }

  /** Soft delete. Instant here; the real service takes some seconds. */
  delete(name: string, retentionDays: number): Secret {
    const secret = this.#live(name);
    secret.deletedAt = epochSeconds(this.#clock);
    secret.purgeAt = secret.deletedAt + retentionDays * DAY_SECONDS;
    return secret;
  }

  deleted(name: string): Secret {
    const secret = this.#secrets.get(name.toLowerCase());
    if (secret?.deletedAt === undefined) throw notFound(name);
    return secret;
  }

  recover(name: string): Secret {
    const secret = this.deleted(name);
    delete secret.deletedAt;
    delete secret.purgeAt;
    return secret;
  }

  purge(name: string): void {
    this.#secrets.delete(this.deleted(name).name.toLowerCase());
  }

  #live(name: string): Secret {
    const secret = this.#secrets.get(name.toLowerCase());
    if (!secret || secret.deletedAt !== undefined) throw notFound(name);
    return secret;
  }

  #sorted(): Secret[] {
    return [...this.#secrets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

export function newest(secret: Secret): SecretVersion {
  const last = secret.versions.at(-1);
  if (!last) throw new Error('a secret without versions');
  return last;
}

function notFound(name: string): ServiceError {
  return new ServiceError(
    404,
    'SecretNotFound',
    `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
  );
}

function deletedButRecoverable(name: string): ServiceError {
  return new ServiceError(
    409,
    'Conflict',
    `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`,
    { innerCode: 'ObjectIsDeletedButRecoverable' },
  );
}
