// A write is acknowledged only after it has reached the disk: watched from outside, by strace, on a server process.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteSecrets } from '../leaks/ledger.ts';
import { complaint } from './order.ts';
import { needStrace, TracedServer } from './traced-server.ts';

const PUTS = 12;
/** For each kind of write: its request's first line is found by this. */
const MARKERS = [
  ...Array.from({ length: PUTS }, (_, count) => `PUT /v1/secret/data/durable-${count} `),
  'PUT /v1/sys/policies/acl/durable ',
  'PUT /v1/auth/token/create ',
  'PUT /v1/auth/token/revoke ',
  'PUT /v1/sys/mounts/durable ',
  'DELETE /v1/secret/metadata/durable-0 ',
];

test('fdatasync comes before the acknowledgement of a write', { timeout: 120_000 }, async (context) => {
  needStrace();
  await using server = await TracedServer.start();
  await work(server);
  const trace = await server.trace();
  for (const marker of MARKERS) {
    await context.test(`of ${marker}`, () => {
      assert.equal(complaint(trace, server.dataFile, marker), undefined);
    });
  }
  await context.test('the check can fail', () => {
    const of = (doctored: string) => complaint(doctored, server.dataFile, MARKERS[1] ?? '');
    assert.match(String(of(trace.replaceAll(/^.*fdatasync.*\n/gm, ''))), /before the pages were synced/);
    assert.match(String(of(trace.replaceAll('|O_DSYNC', ''))), /not synced/);
    assert.match(String(of('')), /not seen/);
    // A read writes nothing, save when the lead happens to be renewed in the middle of it.
    const reads = Array.from({ length: PUTS }, (_, count) => `GET /v1/secret/data/durable-${count} `);
    const unwritten = reads.filter(
      (read) => complaint(trace, server.dataFile, read) === 'nothing was committed',
    );
    assert.ok(unwritten.length > PUTS / 2, `${unwritten.length} of ${PUTS} reads committed nothing`);
  });
});

async function work({ client }: TracedServer): Promise<void> {
  for (let count = 0; count < PUTS; count += 1) {
    await client.kvPut('secret', `durable-${count}`, { count: String(count) });
    await client.kvGet('secret', `durable-${count}`);
  }
  await client.write('sys/policies/acl/durable', { policy: 'path "a" { capabilities = ["read"] }' });
  const { body } = await client.request({ method: 'PUT', path: 'auth/token/create', body: { ttl: '1h' } });
  const token = (body as unknown as { auth: { client_token: string } }).auth.client_token;
  noteSecrets([token]);
  await client.write('auth/token/revoke', { token });
  await client.write('sys/mounts/durable', { type: 'kv' });
  await client.delete('secret/metadata/durable-0');
}
