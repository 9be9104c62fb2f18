// Keeps policies: their text in storage, their rules in memory. One store belongs to one tenure, and only the active
// node writes, so that what the store holds in memory is what the storage holds.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { View } from '../engine/engine.ts';
import { DEFAULT_POLICY, RESPONSE_WRAPPING_POLICY } from './built-in-policies.ts';
import { type Policy, parsePolicy } from './parse-policy.ts';
import { WeightedCache } from './weighted-cache.ts';

/** A policy with its rules. `version` changes with every write and is never used twice in one store. */
export interface LoadedPolicy {
  readonly version: number;
  readonly policy: Policy;
}

export interface StoredPolicy {
  /** Lower case. */
  readonly name: string;
  /** As it was written; empty for `root`. */
  readonly text: string;
}

/** Longest name, bytes of UTF-8. In a storage key it may take three times as much. */
export const POLICY_NAME_BYTES_MAX = 512;
/** Rules of all policies in memory, about; each counts one more for itself. */
const RULES_MAX = 100_000;
/** Most policies that one LIST tells. */
const POLICIES_MAX = 100_000;

/** Decided without a record: what they allow is fixed, or means nothing here. */
const RESERVED: ReadonlySet<string> = new Set(['root', 'response-wrapping', 'control-group']);

export class PolicyStore {
  readonly #view: View;
  readonly #lock = new KeyLock();
  readonly #loaded = new WeightedCache<LoadedPolicy>(RULES_MAX, ({ policy }) => policy.rules.length + 1);
  #version = 0;

  private constructor(view: View) {
    this.#view = view;
  }

  /** Writes `default` if it is not there: at the first tenure of a cluster, and never again. */
  static async open(view: View): Promise<PolicyStore> {
    const store = new PolicyStore(view);
    if ((await store.#text('default')) === undefined) await store.write('default', DEFAULT_POLICY);
    return store;
  }

  /** Names in their order, with `root` and without what no token can be given. */
  async list(): Promise<readonly string[]> {
    const names = await this.#view.list('', { limit: POLICIES_MAX });
    return [...names.map((name) => decodeURIComponent(name)), 'root'].sort();
  }

  async read(name: string): Promise<StoredPolicy | undefined> {
    const wanted = policyName(name);
    const text = wanted === 'root' ? '' : await this.#text(wanted);
    return text === undefined ? undefined : { name: wanted, text };
  }

  /**
   * Writes a policy under its name in lower case, durable and in force when the promise resolves.
   * @throws LatchkeyError bad_request if the name is reserved or will not do, or the text is no policy; nothing is
   *   written then.
   */
  async write(
    name: string,
    text: string,
  ): Promise<{ readonly name: string; readonly warnings: readonly string[] }> {
    const wanted = policyName(name);
    if (RESERVED.has(wanted)) throw new LatchkeyError('bad_request', `cannot update "${wanted}" policy`);
    const policy = parsePolicy(text);
    await this.#changing(wanted, () =>
      this.#view.put(recordPath(wanted), utf8(JSON.stringify({ format: 1, text }))),
    );
    return { name: wanted, warnings: policy.warnings };
  }

  /** An unknown policy is no error. @throws LatchkeyError bad_request for `default` and the reserved ones. */
  async delete(name: string): Promise<void> {
    const wanted = policyName(name);
    if (RESERVED.has(wanted)) throw new LatchkeyError('bad_request', `cannot delete "${wanted}" policy`);
    if (wanted === 'default') throw new LatchkeyError('bad_request', 'cannot delete default policy');
    await this.#changing(wanted, () => this.#view.delete(recordPath(wanted)));
  }

  /**
   * The rules of a policy, from memory if they are there. A policy that does not exist has none.
   * @throws LatchkeyError storage_corrupt if the stored text is no policy: without it a `deny` in it would be lost.
   */
  load(name: string): LoadedPolicy | Promise<LoadedPolicy> {
    return this.#loaded.get(name) ?? this.#lock.run(name, () => this.#read(name));
  }

  async #read(name: string): Promise<LoadedPolicy> {
    const already = this.#loaded.get(name);
    if (already !== undefined) return already;
    const text = isPolicyName(name) ? await this.#text(name) : undefined;
    const loaded = { version: this.#nextVersion(), policy: parseStored(name, text ?? '') };
    this.#loaded.set(name, loaded);
    return loaded;
  }

  /** Forgets also what failed to be written: if the answer was lost, it may have happened. */
  async #changing(name: string, change: () => Promise<void>): Promise<void> {
    await this.#lock.run(name, async () => {
      try {
        await change();
      } finally {
        this.#loaded.delete(name);
      }
    });
  }

  #nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }

  async #text(name: string): Promise<string | undefined> {
    if (name === 'response-wrapping') return RESPONSE_WRAPPING_POLICY;
    if (RESERVED.has(name)) return undefined;
    const bytes = await this.#view.get(recordPath(name));
    return bytes === undefined ? undefined : readRecord(name, bytes);
  }
}

/** A name as it is kept: lower case, without spaces around. @throws LatchkeyError bad_request */
export function policyName(given: string): string {
  const name = given.trim().toLowerCase();
  if (isPolicyName(name)) return name;
  throw new LatchkeyError(
    'bad_request',
    `a policy name must have 1 to ${POLICY_NAME_BYTES_MAX} bytes, all of them printable`,
  );
}

function isPolicyName(name: string): boolean {
  const bytes = Buffer.byteLength(name);
  return bytes > 0 && bytes <= POLICY_NAME_BYTES_MAX && name.isWellFormed() && !/\p{Cc}/u.test(name);
}

/** One segment whatever the name: names may hold `/`, and `.` is no segment of a storage path. */
function recordPath(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E');
}

function readRecord(name: string, bytes: Uint8Array): string {
  const record = parseJson(fromUtf8(bytes));
  if (isObject(record) && record['format'] === 1 && typeof record['text'] === 'string') return record['text'];
  throw new LatchkeyError(
    'storage_corrupt',
    `policy "${name}" is stored in a form that this version does not know`,
  );
}

function parseStored(name: string, text: string): Policy {
  try {
    return parsePolicy(text);
  } catch (cause) {
    throw new LatchkeyError('storage_corrupt', `policy "${name}" as stored is not valid; write it anew`, {
      cause,
    });
  }
}
