import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PostgresqlServer } from '../../../demo/postgresql-server.ts';
import { SlowRoad } from '../../../test/services/slow-road.ts';
import { utf8 } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { advertOf, type Candidate, electionContract } from '../election.contract.ts';
import { storageContract } from '../storage.contract.ts';
import { unfenced } from '../storage.ts';
import { openPostgresql, type PostgresqlOptions } from './postgresql.ts';

let server: PostgresqlServer;
let tables = 0;
before(async () => {
  server = await PostgresqlServer.start();
});
const opened: Candidate[] = [];
after(async () => {
  await closeAll(opened);
  await server[Symbol.asyncDispose]();
});

const parts = { clock: systemClock, random: systemRandom };

function newTable(): string {
  tables += 1;
  return `t${tables}`;
}

function options(table: string, more: Partial<PostgresqlOptions> = {}): PostgresqlOptions {
  return { connectionUrl: server.url, table, connectionsMax: 4, ...parts, leaseMs: 600_000, ...more };
}

storageContract(
  'postgresql, two nodes',
  async () => {
    const table = newTable();
    const nodes = [await openPostgresql(options(table))];
    const [{ storage, election } = await openPostgresql(options(table))] = nodes;
    return {
      storage,
      election,
      second: async () => {
        const other = await openPostgresql(options(table));
        nodes.push(other);
        return other.storage;
      },
      cleanUp: () => closeAll(nodes),
    };
  },
  { logs: 30 },
);

electionContract('postgresql', async (leaseMs) => {
  const table = newTable();
  const candidates: Candidate[] = [];
  return {
    async join(clock: Clock) {
      const candidate = await openPostgresql(options(table, { clock, leaseMs }));
      candidates.push(candidate);
      return candidate;
    },
    cleanUp: () => closeAll(candidates),
  };
});

describe('postgresql', () => {
  test('nodes that start at once on an empty database make the tables once', async () => {
    const table = newTable();
    const nodes = await Promise.all(Array.from({ length: 4 }, () => open(options(table))));
    const [first, ...others] = nodes.map(({ storage }) => storage);
    await first?.write([{ kind: 'put', key: 'a', value: utf8('1') }], unfenced);
    for (const other of others) assert.equal(text(await other.get('a')), '1');
  });

  test('tables of another format are left alone', async () => {
    const table = newTable();
    await open(options(table));
    await server.query(`UPDATE ${table}_lead SET format = 9`);
    await assert.rejects(openPostgresql(options(table)), (error) => hasCode(error, 'storage_corrupt'));
  });

  test('where tables must not be made, missing ones are told', async () => {
    await assert.rejects(openPostgresql(options(newTable(), { mayCreateTables: false })), /lacks the tables/);
  });

  test('a table name that could be more than a name is refused', async () => {
    for (const table of ['a; drop', 'A', 'x"y', 'a.b.c', '']) {
      await assert.rejects(openPostgresql(options(table)), (error) => hasCode(error, 'config_invalid'));
    }
  });

  test('a password is never in what is told', async () => {
    const connectionUrl = server.url.replace('latchkey@', 'nobody-known:s3cr3t-of-the-test@');
    await assert.rejects(
      openPostgresql(options('t', { connectionUrl: connectionUrl.replace('/postgres', '/absent') })),
      (error: Error) => {
        assert.ok(hasCode(error, 'storage_unavailable'));
        assert.doesNotMatch(error.message, /s3cr3t|nobody-known/);
        return /127\.0\.0\.1:\d+\/absent/.test(error.message);
      },
    );
  });

  test('while the server is away every call says so, and afterwards all goes on, with what was acknowledged', async () => {
    const node = await open(options(newTable()));
    const lead = await node.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    await node.storage.write([{ kind: 'put', key: 'k', value: utf8('kept') }], lead.fence);
    await server.stop();
    const away = (error: unknown) => hasCode(error, 'storage_unavailable');
    await assert.rejects(node.storage.get('k'), away);
    await assert.rejects(node.storage.write([{ kind: 'delete', key: 'k' }], lead.fence), away);
    await assert.rejects(node.election.leader(), away);
    await server.resume();
    assert.equal(text(await node.storage.get('k')), 'kept');
    await node.storage.write([{ kind: 'put', key: 'k', value: utf8('new') }], lead.fence);
    assert.equal(text(await node.storage.get('k')), 'new');
  });

  test('a write that was given up and arrives late changes nothing', async () => {
    const table = newTable();
    await using road = await SlowRoad.to(server.port);
    const connectionUrl = server.url.replace(`:${server.port}/`, `:${road.port}/`);
    const node = await open(options(table, { connectionUrl, connectionsMax: 1, statementMsMax: 1_500 }));
    const lead = await node.election.tryCampaign(advertOf('one'));
    assert.ok(lead);
    const put = (value: string) =>
      node.storage.write([{ kind: 'put', key: 'k', value: utf8(value) }], lead.fence);
    await put('first');
    road.hold();
    await assert.rejects(put('given up'), (error) => hasCode(error, 'storage_unavailable'));
    const deliver = road.pass();
    await put('second');
    await deliver();
    assert.equal(text(await node.storage.get('k')), 'second');
  });

  test('a folder with many keys below it is listed by its names', async () => {
    const node = await open(options(newTable()));
    for (let at = 0; at < 30; at += 1) {
      const changes = Array.from({ length: 100 }, (_, n) => ({
        kind: 'put' as const,
        key: `f${at % 3}/${at}/${n}`,
        value: utf8(''),
      }));
      await node.storage.write(changes, unfenced);
    }
    assert.deepEqual(await node.storage.list(''), ['f0/', 'f1/', 'f2/']);
    assert.equal((await node.storage.list('f1/')).length, 10);
    assert.deepEqual(await node.storage.list('', { after: 'f0/', limit: 1 }), ['f1/']);
  });
});

function text(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString();
}

async function open(chosen: PostgresqlOptions): Promise<Candidate> {
  const node = await openPostgresql(chosen);
  opened.push(node);
  return node;
}

async function closeAll(nodes: readonly Candidate[]): Promise<void> {
  for (const { election, storage } of nodes) {
    await election.close();
    await storage.close();
  }
}
