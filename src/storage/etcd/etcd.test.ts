import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EtcdServer } from '../../../demo/etcd-server.ts';
import { SlowRoad } from '../../../test/services/slow-road.ts';
import { utf8 } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { advertOf, type Candidate, electionContract, eventually } from '../election.contract.ts';
import { storageContract } from '../storage.contract.ts';
import { type Change, unfenced } from '../storage.ts';
import { type EtcdOptions, openEtcd } from './etcd.ts';

const server = await EtcdServer.start();
let prefixes = 0;
const opened: Candidate[] = [];
after(async () => {
  await closeAll(opened);
  await server[Symbol.asyncDispose]();
});

const parts = { clock: systemClock, random: systemRandom };
const away = (error: unknown) => hasCode(error, 'storage_unavailable');

function newPrefix(): string {
  prefixes += 1;
  return `/test-${prefixes}/`;
}

function options(more: Partial<EtcdOptions> = {}): EtcdOptions {
  return { endpoints: server.endpoints, prefix: newPrefix(), ...parts, leaseMs: 600_000, ...more };
}

storageContract(
  'etcd, two nodes',
  async () => {
    const prefix = newPrefix();
    const nodes = [await openEtcd(options({ prefix }))];
    const [{ storage, election } = await openEtcd(options({ prefix }))] = nodes;
    return {
      storage,
      election,
      second: async () => {
        const other = await openEtcd(options({ prefix }));
        nodes.push(other);
        return other.storage;
      },
      cleanUp: () => closeAll(nodes),
    };
  },
  { logs: 30 },
);

electionContract('etcd', async (leaseMs) => {
  const prefix = newPrefix();
  const candidates: Candidate[] = [];
  return {
    async join(clock: Clock) {
      const candidate = await openEtcd(options({ prefix, clock, leaseMs }));
      candidates.push(candidate);
      return candidate;
    },
    cleanUp: () => closeAll(candidates),
  };
});

describe('etcd', () => {
  test('keys of another format are left alone', async () => {
    const prefix = newPrefix();
    // The format is a key beside the entries; here one storage writes it for another, which lies in it.
    const outer = await open(options({ prefix }));
    await outer.storage.write([put('inner/format', '9')], unfenced);
    await assert.rejects(openEtcd(options({ prefix: `${prefix}data/inner/` })), (error) =>
      hasCode(error, 'storage_corrupt'),
    );
  });

  test('two clusters in one etcd do not see each other', async () => {
    const [one, two] = [await open(options()), await open(options())];
    await one.storage.write([put('k', 'one')], unfenced);
    assert.equal(await two.storage.get('k'), undefined);
    assert.deepEqual(await two.storage.list(''), []);
    assert.ok(await one.election.tryCampaign(advertOf('one')));
    assert.ok(await two.election.tryCampaign(advertOf('two')));
  });

  test('a batch that etcd would not take is refused by name, and the next goes through', async () => {
    const { storage } = await open(options());
    const large = Array.from({ length: 2 }, (_, at) => put(`large/${at}`, new Uint8Array(900_000)));
    await assert.rejects(storage.write(large, unfenced), (error: Error) => {
      return hasCode(error, 'bad_request') && /1572864 bytes/.test(error.message);
    });
    assert.deepEqual(await storage.list(''), []);
    await storage.write(large.slice(1), unfenced);
    assert.deepEqual(await storage.list('large/'), ['1']);
  });

  test('writes that come at once are all kept, however large they are together', async () => {
    const { storage } = await open(options());
    const writes = Array.from({ length: 200 }, (_, at) =>
      storage.write([put(`n/${at}`, new Uint8Array(20_000).fill(at))], unfenced),
    );
    await Promise.all(writes);
    assert.equal((await storage.list('n/')).length, 200);
    assert.deepEqual(Buffer.from((await storage.get('n/77')) ?? []), Buffer.alloc(20_000, 77));
  });

  test('many large values are read at once', async () => {
    const { storage } = await open(options());
    const value = new Uint8Array(storage.limits.valueBytesMax).fill(7);
    for (const key of ['a', 'b', 'c']) await storage.write([put(key, value.slice())], unfenced);
    const reads = Array.from({ length: 60 }, (_, at) => storage.get(['a', 'b', 'c'][at % 3] ?? ''));
    for (const read of await Promise.all(reads)) assert.equal(read?.byteLength, value.byteLength);
  });

  test('a folder with many keys below it is listed by its names', async () => {
    const { storage } = await open(options());
    for (let at = 0; at < 60; at += 1) {
      const changes = Array.from({ length: 100 }, (_, n) => put(`f${at % 3}/${at}/${n}`, ''));
      await storage.write(changes, unfenced);
    }
    assert.deepEqual(await storage.list(''), ['f0/', 'f1/', 'f2/']);
    assert.equal((await storage.list('f1/')).length, 20);
    assert.equal((await storage.list('f1/1/')).length, 100);
    assert.deepEqual(await storage.list('', { after: 'f0/', limit: 1 }), ['f1/']);
  });

  test('a write that was given up and arrives late changes nothing', async () => {
    const [port = 0] = server.ports;
    await using road = await SlowRoad.to(port);
    const endpoints = [`http://127.0.0.1:${road.port}`];
    const prefix = newPrefix();
    const direct = await open(options({ prefix }));
    const node = await open(options({ prefix, endpoints, requestMsMax: 1_500 }));
    const lead = await direct.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    await node.storage.write([put('k', 'first')], lead.fence);
    road.hold();
    await assert.rejects(node.storage.write([put('k', 'given up')], lead.fence), away);
    const deliver = road.pass();
    await node.storage.write([put('k', 'second')], lead.fence);
    await deliver();
    assert.equal(text(await direct.storage.get('k')), 'second');
  });

  test('a lead that etcd let go writes no more, even before another one leads', async () => {
    const prefix = newPrefix();
    const [node, other] = [await open(options({ prefix })), await open(options({ prefix }))];
    const lead = await node.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    await lead.resign();
    await assert.rejects(node.storage.write([put('k', 'late')], lead.fence), (error) =>
      hasCode(error, 'fenced'),
    );
    assert.equal(await other.storage.get('k'), undefined);
  });

  test('while etcd is away every call says so, and afterwards all goes on, with what was acknowledged', async () => {
    const node = await open(options());
    const lead = await node.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    await node.storage.write([put('k', 'kept')], lead.fence);
    await server.stop();
    const refused = (error: Error) =>
      away(error) && /refuses connections|cut the connection/.test(error.message);
    await assert.rejects(node.storage.get('k'), refused);
    await assert.rejects(node.storage.write([{ kind: 'delete', key: 'k' }], lead.fence), away);
    await assert.rejects(node.election.leader(), away);
    await server.resume();
    assert.equal(text(await node.storage.get('k')), 'kept');
    await node.storage.write([put('k', 'new')], lead.fence);
    assert.equal(text(await node.storage.get('k')), 'new');
  });
});

