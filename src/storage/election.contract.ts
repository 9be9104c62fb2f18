import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { utf8 } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import type { Advert, Election, Leadership } from './election.ts';
import type { Storage } from './storage.ts';

// What every election must do; each adapter's test calls `electionContract` with a way to let nodes join.

export interface Candidate {
  readonly election: Election;
  readonly storage: Storage;
}

export interface ElectionUnderTest {
  /** One more node on the same data; its election sleeps on `clock`. */
  join(clock: Clock): Promise<Candidate>;
  /** Closes every candidate and removes the data. */
  cleanUp(): Promise<void>;
}

/** Real time whose sleeps can be made to never end, as those of a process that was stopped. */
export class PausableClock implements Clock {
  #resumed = Promise.withResolvers<void>();

  constructor() {
    this.#resumed.resolve();
  }

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(milliseconds, signal);
    await this.#resumed.promise;
    signal?.throwIfAborted();
  }

  pause(): void {
    this.#resumed = Promise.withResolvers<void>();
  }

  resume(): void {
    this.#resumed.resolve();
  }
}

const DEADLINE_MS = 15_000;

/** @throws AssertionError if `condition` is still false at the deadline. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + DEADLINE_MS;
  while (!(await condition())) {
    if (systemClock.monotonic() > end) assert.fail(`not within ${DEADLINE_MS} ms: ${what}`);
    await systemClock.sleep(5);
  }
}

export function advertOf(nodeId: string): Advert {
  return { nodeId, apiAddress: `https://${nodeId}:8200`, clusterAddress: `https://${nodeId}:8201` };
}

/** Runs out within a test, yet outlives a stall of a busy machine. */
const SHORT_LEASE_MS = 1_500;
/** Never runs out within a test: what happens did not wait for it. */
const LONG_LEASE_MS = 600_000;

export function electionContract(name: string, open: (leaseMs: number) => Promise<ElectionUnderTest>): void {
  for (const [lease, leaseMs] of Object.entries({ short: SHORT_LEASE_MS, long: LONG_LEASE_MS })) {
    contractWith(`election contract: ${name}, ${lease} lease`, leaseMs, () => open(leaseMs));
  }
}

function contractWith(title: string, leaseMs: number, open: () => Promise<ElectionUnderTest>): void {
  describe(title, () => {
    let bench: ElectionUnderTest;
    let first: Candidate;
    let second: Candidate;
    let firstClock: PausableClock;
    beforeEach(async () => {
      bench = await open();
      firstClock = new PausableClock();
      first = await bench.join(firstClock);
      second = await bench.join(systemClock);
    });
    afterEach(async () => {
      firstClock.resume();
      await bench.cleanUp();
    });

    if (leaseMs === SHORT_LEASE_MS) lossTests(() => ({ first, second, firstClock }));
    else {
      leadTests(() => ({ first, second }));
      endTests(() => ({ first, second }));
    }
  });
}

interface Pair {
  readonly first: Candidate;
  readonly second: Candidate;
}

function leadTests(pair: () => Pair): void {
  test('nobody leads at first; who leads is known to all, and nobody else can', async () => {
    const { first, second } = pair();
    assert.equal(await first.election.leader(), undefined);
    const lead = await take(first, 'one');
    assert.equal(lead.holds(), true);
    const expected = { advert: advertOf('one'), epoch: lead.fence.epoch };
    assert.deepEqual(await first.election.leader(), expected);
    assert.deepEqual(await second.election.leader(), expected);
    assert.equal(await second.election.tryCampaign(advertOf('two')), undefined);
    assert.equal(
      await first.election.tryCampaign(advertOf('one')),
      undefined,
      'not even the leader itself, twice',
    );
  });

  test('of many who try at once exactly one leads', async () => {
    const { first, second } = pair();
    const tries = Array.from({ length: 10 }, (_, at) =>
      (at % 2 ? first : second).election.tryCampaign(advertOf('n')),
    );
    const won = (await Promise.all(tries)).filter((lead) => lead !== undefined);
    assert.equal(won.length, 1);
  });

  test('resign hands over at once, ends the old fence, and may be repeated; epochs grow', async () => {
    const { first, second } = pair();
    const lead = await take(first, 'one');
    const next = second.election.campaign(advertOf('two'), AbortSignal.timeout(DEADLINE_MS));
    await Promise.all([lead.resign(), lead.resign()]);
    assert.equal(lead.holds(), false);
    assert.equal(lead.lost.aborted, true);
    const newer = await next;
    assert.ok(newer.fence.epoch > lead.fence.epoch);
    await lead.resign();
    assert.equal(newer.holds(), true, 'a late resign leaves the successor alone');
    assert.equal((await first.election.leader())?.advert.nodeId, 'two');
    await newer.resign();
    assert.equal(await first.election.leader(), undefined);
  });
}

