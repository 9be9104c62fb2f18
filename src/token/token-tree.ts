// Ends tokens, with all that were made by them. A revocation is one write: from then on the token and everything below
// it is refused, and taking the records away, children first, is repeated after a crash until it is done.

import type { KeyLock } from '../base/key-lock.ts';
import { type KnownToken, leaseIdOf, type TokenEntry } from './token-entry.ts';
import type { EndingKind, TokenStore } from './token-store.ts';

/** What ends with a token, kept by other rooms. All are idempotent: they are repeated after a crash. */
export interface Belongings {
  /** Ends every lease that the token was given; lasting when it resolves, even if the ends come later. */
  endLeasesOf(tokenId: string): Promise<void>;
  /** Forgets the lease that stands for the token itself. */
  forgetLease(leaseId: string): Promise<void>;
  wipeCubbyhole(cubbyhole: string): Promise<void>;
  /** Names of all cubbyholes that hold something. */
  cubbyholes(): AsyncIterable<string>;
}

/** Children that are ended at the same time, per level of the tree. */
const CHILDREN_AT_ONCE = 8;

export class TokenTree {
  readonly #store: TokenStore;
  readonly #belongings: Belongings;
  /** By token id; who reads an entry to change it holds its lock. */
  readonly #lock: KeyLock;
  readonly #endings = new Map<string, EndingKind>();

  constructor(store: TokenStore, belongings: Belongings, lock: KeyLock) {
    this.#store = store;
    this.#belongings = belongings;
    this.#lock = lock;
  }

  /** Reads which revocations an earlier leader had begun; before anything is asked. */
  async load(): Promise<void> {
    for (const [id, kind] of await this.#store.endings()) this.#endings.set(id, kind);
  }

  /** Ends what `load` found. */
  async resume(): Promise<void> {
    for (const id of [...this.#endings.keys()]) await this.finish(id);
  }

  /** True if the token, or one that it ends with, is being revoked. */
  async isEnding(known: KnownToken): Promise<boolean> {
    if (this.#endings.size === 0) return false;
    if (known.id !== '' && this.#endings.has(known.id)) return true;
    let { parent } = known.entry;
    while (parent !== '') {
      const kind = this.#endings.get(parent);
      if (kind !== undefined) return kind === 'tree';
      parent = (await this.#store.lookupId(parent))?.entry.parent ?? '';
    }
    return false;
  }

  /** Gone when it resolves, unless `still` says of the entry as it is now that it shall stay. An unknown token is no error. */
  async revoke(
    id: string,
    kind: EndingKind = 'tree',
    still: (entry: TokenEntry) => boolean = () => true,
  ): Promise<void> {
    if (await this.#begin(id, kind, still)) await this.finish(id);
  }

  /** For an ending that was written by `TokenStore.putEnding`, with a lock that is given back. */
  async finish(id: string): Promise<void> {
    if (!this.#endings.has(id)) this.#endings.set(id, 'tree');
    await this.#end(id, '');
    this.#endings.delete(id);
  }

  #begin(id: string, asked: EndingKind, still: (entry: TokenEntry) => boolean): Promise<boolean> {
    return this.#lock.run(id, async () => {
      const before = this.#endings.get(id);
      const known = await this.#store.lookupId(id);
      if (known === undefined) return before !== undefined;
      if (!still(known.entry)) return false;
      const kind = before === 'tree' ? before : asked;
      // Refused before it is written down: a request that is let in now would see the half of it.
      this.#endings.set(id, kind);
      try {
        await this.#store.putEnding(known, kind);
      } catch (error) {
        if (before === undefined) this.#endings.delete(id);
        throw error;
      }
      return true;
    });
  }

  async #end(id: string, parent: string): Promise<void> {
    const act = this.#endings.get(id) === 'alone' ? this.#letGo.bind(this) : this.#end.bind(this);
    for (;;) {
      const children = await this.#store.firstChildren(id);
      await inGroups(children, CHILDREN_AT_ONCE, (child) => act(child, id));
      if (await this.#removeIfChildless(id, parent)) return;
    }
  }

  /** A child that outlives its parent. */
  #letGo(id: string, parent: string): Promise<void> {
    return this.#lock.run(id, async () => {
      const child = await this.#store.lookupId(id);
      if (child === undefined) await this.#store.dropChildIndex(parent, id);
      else await this.#store.makeOrphan({ id, entry: { ...child.entry, parent } });
    });
  }

  /** False if a child was made meanwhile: making one holds the same lock. */
  #removeIfChildless(id: string, parent: string): Promise<boolean> {
    return this.#lock.run(id, async () => {
      if ((await this.#store.firstChildren(id)).length > 0) return false;
      const known = await this.#store.lookupId(id);
      if (known === undefined) {
        await this.#store.dropEnding(id);
        if (parent !== '') await this.#store.dropChildIndex(parent, id);
      } else {
        await this.#belongings.endLeasesOf(id);
        await this.#belongings.wipeCubbyhole(known.entry.cubbyhole);
        const leaseId = leaseIdOf(known);
        // The token goes last: as long as it is there, a crash leaves something that is found and ended once more.
        if (leaseId !== '') await this.#belongings.forgetLease(leaseId);
        await this.#store.remove(known);
      }
      if (parent !== '') this.#endings.delete(id);
      return true;
    });
  }
}

async function inGroups<T>(
  items: readonly T[],
  size: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += size) {
    await Promise.all(items.slice(at, at + size).map(act));
  }
}
