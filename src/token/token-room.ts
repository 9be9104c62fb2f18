// Knows callers: finds, uses, makes, renews and ends tokens. How they are kept is the store's, how they end the tree's.

import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import { isFrom } from '../engine/bound-cidrs.ts';
import type { LoginGrant } from '../engine/engine.ts';
import { lifetimeOf, type TtlLimits } from '../engine/lifetime.ts';
import { decodeBatchToken, encodeBatchToken, isBatchText, type TokenCipher } from './batch-token.ts';
import { isRoot, isWrapping, type KnownToken, leaseIdOf, SPENT, type TokenEntry } from './token-entry.ts';
import { type IssuedToken, newAccessor, newTokenText, type TokenStore } from './token-store.ts';
import { type Belongings, TokenTree } from './token-tree.ts';

/** What the lease room keeps of a token that ends. Times in milliseconds since the epoch. */
export interface TokenLease {
  readonly leaseId: string;
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewedAt: number;
  readonly renewable: boolean;
}

export interface TokenRoomParts {
  readonly store: TokenStore;
  readonly cipher: TokenCipher;
  readonly belongings: Belongings;
  /** Lasting when it resolves; a later call for the same lease takes its place. */
  trackLease(lease: TokenLease): Promise<void>;
  /** Of the mount that answers this path. */
  limits(path: string): TtlLimits;
  /** Asks the auth method below whose mount `path` lies; throws to refuse. */
  renewLogin(path: string, renewData: JsonObject): Promise<Partial<LoginGrant>>;
  /** Period and explicit maximum of a role as it is now; undefined if it is gone. */
  role(name: string): Promise<Pick<TokenEntry, 'periodSeconds' | 'explicitMaxTtlSeconds'> | undefined>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A token that came with a request. */
export interface TokenUse extends KnownToken {
  readonly token: string;
  /** The request holds the last use: `settle` ends the token once it is answered. */
  readonly isLast: boolean;
}

/** What a new token is to be; `token` only if its text was chosen. */
export type TokenOrder = Pick<
  TokenEntry,
  | 'type'
  | 'policies'
  | 'displayName'
  | 'path'
  | 'ttlSeconds'
  | 'renewable'
  | 'explicitMaxTtlSeconds'
  | 'maxTtlSeconds'
  | 'periodSeconds'
  | 'numUses'
  | 'parent'
  | 'metadata'
  | 'boundCidrs'
  | 'role'
  | 'renewData'
> & { readonly token?: string };

export interface Renewed extends KnownToken {
  readonly warnings: readonly string[];
}

const RESUME_PAUSE_MS = 1_000;
const RESUME_PAUSE_MS_MAX = 60_000;

export class TokenRoom {
  readonly store: TokenStore;
  readonly #parts: TokenRoomParts;
  readonly #lock = new KeyLock();
  readonly #tree: TokenTree;
  /** Tokens whose last use is not settled yet. */
  readonly #lastUses = new Set<string>();

  private constructor(parts: TokenRoomParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.#tree = new TokenTree(parts.store, parts.belongings, this.#lock);
  }

  /** Knows from the start which tokens an earlier leader had begun to revoke. */
  static async open(parts: TokenRoomParts): Promise<TokenRoom> {
    const room = new TokenRoom(parts);
    await room.#tree.load();
    return room;
  }

