// Keeps leases: one record each below its id, and for each token the list of what it was given.

import { createHash } from 'node:crypto';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { JSON_DEPTH_MAX, STORAGE_KEY_BYTES_MAX } from '../base/limits.ts';
import type { View, ViewChange } from '../engine/engine.ts';
import { namesIn, pathsBelow } from '../engine/pages.ts';

/** A lease, format 1. Times in milliseconds since the epoch, lengths in seconds; 0 is never or none. */
export interface Lease {
  /** `<path of the request>/<random>`; for a token `<path>/h<its id>`. */
  readonly id: string;
  /** `token`: it stands for the token itself, and the token's own entry says when it ends. */
  readonly kind: 'token' | 'secret';
  /** The token that it stands for, or that it ends with; empty if there is none. */
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewedAt: number;
  readonly renewable: boolean;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  /** Given back to the engine. */
  readonly internal: JsonObject;
  /** Its end has begun: it is neither renewed nor shown as alive. */
  readonly ending: boolean;
  /** Why it could not be ended, after many tries; empty while there is hope. */
  readonly irrevocable: string;
}

const ID = 'id/';
const TOKEN = 'token/';
/** What an engine keeps may be as deep as a request; the record lies around it. */
const RECORD_DEPTH_MAX = JSON_DEPTH_MAX + 8;
/** The storage's longest key, less what lies before the id in it. */
const ID_BYTES_MAX = STORAGE_KEY_BYTES_MAX - 200;

export class LeaseStore {
  readonly #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  /** @throws LatchkeyError storage_corrupt */
  async find(id: string): Promise<Lease | undefined> {
    if (!isLeaseId(id)) return undefined;
    const bytes = await this.#view.get(`${ID}${id}`);
    if (bytes === undefined) return undefined;
    return parseLease(bytes);
  }

  /** Record and index in one batch. @throws LatchkeyError bad_request if the id is too long for the storage. */
  async put(lease: Lease): Promise<void> {
    if (!isLeaseId(lease.id)) throw new LatchkeyError('bad_request', 'the path is too long for a lease');
    const value = utf8(JSON.stringify({ format: 1, ...lease }));
    const changes: ViewChange[] = [{ kind: 'put', path: `${ID}${lease.id}`, value }];
    const index = indexOf(lease);
    if (index !== undefined) {
      changes.push({ kind: 'put', path: index, value: utf8(JSON.stringify({ format: 1, id: lease.id })) });
    }
    await this.#view.write(changes);
  }

  async remove(lease: Lease): Promise<void> {
    const index = indexOf(lease);
    await this.#view.write([
      { kind: 'delete', path: `${ID}${lease.id}` },
      ...(index === undefined ? [] : [{ kind: 'delete', path: index } as const]),
    ]);
  }

  /** Names of one folder of ids; folders end in `/`. */
  list(prefix: string): Promise<string[]> {
    return this.#view.list(`${ID}${prefix}`);
  }

  /** Every id below `prefix` (empty, or ending in `/`), page by page, however deep. */
  async *below(prefix: string): AsyncGenerator<string> {
    for await (const path of pathsBelow(this.#view, `${ID}${prefix}`)) yield `${prefix}${path}`;
  }

  /** Ids of the secrets that a token was given. */
  async *ofToken(tokenId: string): AsyncGenerator<string> {
    for await (const name of namesIn(this.#view, `${TOKEN}${tokenId}/`)) {
      const bytes = await this.#view.get(`${TOKEN}${tokenId}/${name}`);
      const value = bytes === undefined ? undefined : parseJson(fromUtf8(bytes));
      if (isObject(value) && typeof value['id'] === 'string') yield value['id'];
    }
  }
}

/** @throws LatchkeyError storage_corrupt */
export function parseLease(bytes: Uint8Array): Lease {
  const foreign = (cause?: unknown) =>
    new LatchkeyError('storage_corrupt', 'a lease has a format that this version does not know', { cause });
  let value: unknown;
  try {
    value = parseJson(fromUtf8(bytes), RECORD_DEPTH_MAX);
  } catch (cause) {
    throw foreign(cause);
  }
  if (!isObject(value) || value['format'] !== 1) throw foreign();
  return value as unknown as Lease;
}

/** A lease id is a path of the storage. */
function isLeaseId(id: string): boolean {
  return (
    Buffer.byteLength(id) <= ID_BYTES_MAX &&
    /^[^/]+(\/[^/]+)*$/.test(id) &&
    !/(^|\/)\.\.?(\/|$)|\p{Cc}/u.test(id)
  );
}

/** By a hash, since the id itself is a path of several segments. */
function indexOf(lease: Lease): string | undefined {
  if (lease.kind === 'token' || lease.tokenId === '') return undefined;
  return `${TOKEN}${lease.tokenId}/${createHash('sha256').update(lease.id).digest('hex')}`;
}
