// sys/metrics over real servers: on the active node as Vault has it, and on every node in every state from its first
// second, as Vault has not.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import { METRICS, type MetricSpec } from '../../src/base/metric-names.ts';
import { Rig } from '../cluster/rig.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

const PROMETHEUS = '/v1/sys/metrics?format=prometheus';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Prometheus' text format, strictly: every sample has its type before it, no series comes twice. */
class Exposition {
  readonly samples: readonly Sample[];
  readonly types = new Map<string, string>();

  constructor(text: string) {
    assert.ok(text.endsWith('\n'));
    const seen = new Set<string>();
    this.samples = text.split('\n').flatMap((line): Sample[] => {
      const typed = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|summary|histogram)$/.exec(line);
      if (typed?.[1] !== undefined) {
        assert.ok(!this.types.has(typed[1]), `one type for ${typed[1]}`);
        this.types.set(typed[1], typed[2] ?? '');
      }
      if (line === '' || line.startsWith('#')) return [];
      const parsed = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      assert.ok(parsed, line);
      const [, name = '', inner = '', number = ''] = parsed;
      const key = `${name}{${inner}}`;
      assert.ok(!seen.has(key), `${key} comes once`);
      seen.add(key);
      const pairs = [...inner.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"/g)];
      assert.equal(pairs.map(([pair]) => pair).join(','), inner);
      assert.ok(!Number.isNaN(Number(number)) || /^nan$/i.test(number), line);
      const labels = Object.fromEntries(pairs.map(([, label, value]) => [label, value]));
      return [{ name, labels, value: Number(number) }];
    });
    for (const { name } of this.samples) {
      assert.ok(this.types.has(name) || this.types.has(name.replace(/_(sum|count|bucket)$/, '')), name);
    }
  }

  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels);
    const found = this.samples.filter(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    );
    assert.ok(found.length <= 1, `${name} is one series`);
    return found[0]?.value;
  }

  /** The one state of those that this gauge tells. */
  state(name: string): string | undefined {
    const on = this.samples.filter((sample) => sample.name === name && sample.value === 1);
    assert.equal(on.length, 1, name);
    return on[0]?.labels['state'];
  }
}

async function ask(address: string, path: string, token?: string, headers: Record<string, string> = {}) {
  const reply = await fetch(address + path, {
    headers: { ...headers, ...(token === undefined ? {} : { 'x-vault-token': token }) },
    redirect: 'manual',
  });
  return { status: reply.status, type: reply.headers.get('content-type'), text: await reply.text() };
}

async function scrape(address: string, token?: string): Promise<Exposition> {
  const { status, type, text } = await ask(address, PROMETHEUS, token);
  assert.equal(status, 200, text);
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
  return new Exposition(text);
}