function lossTests(parts: () => Pair & { readonly firstClock: PausableClock }): void {
  test('a lease is renewed for as long as its holder lives', async () => {
    const { first, second } = parts();
    const lead = await take(first, 'one');
    const end = systemClock.monotonic() + first.election.leaseMsMax * 1.5;
    await eventually('one and a half leases passed', async () => {
      assert.equal(lead.holds(), true);
      assert.equal(await second.election.tryCampaign(advertOf('two')), undefined);
      return systemClock.monotonic() > end;
    });
    assert.equal(lead.lost.aborted, false);
  });

  test('a paused leader stops holding, is succeeded, cannot write, and learns of its loss', async () => {
    const { first, second, firstClock } = parts();
    const lead = await take(first, 'one');
    await first.storage.write([{ kind: 'put', key: 'k', value: utf8('first') }], lead.fence);
    firstClock.pause();

    const newer = await second.election.campaign(advertOf('two'), AbortSignal.timeout(DEADLINE_MS));
    assert.equal(lead.holds(), false, 'before another can lead, the first no longer holds');
    assert.ok(newer.fence.epoch > lead.fence.epoch);
    await assert.rejects(
      first.storage.write([{ kind: 'put', key: 'k', value: utf8('stale') }], lead.fence),
      (error) => hasCode(error, 'fenced'),
    );
    assert.equal(Buffer.from((await second.storage.get('k')) ?? []).toString(), 'first');

    firstClock.resume();
    await eventually('the first learns of its loss', () => lead.lost.aborted);
    assert.ok(hasCode(lead.lost.reason, 'fenced'));
    assert.equal(lead.holds(), false);
    await lead.resign();
    assert.equal(newer.holds(), true);
  });

  test('without a rival, too, a lease that was not renewed is lost for good', async () => {
    const { first, firstClock } = parts();
    const lead = await take(first, 'one');
    firstClock.pause();
    await eventually('the lease can no longer be proven', () => !lead.holds());
    assert.equal(lead.lost.aborted, true);
    firstClock.resume();
    assert.equal(lead.holds(), false);
    await eventually('the lead is free', async () => (await first.election.leader()) === undefined);
    const again = await take(first, 'one');
    assert.ok(again.fence.epoch > lead.fence.epoch);
    assert.equal(lead.holds(), false);
  });
}

function endTests(pair: () => Pair): void {
  test('an aborted campaign rejects with the reason and does not lead later', async () => {
    const { first, second } = pair();
    const lead = await take(first, 'one');
    const abort = new AbortController();
    const waiting = second.election.campaign(advertOf('two'), abort.signal);
    const reason = new Error('changed my mind');
    abort.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await lead.resign();
    assert.equal(await first.election.leader(), undefined);
    await assert.rejects(
      second.election.campaign(advertOf('two'), abort.signal),
      (error) => error === reason,
    );
    assert.equal(await first.election.leader(), undefined, 'an abort before the start takes nothing');
  });

  test('close ends waiting campaigns, gives the lead away, and refuses what comes after', async () => {
    const { first, second } = pair();
    const lead = await take(first, 'one');
    const waiting = second.election.campaign(advertOf('two'), new AbortController().signal);
    const refused = (error: unknown) => hasCode(error, 'storage_unavailable');
    await Promise.all([second.election.close(), assert.rejects(waiting, refused)]);
    await Promise.all([first.election.close(), first.election.close()]);
    assert.equal(lead.holds(), false);
    await assert.rejects(first.election.tryCampaign(advertOf('one')), refused);
    await assert.rejects(first.election.leader(), refused);
  });
}

async function take(candidate: Candidate, nodeId: string): Promise<Leadership> {
  const lead = await candidate.election.tryCampaign(advertOf(nodeId));
  assert.ok(lead, `${nodeId} leads`);
  return lead;
}
