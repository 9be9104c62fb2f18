// The clients of the kill loop that make and end tokens: a tree is alive or refused as a whole, what was revoked stays
// refused, and what ran out has ended.

import assert from 'node:assert/strict';
import { dataOf, type Tally, tokenOf, type Worker } from './crew.ts';
import type { Line } from './line.ts';

/** Makes a tree of five tokens, looks at it, and revokes it at its root or at a branch. */
export class TreeKeeper implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #alive: string[][] = [];
  readonly #revoked: string[] = [];
  #count = 0;

  constructor(line: Line, tally: Tally) {
    this.#line = line;
    this.#tally = tally;
  }

  async step(): Promise<void> {
    const tree = await this.#grow();
    if (tree === undefined) return;
    assert.deepEqual(
      new Set(await this.#look(tree)),
      new Set([true]),
      'a tree that was acknowledged is alive',
    );
    this.#count += 1;
    if (this.#count % 4 === 0) this.#alive.push(tree);
    else await this.#revoke(tree);
    for (const old of sample(this.#revoked, 3)) assert.equal(await this.#isAlive(old), false, 'revoked');
    for (const old of sample(this.#alive, 1))
      assert.ok(!(await this.#look(old)).includes(false), 'not revoked');
  }

  async checkAll(): Promise<void> {
    for (const token of this.#revoked)
      assert.equal(await this.#isAlive(token), false, 'revoked stays revoked');
    for (const tree of this.#alive) assert.ok(!(await this.#look(tree)).includes(false), 'nothing else died');
  }

  /** Root, two branches, a leaf on each; undefined if an answer was lost on the way. */
  async #grow(): Promise<string[] | undefined> {
    const tree: string[] = [];
    for (const parent of [undefined, 0, 0, 1, 2]) {
      const token = parent === undefined ? undefined : tree[parent];
      const line = token === undefined ? this.#line : this.#line.withToken(token);
      const body = { policies: ['grower'], ttl: '1h' };
      const outcome = await line.ask({ method: 'PUT', path: 'auth/token/create', body });
      assert.notEqual(outcome.kind, 'refused', 'a living token of a tree may make another');
      if (outcome.kind !== 'done') return undefined;
      this.#tally.acknowledge('token create');
      tree.push(tokenOf(outcome.answer));
    }
    return tree;
  }

  async #revoke(tree: readonly string[]): Promise<void> {
    const body = { token: tree[0] ?? '' };
    const outcome = await this.#line.ask({ method: 'PUT', path: 'auth/token/revoke', body });
    assert.notEqual(outcome.kind, 'refused');
    const living = await this.#look(tree);
    if (outcome.kind === 'done') {
      this.#tally.acknowledge('tree revoke');
      assert.ok(!living.includes(true), 'an acknowledged revocation is refused as a whole');
    } else this.#tally.resolve('tree revoke', !living.at(-1));
    if (living.at(-1)) this.#alive.push([...tree]);
    else this.#revoked.push(...tree);
  }

  /**
   * Looks twice, from the root and from the leaves. A revocation that is one act can be seen to happen between two
   * looks, but nothing may be alive after another was seen dead.
   */
  async #look(tree: readonly string[]): Promise<boolean[]> {
    const seen: boolean[] = [];
    for (const token of [...tree, ...tree.toReversed()]) seen.push(await this.#isAlive(token));
    const firstDead = seen.indexOf(false);
    const half = firstDead !== -1 && seen.slice(firstDead).includes(true);
    assert.ok(!half, `a tree that is half revoked: ${seen.map(Number).join('')}`);
    return seen;
  }

  #isAlive(token: string): Promise<boolean> {
    return isAlive(this.#line.withToken(token));
  }
}

/** Tokens of a role that end by themselves soon, or by a revocation of all leases of the role. */
export class LeaseKeeper implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #role: string;
  readonly #ended: string[] = [];
  #short: { readonly token: string; readonly endsAt: number }[] = [];

  constructor(line: Line, tally: Tally, role: string) {
    this.#line = line;
    this.#tally = tally;
    this.#role = role;
  }

  async step(): Promise<void> {
    const short = await this.#create('auth/token/create', '2s');
    if (short !== undefined) this.#short.push({ token: short, endsAt: Date.now() + 2_000 });
    await this.#checkShort();
    const ofRole = `auth/token/create/${this.#role}`;
    const long = [await this.#create(ofRole, '1h'), await this.#create(ofRole, '1h')];
    const made = long.filter((token) => token !== undefined);
    const path = `sys/leases/revoke-prefix/${ofRole}`;
    const outcome = await this.#line.insist({ method: 'PUT', path, body: { sync: true } });
    assert.equal(outcome.kind, 'done', 'the leases of a role can be revoked');
    this.#tally.acknowledge('lease revoke-prefix');
    for (const token of made)
      assert.equal(await isAlive(this.#line.withToken(token)), false, 'its lease ended');
    this.#ended.push(...made);
  }

  async checkAll(): Promise<void> {
    for (const token of this.#ended) assert.equal(await isAlive(this.#line.withToken(token)), false);
    await this.#checkShort();
    assert.ok(this.#short.length < 50, 'tokens that ran out are refused');
  }

  async #checkShort(): Promise<void> {
    const over = this.#short.filter(({ endsAt }) => endsAt + 1_000 < Date.now());
    for (const { token } of over) {
      assert.equal(await isAlive(this.#line.withToken(token)), false, 'a token that ran out is refused');
      this.#tally.acknowledge('lease run out');
      this.#ended.push(token);
    }
    this.#short = this.#short.filter((one) => !over.includes(one));
  }

  async #create(path: string, ttl: string): Promise<string | undefined> {
    const body = { policies: ['default'], ttl };
    const outcome = await this.#line.ask({ method: 'PUT', path, body });
    assert.notEqual(outcome.kind, 'refused');
    if (outcome.kind !== 'done') return undefined;
    this.#tally.acknowledge('token create');
    return tokenOf(outcome.answer);
  }
}

/** Every accessor leads to a whole token: nothing was left half made or half ended. @returns how many. */
export async function checkAccessors(line: Line): Promise<number> {
  const outcome = await line.insist({
    method: 'GET',
    path: 'auth/token/accessors',
    query: { list: 'true' },
  });
  assert.equal(outcome.kind, 'done');
  const keys = outcome.kind === 'done' ? (dataOf(outcome.answer)['keys'] as string[]) : [];
  for (const accessor of keys) {
    const path = 'auth/token/lookup-accessor';
    const found = await line.insist({ method: 'PUT', path, body: { accessor } });
    assert.equal(found.kind, 'done', 'an accessor that is listed leads to a token');
  }
  return keys.length;
}

async function isAlive(line: Line): Promise<boolean> {
  const outcome = await line.insist({ method: 'GET', path: 'auth/token/lookup-self' });
  if (outcome.kind === 'refused') assert.equal(outcome.status, 403, outcome.text);
  return outcome.kind === 'done';
}

function sample<T>(all: readonly T[], count: number): T[] {
  return Array.from(
    { length: Math.min(count, all.length) },
    () => all[Math.floor(Math.random() * all.length)],
  ).filter((one) => one !== undefined);
}