describe('on the active node', { timeout: 60_000 }, () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  test('requests are counted under the names that dashboards for Vault ask for', async () => {
    const before = await scrape(server.address, 'root');
    await server.client.kvPut('secret', 'app', { a: 'b' });
    await server.client.kvGet('secret', 'app');
    await assert.rejects(server.client.withToken('hvs.nobody').kvGet('secret', 'app'));
    const metrics = await scrape(server.address, 'root');
    const grew = (name: string) => (metrics.value(name) ?? 0) - (before.value(name) ?? 0);
    assert.ok(grew('vault_core_handle_request_count') >= 4);
    assert.ok(grew('vault_core_handle_request_sum') > 0);
    assert.equal(grew('vault_route_update_secret__count') + grew('vault_route_create_secret__count'), 1);
    assert.equal(grew('vault_route_read_secret__count'), 1);
    assert.ok(grew('vault_barrier_get_count') > 0 && grew('vault_barrier_put_count') > 0);
    assert.ok(grew('vault_audit_log_request_count') > 0);
    assert.equal(metrics.types.get('vault_core_handle_request'), 'summary');
    assert.ok((metrics.value('vault_core_handle_request', { quantile: '0.99' }) ?? -1) > 0);
    assert.equal(metrics.value('vault_core_unsealed'), 1);
    assert.equal(metrics.value('vault_core_active'), 1);
    assert.equal(metrics.value('vault_core_in_flight_requests'), 1, 'the scrape itself');
    assert.ok((metrics.value('vault_token_count', { namespace: 'root' }) ?? 0) >= 1);
    assert.equal(metrics.value('vault_expire_num_irrevocable_leases'), 0);
    assert.ok(grew('vault_token_lookup_count') >= 4);
    assert.equal(metrics.state('latchkey_node_state'), 'active');
    assert.ok(grew('vault_inmem_put_count') >= 1 && grew('vault_inmem_get_count') >= 1);
    assert.ok((metrics.value('process_resident_memory_bytes') ?? 0) > 1e7);
    assert.ok((metrics.value('nodejs_heap_size_used_bytes') ?? 0) > 1e6);
  });

  test('whatever has no label is there from the start, at zero', async () => {
    const metrics = await scrape(server.address, 'root');
    const specs: readonly (readonly [string, MetricSpec])[] = Object.entries(METRICS);
    for (const [name, spec] of specs) {
      if (spec.kind === 'gauge' || spec.labels !== undefined || name.includes('{')) continue;
      const full = `${name.startsWith('latchkey') ? '' : 'vault_'}${name.replace(/\W/g, '_')}`;
      const shown = metrics.value(spec.kind === 'summary' ? `${full}_count` : full);
      assert.ok(shown !== undefined, full);
    }
  });

  test('without a format it is JSON as go-metrics has it, bare', async () => {
    const { status, type, text } = await ask(server.address, '/v1/sys/metrics', 'root');
    assert.deepEqual([status, type], [200, 'application/json']);
    const body = JSON.parse(text) as Record<string, { Name: string; Value: number }[]>;
    assert.deepEqual(Object.keys(body), ['Timestamp', 'Gauges', 'Points', 'Counters', 'Samples']);
    assert.match(String(body['Timestamp']), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d0 \+0000 UTC$/);
    assert.equal(body['Gauges']?.find(({ Name }) => Name === 'vault.core.unsealed')?.Value, 1);
    const sample = body['Samples']?.find(({ Name }) => Name === 'vault.core.handle_request');
    assert.ok(sample);
    const members = ['Name', 'Count', 'Rate', 'Sum', 'Min', 'Max', 'Mean', 'Stddev', 'Labels'];
    assert.deepEqual(Object.keys(sample), members);
  });

  test('the header of a scraper stands for the format, as in Vault', async () => {
    const ofPrometheus3 = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5';
    for (const accept of [ofPrometheus3, 'prometheus/telemetry']) {
      const { type } = await ask(server.address, '/v1/sys/metrics', 'root', { accept });
      assert.match(type ?? '', /^text\/plain; version=0\.0\.4/);
    }
    const { type } = await ask(server.address, '/v1/sys/metrics', 'root', { accept: '*/*' });
    assert.equal(type, 'application/json');
  });

  test('it asks for read on sys/metrics, and knows two formats', async () => {
    assert.equal((await ask(server.address, PROMETHEUS)).status, 403);
    assert.equal((await ask(server.address, PROMETHEUS, 'hvs.nobody')).status, 403);
    await server.client.write('sys/policies/acl/monitor', {
      policy: 'path "sys/metrics" { capabilities = ["read"] }',
    });
    const tokenOf = async (policy: string) => {
      const made = await server.client.write('auth/token/create', { policies: [policy] });
      return String(made?.auth?.['client_token']);
    };
    assert.equal((await ask(server.address, PROMETHEUS, await tokenOf('default'))).status, 403);
    await scrape(server.address, await tokenOf('monitor'));
    const odd = await ask(server.address, '/v1/sys/metrics?format=xml', 'root');
    assert.equal(odd.status, 400);
    assert.match(odd.text, /metric response format \\"xml\\" unknown/);
    assert.equal((await fetch(`${server.address}/v1/sys/metrics`, { method: 'DELETE' })).status, 403);
  });

  test('a mount has its own series, and what callers send has none', async () => {
    await server.client.write('sys/mounts/team-a/kv', { type: 'kv' });
    await server.client.write('team-a/kv/one', { a: 'b' });
    for (let at = 0; at < 20; at += 1) await server.client.read(`nowhere-${at}/x`).catch(() => {});
    const { text } = await ask(server.address, PROMETHEUS, 'root');
    assert.match(text, /^vault_route_(update|create)_team_a_kv__count 1$/m);
    assert.ok(!text.includes('nowhere'));
  });

  test('a node that found nobody to lead shows the public part to everybody', async () => {
    await server.client.write('sys/step-down', {});
    const { value: metrics } = await until('the node to stand by', async () => {
      const { status, text } = await ask(server.address, PROMETHEUS);
      return status === 200 ? new Exposition(text) : undefined;
    });
    assert.equal(metrics.state('latchkey_node_state'), 'standby');
    assert.equal(metrics.value('vault_core_unsealed'), 1);
    assert.equal(metrics.value('latchkey_active_reachable'), 0);
    assert.equal(metrics.value('vault_core_handle_request_count'), undefined);
    assert.equal(metrics.value('process_resident_memory_bytes'), undefined);
  });
});

