// The clients of the kill loop. Each keeps a book of what the server has promised by acknowledging it, works on, and
// looks again and again whether the promises hold.

import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/base/json.ts';
import type { ApiAnswer } from '../../src/client/client.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import type { Line } from './line.ts';

export interface Worker {
  /** One piece of work. @throws AssertionError if a promise was broken. */
  step(): Promise<void>;
  /** Everything in the book, once more, when the cluster has come to rest. */
  checkAll(): Promise<void>;
}

/** Counts, for the report. */
export class Tally {
  readonly acknowledged = new Map<string, number>();
  readonly unknown = new Map<string, { happened: number; not: number }>();

  acknowledge(what: string): void {
    this.acknowledged.set(what, (this.acknowledged.get(what) ?? 0) + 1);
  }

  /** The answer was lost, and later it was seen whether it had happened. */
  resolve(what: string, happened: boolean): void {
    const seen = this.unknown.get(what) ?? { happened: 0, not: 0 };
    if (happened) seen.happened += 1;
    else seen.not += 1;
    this.unknown.set(what, seen);
  }
}

/** Writes secrets of its own with check-and-set: what was acknowledged stays, what was not is whole or absent. */
export class SecretWriter implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #folder: string;
  readonly #books = new Map<number, { version: number; text: string; pending: string | undefined }>();
  #count = 0;

  constructor(line: Line, tally: Tally, folder: string) {
    this.#line = line;
    this.#tally = tally;
    this.#folder = folder;
  }

  async step(): Promise<void> {
    this.#count += 1;
    const key = this.#count % 8;
    const book = this.#books.get(key) ?? { version: 0, text: '', pending: undefined };
    this.#books.set(key, book);
    await this.#check(key);
    const text = `${this.#folder} ${this.#count} ${'x'.repeat((this.#count * 37) % 2_000)}`;
    const body = { data: { text, again: text }, options: { cas: book.version } };
    const outcome = await this.#line.ask({ method: 'PUT', path: this.#path(key), body });
    if (outcome.kind === 'done') {
      this.#tally.acknowledge('kv put');
      Object.assign(book, { version: book.version + 1, text });
    } else if (outcome.kind === 'unknown') book.pending = text;
    else assert.fail(`a write with the right version was refused: ${outcome.text}`);
  }

  async checkAll(): Promise<void> {
    for (const key of this.#books.keys()) await this.#check(key);
  }

  async #check(key: number): Promise<void> {
    const book = this.#books.get(key);
    const outcome = await this.#line.insist({ method: 'GET', path: this.#path(key), accept: [404] });
    assert.ok(book !== undefined && outcome.kind === 'done', `reading ${this.#path(key)}`);
    const { text, again, version } = secretOf(outcome.answer);
    assert.equal(again, text, 'a write is whole');
    if (book.pending !== undefined) {
      const happened = text === book.pending;
      this.#tally.resolve('kv put', happened);
      if (happened) Object.assign(book, { version: book.version + 1, text });
      book.pending = undefined;
    }
    assert.deepEqual({ version, text }, { version: book.version, text: book.text }, this.#path(key));
  }

  #path(key: number): string {
    return `secret/data/${this.#folder}/${key}`;
  }
}

/** Several of them add to one number: no version is acknowledged twice, and none that was acknowledged is lost. */
export class Counter implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #name: string;
  /** By version, shared by all counters: who wrote it. */
  readonly #versions: Map<number, string>;

  constructor(line: Line, tally: Tally, name: string, versions: Map<number, string>) {
    this.#line = line;
    this.#tally = tally;
    this.#name = name;
    this.#versions = versions;
  }

  async step(): Promise<void> {
    const version = await this.#current();
    const next = version + 1;
    const data = { text: `${this.#name} ${next}`, again: `${this.#name} ${next}` };
    const body = { data, options: { cas: version } };
    const outcome = await this.#line.ask({ method: 'PUT', path: 'secret/data/counter', body });
    if (outcome.kind === 'refused') assert.match(outcome.text, /check-and-set/);
    if (outcome.kind !== 'done') return;
    assert.equal(this.#versions.get(next), undefined, `version ${next} was acknowledged twice`);
    this.#versions.set(next, data.text);
    this.#tally.acknowledge('shared counter');
  }

  async checkAll(): Promise<void> {
    await this.#current();
  }

  async #current(): Promise<number> {
    const newest = Math.max(0, ...this.#versions.keys());
    const outcome = await this.#line.insist({ method: 'GET', path: 'secret/data/counter', accept: [404] });
    assert.equal(outcome.kind, 'done');
    const { text, version } = outcome.kind === 'done' ? secretOf(outcome.answer) : { text: '', version: 0 };
    assert.ok(version >= newest, `version ${newest} was acknowledged, and the newest is ${version}`);
    const wrote = this.#versions.get(version);
    if (wrote !== undefined) assert.equal(text, wrote, `version ${version} is of another writer`);
    return version;
  }
}

