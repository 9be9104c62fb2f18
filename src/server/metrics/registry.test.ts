import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import { MetricsRegistry, type RegistryOptions } from './registry.ts';

/** A clock that stands until it is moved. */
class HandClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  sleep(): Promise<void> {
    return Promise.reject(new Error('nobody sleeps here'));
  }
}

function registry(options: Partial<RegistryOptions> = {}) {
  const clock = new HandClock();
  const made = new MetricsRegistry({
    prefix: 'vault',
    hostInNames: undefined,
    hostLabel: undefined,
    prometheus: true,
    clock,
    ...options,
  });
  const text = async () => (await made.prometheus('all'))?.text ?? '';
  const lines = async (start: string) => (await text()).split('\n').filter((line) => line.startsWith(start));
  return { made, clock, text, lines };
}

const rows = (json: JsonObject, kind: string) => json[kind] as JsonObject[];

test('a summary has sum, count and the quantiles of the last ten seconds', async () => {
  const { made, clock, lines } = registry();
  for (let value = 1; value <= 100; value += 1) made.sample('barrier.get', value);
  assert.deepEqual(await lines('vault_barrier_get'), [
    'vault_barrier_get{quantile="0.5"} 51',
    'vault_barrier_get{quantile="0.9"} 91',
    'vault_barrier_get{quantile="0.99"} 100',
    'vault_barrier_get_sum 5050',
    'vault_barrier_get_count 100',
  ]);
  clock.time += 10_001;
  assert.deepEqual((await lines('vault_barrier_get')).slice(2), [
    'vault_barrier_get{quantile="0.99"} NaN',
    'vault_barrier_get_sum 5050',
    'vault_barrier_get_count 100',
  ]);
});

test('a load beyond what is kept for quantiles still counts', async () => {
  const { made, lines } = registry();
  for (let at = 0; at < 1_000; at += 1) made.sample('barrier.put', at);
  const [median] = await lines('vault_barrier_put{quantile="0.5"}');
  assert.equal(median, 'vault_barrier_put{quantile="0.5"} 872', 'of the latest 256');
  assert.deepEqual(await lines('vault_barrier_put_count'), ['vault_barrier_put_count 1000']);
});

test('time is measured until it is disposed of, also by a failure', async () => {
  const { made, clock, lines } = registry();
  assert.throws(() => {
    using _ = made.time('core.unseal');
    clock.time += 25;
    throw new Error('no');
  });
  assert.deepEqual(await lines('vault_core_unseal_sum'), ['vault_core_unseal_sum 25']);
});

test('the JSON form shows the last whole interval, aggregated as go-metrics does it', () => {
  const { made, clock } = registry();
  made.sample('core.handle_request', 2);
  made.sample('core.handle_request', 4);
  made.count('seal.decrypt');
  const early = made.json('all');
  assert.equal(rows(early, 'Samples')[0]?.['Count'], 2, 'before the first interval is over: what there is');
  clock.time += 10_000;
  made.sample('core.handle_request', 1_000);
  const json = made.json('all');
  assert.equal(json['Timestamp'], '2026-01-01 00:00:00 +0000 UTC');
  assert.deepEqual(rows(json, 'Samples'), [
    {
      Name: 'vault.core.handle_request',
      Count: 2,
      Rate: 0.6,
      Sum: 6,
      Min: 2,
      Max: 4,
      Mean: 3,
      Stddev: Math.SQRT2,
      Labels: {},
    },
  ]);
  assert.equal(rows(json, 'Counters')[0]?.['Name'], 'vault.seal.decrypt');
  clock.time += 20_000;
  assert.deepEqual(rows(made.json('all'), 'Samples'), []);
});

test('series are bounded: beyond a thousand mounts the rest is one', async () => {
  const { made, lines } = registry();
  for (let at = 0; at < 1_100; at += 1)
    made.sample('route.{operation}.{mount}', 1, { operation: 'read', mount: `m${at}-` });
  const counts = (await lines('vault_route_read_')).filter((line) => line.includes('_count'));
  assert.equal(counts.length, 1_000);
  assert.ok((await lines('vault_route_other_other_count')).includes('vault_route_other_other_count 100'));
});

test('two mounts whose names flatten to one are one series, and no name is invalid', async () => {
  const { made, text, lines } = registry();
  for (const mount of ['a-b-', 'a_b-', 'ä "x"\n-'])
    made.sample('route.{operation}.{mount}', 3, { operation: 'read', mount });
  assert.deepEqual(await lines('vault_route_read_a_b__'), [
    'vault_route_read_a_b__sum 6',
    'vault_route_read_a_b__count 2',
  ]);
  for (const line of (await text()).split('\n').filter((one) => one.startsWith('vault_')))
    assert.match(line, /^[a-z_]+(\{[^}]*\})? \S+$/);
});

test('gauges are asked at each look, and are gone with their source', async () => {
  const { made, lines } = registry();
  let value = 1;
  const watch = made.watch(() => [{ name: 'core.active', value, labels: { cluster: 'a"b\\c' } }]);
  assert.deepEqual(await lines('vault_core_active'), ['vault_core_active{cluster="a\\"b\\\\c"} 1']);
  value = 0;
  assert.deepEqual(await lines('vault_core_active'), ['vault_core_active{cluster="a\\"b\\\\c"} 0']);
  watch[Symbol.dispose]();
  assert.deepEqual(await lines('vault_core_active'), []);
});

test('prefix, host name and host label as the telemetry stanza asks; ours keep their names', async () => {
  const { made, lines } = registry({ prefix: 'bank', hostInNames: 'vault-0.example', hostLabel: 'h' });
  made.watch(() => [
    { name: 'core.unsealed', value: 1, labels: { cluster: 'c' } },
    { name: 'latchkey.unseal.attempts', value: 2 },
  ]);
  made.count('seal.encrypt');
  assert.deepEqual(await lines('bank_vault_0_example_core_unsealed'), [
    'bank_vault_0_example_core_unsealed{cluster="c",host="h"} 1',
  ]);
  assert.deepEqual(await lines('latchkey_unseal_attempts'), ['latchkey_unseal_attempts{host="h"} 2']);
  assert.deepEqual(await lines('bank_seal_encrypt{'), ['bank_seal_encrypt{host="h"} 1']);
});

test('the public part has nothing but what is marked so; Prometheus can be switched off', async () => {
  const { made } = registry();
  made.watch(() => [
    { name: 'core.unsealed', value: 0 },
    { name: 'core.in_flight_requests', value: 7 },
  ]);
  const text = (await made.prometheus('public'))?.text ?? '';
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
  assert.deepEqual(types, [
    '# TYPE latchkey_unseal_failures_total counter',
    '# TYPE vault_core_unsealed gauge',
  ]);
  const names = rows(made.json('public'), 'Gauges').map((row) => row['Name']);
  assert.deepEqual(names, ['vault.core.unsealed']);
  assert.equal(await registry({ prometheus: false }).made.prometheus('all'), undefined);
});