describe('etcd of three members', () => {
  let cluster: EtcdServer;
  before(async () => {
    cluster = await EtcdServer.start({ members: 3 });
  });
  after(() => cluster[Symbol.asyncDispose]());

  test('any one of them may be killed or stand still: the lead is kept, and nothing acknowledged is lost', async () => {
    const { storage, election } = await open(options({ endpoints: cluster.endpoints, leaseMs: 30_000 }));
    const lead = await election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    const kept: string[] = [];
    for (const at of [0, 1, 2]) {
      const end = at === 1 ? () => cluster.signal(at, 'SIGSTOP') : () => cluster.stop(at);
      await end();
      for (let n = 0; n < 10; n += 1) {
        const key = `at-${at}/${n}`;
        await eventually(`${key} to be written`, () =>
          storage.write([put(key, key)], lead.fence).then(
            () => true,
            () => false,
          ),
        );
        kept.push(key);
      }
      if (at === 1) cluster.signal(at, 'SIGCONT');
      await cluster.resume();
    }
    for (const key of kept) assert.equal(text(await storage.get(key)), key);
    assert.equal(lead.holds(), true);
  });

  test('without a majority it says so, and nobody leads', async () => {
    const node = await open(options({ endpoints: cluster.endpoints, leaseMs: 2_000, requestMsMax: 3_000 }));
    const lead = await node.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    await Promise.all([cluster.stop(0), cluster.stop(1)]);
    await assert.rejects(node.storage.get('k'), away);
    await eventually('the lead to end', () => lead.lost.aborted);
    await cluster.resume();
    await eventually('the lead to be free', async () => {
      return (await node.election.leader().catch(() => lead)) === undefined;
    });
    const again = await node.election.campaign(advertOf('one'), AbortSignal.timeout(20_000));
    assert.ok(again.fence.epoch > lead.fence.epoch);
    await assert.rejects(node.storage.write([put('k', 'old')], lead.fence), (error) =>
      hasCode(error, 'fenced'),
    );
    await node.storage.write([put('k', 'new')], again.fence);
  });
});

function put(key: string, value: string | Uint8Array): Change {
  return { kind: 'put', key, value: typeof value === 'string' ? utf8(value) : value };
}

function text(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString();
}

async function open(chosen: EtcdOptions): Promise<Candidate> {
  const node = await openEtcd(chosen);
  opened.push(node);
  return node;
}

async function closeAll(nodes: readonly Candidate[]): Promise<void> {
  for (const { election, storage } of nodes) {
    await election.close();
    await storage.close();
  }
}