/** Writes, changes and deletes a policy. */
export class PolicyWriter implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #path: string;
  #text = '';
  #pending: string | undefined;
  #count = 0;

  constructor(line: Line, tally: Tally, name: string) {
    this.#line = line;
    this.#tally = tally;
    this.#path = `sys/policies/acl/${name}`;
  }

  async step(): Promise<void> {
    this.#count += 1;
    const text = this.#count % 5 === 0 ? '' : `path "x/${this.#count}" { capabilities = ["read"] }`;
    const outcome =
      text === ''
        ? await this.#line.ask({ method: 'DELETE', path: this.#path })
        : await this.#line.ask({ method: 'PUT', path: this.#path, body: { policy: text } });
    assert.notEqual(outcome.kind, 'refused');
    if (outcome.kind === 'done') {
      this.#tally.acknowledge('policy');
      this.#text = text;
    } else this.#pending = text;
    await this.checkAll();
  }

  async checkAll(): Promise<void> {
    const outcome = await this.#line.insist({ method: 'GET', path: this.#path, accept: [404] });
    assert.equal(outcome.kind, 'done');
    const data = outcome.kind === 'done' ? dataOf(outcome.answer) : {};
    const found = String(data['policy'] ?? '');
    if (this.#pending !== undefined && found !== this.#text) {
      assert.equal(found, this.#pending, 'an unacknowledged policy is whole or absent');
      this.#text = found;
      this.#tally.resolve('policy', true);
    } else if (this.#pending !== undefined) this.#tally.resolve('policy', false);
    this.#pending = undefined;
    assert.equal(found, this.#text, this.#path);
  }
}

/** Mounts engines, writes into them, and takes some away again. */
export class Mounter implements Worker {
  readonly #line: Line;
  readonly #tally: Tally;
  readonly #name: string;
  readonly #mounted = new Set<string>();
  readonly #gone = new Set<string>();
  #count = 0;

  constructor(line: Line, tally: Tally, name: string) {
    this.#line = line;
    this.#tally = tally;
    this.#name = name;
  }

  async step(): Promise<void> {
    this.#count += 1;
    const path = `${this.#name}-${this.#count}`;
    const mount = await this.#line.ask({ method: 'PUT', path: `sys/mounts/${path}`, body: { type: 'kv' } });
    assert.notEqual(mount.kind, 'refused', `mounting ${path}`);
    if (mount.kind === 'unknown') {
      const isThere = (await this.#list()).has(path);
      this.#tally.resolve('mount', isThere);
      if (!isThere) return;
    } else this.#tally.acknowledge('mount');
    this.#mounted.add(path);
    const body = { name: path };
    assert.equal((await this.#line.insist({ method: 'PUT', path: `${path}/a`, body })).kind, 'done');
    if (this.#count % 3 === 0) return;
    this.#mounted.delete(path);
    const outcome = await this.#line.insist({ method: 'DELETE', path: `sys/mounts/${path}` });
    assert.equal(outcome.kind, 'done', `unmounting ${path}`);
    this.#tally.acknowledge('unmount');
    this.#gone.add(path);
  }

  async checkAll(): Promise<void> {
    const list = await this.#list();
    for (const path of this.#mounted) {
      assert.ok(list.has(path), `${path} is mounted`);
      const outcome = await this.#line.insist({ method: 'GET', path: `${path}/a`, accept: [404] });
      assert.ok(outcome.kind === 'done' && dataOf(outcome.answer)['name'] === path, `${path} has its data`);
    }
    for (const path of this.#gone) assert.ok(!list.has(path), `${path} is not mounted any more`);
  }

  async #list(): Promise<Set<string>> {
    const outcome = await this.#line.insist({ method: 'GET', path: 'sys/mounts' });
    assert.equal(outcome.kind, 'done');
    const data = outcome.kind === 'done' ? dataOf(outcome.answer) : {};
    return new Set(Object.keys(data).map((path) => path.replace(/\/$/, '')));
  }
}

export function dataOf(answer: ApiAnswer): JsonObject {
  const { data } = (answer.body ?? {}) as { data?: JsonObject };
  return data ?? {};
}

/** Of kv version 2; version 0 if there is none. */
function secretOf(answer: ApiAnswer): { text: string; again: string; version: number } {
  const { data = {}, metadata = {} } = dataOf(answer) as { data?: JsonObject; metadata?: JsonObject };
  return {
    text: String(data['text'] ?? ''),
    again: String(data['again'] ?? ''),
    version: Number(metadata['version'] ?? 0),
  };
}

/** The token that an answer hands out, remembered so that no output may show it. */
export function tokenOf(answer: ApiAnswer): string {
  const { auth } = answer.body as unknown as { auth: { client_token: string } };
  noteSecrets([auth.client_token]);
  return auth.client_token;
}