  /** Finishes the revocations of an earlier leader; until `signal` aborts. Never throws. */
  async resume(signal: AbortSignal): Promise<void> {
    for (let pause = RESUME_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, RESUME_PAUSE_MS_MAX)) {
      try {
        await this.#tree.resume();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.warn('a revocation that had begun could not be finished; trying again', {
          error: explain(error),
        });
        await this.#parts.clock.sleep(pause, signal).catch(() => {});
      }
    }
  }

  /** A token that is alive: known, neither run out nor used up, and not ending. Takes no use. */
  async find(token: string): Promise<KnownToken | undefined> {
    if (isBatchText(token)) return this.#findBatch(token);
    return this.#alive(await this.store.lookup(token));
  }

  async findAccessor(accessor: string): Promise<KnownToken | undefined> {
    return this.#alive(await this.store.lookupAccessor(accessor));
  }

  /**
   * Takes one use, lasting before it resolves. Undefined if the token is not alive.
   * @throws LatchkeyError forbidden if it came from an address that it is not bound to.
   */
  async use(token: string, remoteAddress: string): Promise<TokenUse | undefined> {
    const known = await this.find(token);
    if (known === undefined) return undefined;
    if (!isFrom(known.entry.boundCidrs, remoteAddress)) {
      throw new LatchkeyError('forbidden', 'permission denied', {
        detail: 'the token is bound to other addresses',
      });
    }
    if (known.entry.numUses === 0) return { ...known, token, isLast: false };
    const use = await this.#takeUse(known.id);
    return use && { ...use, token };
  }

  #takeUse(id: string): Promise<Omit<TokenUse, 'token'> | undefined> {
    return this.#lock.run(id, async () => {
      const fresh = await this.#alive(await this.store.lookupId(id));
      if (fresh === undefined) return undefined;
      const isLast = fresh.entry.numUses === 1;
      const entry = { ...fresh.entry, numUses: isLast ? SPENT : fresh.entry.numUses - 1 };
      // With the last use goes the note that the token ends: a crash before the answer leaves nothing that lives on.
      await (isLast ? this.store.putEnding({ id, entry }, 'tree') : this.store.put({ id, entry }));
      if (isLast) this.#lastUses.add(id);
      return { id, entry, isLast };
    });
  }

  /** The token without taking a use; undefined also from an address that it is not bound to. */
  async peek(token: string, remoteAddress: string): Promise<TokenUse | undefined> {
    const known = await this.find(token);
    if (known === undefined || !isFrom(known.entry.boundCidrs, remoteAddress)) return undefined;
    return { ...known, token, isLast: false };
  }

  /** Takes the one use of a wrapping token that somebody else brings. Undefined if it is not alive. */
  async useWrapping(token: string): Promise<TokenUse | undefined> {
    const known = await this.find(token);
    if (known === undefined || !isWrapping(known.entry)) return undefined;
    const use = await this.#takeUse(known.id);
    return use && { ...use, token };
  }

  /** After the answer. A failure is retried by the next leader, and until then the token is refused. Never throws. */
  async settle(use: TokenUse): Promise<void> {
    if (!use.isLast) return;
    try {
      await this.#tree.finish(use.id);
    } catch (error) {
      this.#parts.log.warn('a token that was used up could not be taken away yet', { error: explain(error) });
    } finally {
      this.#lastUses.delete(use.id);
    }
  }

  /** @throws LatchkeyError bad_request, also if the parent has ended meanwhile. */
  async issue(order: TokenOrder): Promise<IssuedToken> {
    using _ = this.#parts.metrics.time('token.create');
    const { parent } = order;
    if (order.type === 'batch') return this.#issueBatch(order);
    if (parent === '') return await this.#issueService(order);
    return await this.#lock.share(parent, async () => {
      if ((await this.#alive(await this.store.lookupId(parent))) === undefined) {
        throw new LatchkeyError('bad_request', 'parent token lookup failed: no parent found');
      }
      return this.#issueService(order);
    });
  }

  /**
   * Seconds of increment, 0 for the token's own TTL.
   * @throws LatchkeyError bad_request if it cannot be renewed, or what the auth method says.
   */
  async renew(known: KnownToken, incrementSeconds: number): Promise<Renewed> {
    if (known.entry.type === 'batch')
      throw new LatchkeyError('bad_request', 'batch tokens cannot be renewed');
    return this.#lock.run(known.id, async () => {
      const fresh = await this.#alive(await this.store.lookupId(known.id));
      if (fresh === undefined) throw new LatchkeyError('bad_request', 'token not found');
      if (!fresh.entry.renewable) throw new LatchkeyError('bad_request', 'lease is not renewable');
      const terms = await this.#termsOf(fresh.entry);
      const now = this.#parts.clock.now();
      const { createdAt: startedAt, path } = fresh.entry;
      const wish = { ...terms, startedAt, ttlSeconds: incrementSeconds || terms.ttlSeconds };
      const { ttlSeconds, warnings } = lifetimeOf(wish, this.#parts.limits(path), now);
      const entry: TokenEntry = {
        ...fresh.entry,
        periodSeconds: terms.periodSeconds,
        explicitMaxTtlSeconds: terms.explicitMaxTtlSeconds,
        expiresAt: now + ttlSeconds * 1_000,
        renewedAt: now,
      };
      const renewed = { id: known.id, entry };
      await this.store.put(renewed);
      await this.#track(renewed);
      return { ...renewed, warnings };
    });
  }

  /**
   * Runs `act` while the token is certainly alive: a revocation waits for it. For a batch token that is its parent's
   * life; one without has nothing that could be revoked.
   * @throws LatchkeyError invalid_token if it has ended.
   */
  async whileAlive<T>({ id, entry }: KnownToken, act: () => Promise<T>): Promise<T> {
    const holder = id === '' ? entry.parent : id;
    if (holder === '') return act();
    return this.#lock.share(holder, async () => {
      const known = await this.store.lookupId(holder);
      if (known === undefined || (await this.#tree.isEnding(known))) {
        throw new LatchkeyError('invalid_token', 'the token has ended meanwhile');
      }
      return act();
    });
  }

  /** Ends the token with this text and all below it, in whatever state it is; unknown ones are no error. */
  async revoke(token: string): Promise<void> {
    await this.revokeId(this.store.idOf(token));
  }

  async revokeId(id: string): Promise<void> {
    using _ = this.#parts.metrics.time('token.revoke');
    await this.#tree.revoke(id);
  }

  /** Its children live on as orphans. */
  async revokeAlone(id: string): Promise<void> {
    await this.#tree.revoke(id, 'alone');
  }

  /** When a token's lease has run out: undefined if the token is gone now, else when it runs out. */
  async expire(id: string): Promise<number | undefined> {
    await this.#tree.revoke(id, 'tree', (entry) => this.#hasRunOut(entry));
    // A renewal may have come first, or a token without end that was given the same text.
    return (await this.store.lookupId(id))?.entry.expiresAt || undefined;
  }

  /** Takes away what a crash or an error left behind: tokens that should be gone, and indexes without a token. */
  async tidy(): Promise<void> {
    await this.#tree.resume();
    // Before the tokens are looked at: a cubbyhole that is there now, and has no token then, has lost it.
    const cubbyholes = new Set<string>();
    for await (const cubbyhole of this.#parts.belongings.cubbyholes()) cubbyholes.add(cubbyhole);
    for await (const id of this.store.ids()) {
      const entry = (await this.store.lookupId(id))?.entry;
      if (entry === undefined) continue;
      cubbyholes.delete(entry.cubbyhole);
      // Whoever took the last use may still be reading what ends with the token.
      const isOver = this.#hasRunOut(entry) || (entry.numUses === SPENT && !this.#lastUses.has(id));
      if (isOver) await this.#tree.revoke(id);
    }
    for (const cubbyhole of cubbyholes) await this.#parts.belongings.wipeCubbyhole(cubbyhole);
    await this.store.dropDangling();
  }

  #hasRunOut({ expiresAt }: TokenEntry): boolean {
    return expiresAt !== 0 && expiresAt <= this.#parts.clock.now();
  }

  async #alive(known: KnownToken | undefined): Promise<KnownToken | undefined> {
    if (known === undefined) return undefined;
    const isOver = known.entry.numUses === SPENT || this.#hasRunOut(known.entry);
    return isOver || (await this.#tree.isEnding(known)) ? undefined : known;
  }

  /** A batch token ends with its parent, though nothing of it is stored. */
  async #findBatch(token: string): Promise<KnownToken | undefined> {
    const entry = await decodeBatchToken(this.#parts.cipher, token);
    if (entry === undefined || entry.expiresAt <= this.#parts.clock.now()) return undefined;
    if (entry.parent === '') return { id: '', entry };
    const parent = await this.#alive(await this.store.lookupId(entry.parent));
    return parent === undefined ? undefined : { id: '', entry };
  }

  #entryOf(order: TokenOrder): TokenEntry {
    const { clock, random } = this.#parts;
    const { token: _, ...rest } = order;
    const isBatch = order.type === 'batch';
    const now = clock.now();
    return {
      format: 2,
      ...rest,
      accessor: isBatch ? '' : newAccessor(random),
      createdAt: now,
      expiresAt: order.ttlSeconds === 0 ? 0 : now + order.ttlSeconds * 1_000,
      renewedAt: 0,
      cubbyhole: isBatch ? '' : random.uuid(),
    };
  }

  #issueBatch(order: TokenOrder): IssuedToken {
    const entry = this.#entryOf(order);
    if (entry.expiresAt === 0 || isRoot(entry)) {
      throw new LatchkeyError('internal', 'a batch token must end, and cannot be root');
    }
    return { id: '', entry, token: encodeBatchToken(this.#parts.cipher, entry) };
  }

  /** The lease goes first: one without a token is harmless, a token without one would never end. */
  async #issueService(order: TokenOrder): Promise<IssuedToken> {
    const entry = this.#entryOf(order);
    if (entry.expiresAt === 0 && !isRoot(entry)) {
      throw new LatchkeyError('internal', 'a token that is not root must end');
    }
    const token = order.token ?? newTokenText(this.#parts.random);
    const id = this.store.idOf(token);
    return this.#lock.run(`new ${id}`, async () => {
      if (order.token !== undefined && (await this.store.lookupId(id)) !== undefined) {
        throw new LatchkeyError('bad_request', 'cannot create a token with a duplicate ID');
      }
      await this.#track({ id, entry });
      return this.store.add(token, entry);
    });
  }

  async #track(known: KnownToken): Promise<void> {
    const leaseId = leaseIdOf(known);
    if (leaseId === '') return;
    const { createdAt: issuedAt, expiresAt, renewedAt, renewable } = known.entry;
    await this.#parts.trackLease({ leaseId, tokenId: known.id, issuedAt, expiresAt, renewedAt, renewable });
  }

  /** What the token's role or auth method allows today, beside what it was made with. */
  async #termsOf(entry: TokenEntry) {
    const { ttlSeconds, maxTtlSeconds, periodSeconds, explicitMaxTtlSeconds, role, renewData } = entry;
    const terms = { ttlSeconds, maxTtlSeconds, periodSeconds, explicitMaxTtlSeconds };
    if (role !== '') {
      const now = await this.#parts.role(role);
      if (now === undefined) {
        throw new LatchkeyError(
          'bad_request',
          `original token role "${role}" could not be found, not renewing`,
        );
      }
      const explicit = [now.explicitMaxTtlSeconds, explicitMaxTtlSeconds].filter((seconds) => seconds > 0);
      return {
        ...terms,
        periodSeconds: now.periodSeconds,
        explicitMaxTtlSeconds: explicit.length === 0 ? 0 : Math.min(...explicit),
      };
    }
    if (renewData === undefined) return terms;
    const grant = await this.#parts.renewLogin(entry.path, renewData);
    return {
      ttlSeconds: grant.ttlSeconds ?? ttlSeconds,
      maxTtlSeconds: grant.maxTtlSeconds ?? maxTtlSeconds,
      periodSeconds: grant.periodSeconds ?? periodSeconds,
      explicitMaxTtlSeconds: grant.explicitMaxTtlSeconds ?? explicitMaxTtlSeconds,
    };
  }
}