describe('in every state', { timeout: 120_000 }, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.build(2);
  });
  after(() => rig[Symbol.asyncDispose]());

  /** As soon as the port is open at all. */
  const first = (server: ServerProcess) =>
    until(`${server.name} to open its port`, () => scrape(server.address).catch(() => undefined));

  test('uninitialised: without a token, because there is none', async () => {
    rig.grant('Key Vault Secrets Officer');
    for (const server of rig.servers) server.start();
    for (const server of rig.servers) {
      const { value: earliest } = await first(server);
      assert.equal(earliest.value('vault_core_unsealed'), 0);
      const { value: metrics } = await until('the storage to be read', async () => {
        const now = await scrape(server.address);
        return now.state('latchkey_node_state') === 'starting' ? undefined : now;
      });
      assert.equal(metrics.state('latchkey_node_state'), 'uninitialized');
      assert.equal(metrics.state('latchkey_unseal_state'), 'not_initialized');
      assert.equal(metrics.value('vault_core_active'), 0);
    }
  });

  test('active and standby: each tells its own, to a token that the active node has checked', async () => {
    const { rootToken, ...keys } = await rig.server.client.init({ recoveryShares: 3, recoveryThreshold: 2 });
    noteSecrets([rootToken, ...keys.recoveryKeysBase64]);
    for (const server of rig.servers) await rig.untilUnsealed(server);
    const [active, standby] = await rig.untilFollowed();
    const leading = await scrape(active.address, rootToken);
    assert.equal(leading.state('latchkey_node_state'), 'active');
    assert.equal(leading.value('vault_seal_decrypt_time_count'), leading.value('vault_seal_decrypt'));
    for (const token of [undefined, 'hvs.nobody']) {
      assert.equal((await ask(active.address, PROMETHEUS, token)).status, 403);
      assert.equal((await ask(standby.address, PROMETHEUS, token)).status, 403);
    }
    const forwards = 'vault_ha_rpc_client_forward_count';
    const before = (await scrape(standby.address, rootToken)).value(forwards) ?? 0;
    const following = await scrape(standby.address, rootToken);
    assert.equal(following.state('latchkey_node_state'), 'standby');
    assert.equal(following.value('vault_core_unsealed', { cluster: 'latchkey-demo' }), 1);
    assert.equal(following.value('vault_core_active'), 0);
    assert.equal(following.value(forwards), before + 1);
    assert.ok((following.value('process_resident_memory_bytes') ?? 0) > 0, 'all of it, not the public part');
    const wrapped = await ask(standby.address, PROMETHEUS, rootToken, { 'x-vault-wrap-ttl': '60s' });
    assert.equal(wrapped.status, 400);
    assert.equal(following.value('latchkey_active_reachable'), 1);
    await active.client.withToken(rootToken).write('sys/step-down', {});
    const { value: former } = await until('the other to lead', async () => {
      const now = await scrape(active.address, rootToken).catch(() => undefined);
      return now?.value('vault_core_step_down_count') === 1 ? now : undefined;
    });
    assert.equal(former.state('latchkey_node_state'), 'standby');
    assert.equal(former.value('vault_core_leadership_lost_count'), 1);
    assert.equal(former.value('vault_core_post_unseal_count'), 1);
    assert.equal(former.value('vault_core_pre_seal_count'), 1);
  });

  test('sealed by a fault: the cause as labels, no token asked, and nothing that seal-status hides', async () => {
    const [active, standby] = await rig.untilFollowed();
    rig.revokeAll();
    await standby.stop('SIGKILL');
    standby.start();
    const { value: metrics } = await until('a failed attempt', async () => {
      const now = await scrape(standby.address).catch(() => undefined);
      return (now?.value('latchkey_unseal_attempts') ?? 0) > 0 ? now : undefined;
    });
    assert.equal(metrics.value('vault_core_unsealed'), 0);
    assert.equal(metrics.state('latchkey_node_state'), 'sealed');
    assert.equal(metrics.state('latchkey_unseal_state'), 'fault');
    const cause = { class: 'keyvault_forbidden_rbac', seal: 'azurekeyvault' };
    assert.equal(metrics.value('latchkey_unseal_last_error', cause), 1);
    assert.ok((metrics.value('latchkey_unseal_failures_total') ?? 0) >= 1);
    assert.ok((metrics.value('latchkey_unseal_next_attempt_seconds') ?? -1) >= 0);
    const { text } = await ask(standby.address, PROMETHEUS);
    for (const hidden of [
      rig.identity.clientId,
      rig.identity.principalId,
      rig.vault.uri,
      'process_',
      'route',
    ]) {
      assert.ok(!text.includes(hidden), hidden);
    }
    assert.deepEqual(
      [...metrics.types.keys()].filter((name) => !/^(latchkey_|vault_core_(active|unsealed)$)/.test(name)),
      [],
    );
    assert.equal((await ask(standby.address, '/v1/sys/metrics?help=1')).status, 503);
    assert.equal((await fetch(`${standby.address}/v1/sys/metrics`, { method: 'PUT' })).status, 503);
    const json = await ask(standby.address, '/v1/sys/metrics');
    assert.match(json.text, /"Name":"latchkey.unseal.last_error","Value":1/);

    rig.grant('Key Vault Secrets User');
    await rig.untilUnsealed(standby);
    await until('the token to be asked for again', async () => {
      const { status } = await ask(standby.address, PROMETHEUS, 'hvs.nobody');
      return status === 403 ? true : undefined;
    });
    assert.ok(active.isRunning);
  });

  test('a listener may show all of it to everybody, whatever the state', async () => {
    const [, standby] = await rig.untilFollowed();
    const config = await readFile(standby.configFile, 'utf8');
    const open = 'telemetry { unauthenticated_metrics_access = true }\n';
    const [pair] = await choosePorts(0);
    const alone = `listener "tcp" {
      address = "127.0.0.1:${pair?.apiPort}"
      cluster_address = "127.0.0.1:${pair?.clusterPort}"
      tls_disable = true
      telemetry { unauthenticated_metrics_access = true metrics_only = true metrics_path = "/metrics" }
    }\n`;
    const opened = config.replace(/tls_disable +=\s+true\n/, `tls_disable = true\n${open}`);
    await writeFile(standby.configFile, opened + alone);
    await standby.stop('SIGTERM');
    rig.revokeAll();
    standby.start();
    const { value: sealed } = await first(standby);
    assert.ok((sealed.value('process_resident_memory_bytes') ?? 0) > 0);
    assert.equal(sealed.value('vault_core_unsealed'), 0);
    const other = `http://127.0.0.1:${pair?.apiPort}`;
    const { status, text } = await ask(other, '/metrics?format=prometheus');
    assert.equal(status, 200);
    assert.equal(new Exposition(text).value('vault_core_unsealed'), 0);
    assert.equal((await ask(other, '/v1/sys/health')).status, 404);
    await rig.untilFault(standby, 'keyvault_forbidden_rbac');
    rig.grant('Key Vault Secrets User');
    await rig.untilUnsealed(standby);
    const { value: unsealed } = await until('the node to stand by', async () => {
      const now = await scrape(standby.address);
      return now.value('vault_core_unsealed') === 1 ? now : undefined;
    });
    assert.ok((unsealed.value('vault_seal_decrypt_error') ?? 0) >= 1);
  });
});
