// Mounts that are taken away, moved and changed, as requests run, as things fail, and as the node dies in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { HandClock, MemoryView, refusal } from '../engine/engine.contract.ts';
import type { EngineType } from '../engine/engine.ts';
import { MountTable } from '../mount/mount-table.ts';
import { Router } from '../mount/router.ts';
import { kvEngine } from '../secrets/kv/kv-engine.ts';
import { Mounts } from './mounts.ts';

const SYSTEM = { defaultSeconds: 100, maxSeconds: 1_000 };
const LOGIN: EngineType = { type: 'login', kind: 'auth', open: async () => ({ routes: [] }) };
const plain = (path: string, type = 'kv') => ({ path, type, local: false, sealWrap: false });

interface Given {
  readonly view?: MemoryView;
  readonly kv?: EngineType;
  readonly endLeases?: (path: string) => Promise<void>;
}

/** A leader's mounts; another call with the same view is the next leader. */
async function lead({ view = new MemoryView(), kv = kvEngine, endLeases = async () => {} }: Given = {}) {
  const isNew = (await view.get('core/mounts')) === undefined;
  const table = isNew ? await MountTable.create(view.sub('core/')) : await MountTable.open(view.sub('core/'));
  const router = new Router();
  const clock = new HandClock();
  const mounts = new Mounts({
    table,
    router,
    engines: new Map([kv, LOGIN].map((type) => [type.type, type])),
    view: view.sub('mount/'),
    clock,
    random: systemRandom,
    log: silentLogger,
    leaseTtl: SYSTEM,
    endLeases,
    open: (entry, type, engineView) =>
      type.open({
        view: engineView,
        clock,
        random: systemRandom,
        log: silentLogger,
        options: entry.options,
        mountPath: entry.path,
        leaseTtl: () => SYSTEM,
      }),
  });
  await mounts.openAll();
  const data = () => [...view.records.keys()].filter((key) => key.startsWith('mount/'));
  return { view, mounts, router, data };
}

async function withData() {
  const leader = await lead();
  await leader.mounts.mount(plain('a/'));
  const uuid = leader.router.at('a/')?.entry.uuid ?? '';
  await leader.view.put(`mount/${uuid}/plain/x`, Buffer.from('{"format":1,"data":{"v":1}}'));
  return leader.view;
}

test('what cannot be ended keeps the mount shut, also for the next leader; once more, and all of it is gone', async () => {
  const view = await withData();
  const stuck = await lead({
    view,
    endLeases: async () => {
      throw new Error('a lease cannot be ended');
    },
  });
  await assert.rejects(stuck.mounts.unmount('a/'), /cannot be ended/);
  assert.throws(() => stuck.router.at('a/')?.enter(), { code: 'no_route' });
  const next = await lead({ view });
  assert.throws(() => next.router.at('a/')?.enter(), { code: 'no_route' });
  assert.equal(next.data().length, 1);
  await refusal(next.mounts.tune('a/', { description: 'x' }), 'bad_request');
  assert.throws(() => next.mounts.checkMove('a/', 'b/'), /no matching mount/);
  await next.mounts.unmount('a/');
  assert.deepEqual([next.data(), next.mounts.list()], [[], []]);
  await next.mounts.mount(plain('a/'));
});

test('killed at any write of an unmount, the mount is whole, or shut and removed by unmounting it again', async () => {
  for (let survives = 0; survives < 3; survives += 1) {
    const view = await withData();
    const leader = await lead({ view });
    let left = survives;
    const die = () => {
      if (left === 0) throw new Error('killed');
      left -= 1;
    };
    // Sub-views share the records and the batches, but not the hook: it stands where the batches are counted.
    const push = view.batches.push.bind(view.batches);
    view.batches.push = (...batches) => {
      die();
      return push(...batches);
    };
    await assert.rejects(leader.mounts.unmount('a/'), /killed/);
    view.batches.push = push;
    const next = await lead({ view });
    const mounted = next.router.at('a/');
    assert.ok(mounted !== undefined);
    if (survives === 0) {
      mounted.enter()[Symbol.dispose]();
      assert.equal(next.data().length, 1);
    } else assert.throws(() => mounted.enter(), { code: 'no_route' });
    await next.mounts.unmount('a/');
    assert.deepEqual([next.data(), next.mounts.list()], [[], []]);
  }
});

test('a move is one write: killed before it all is as it was, after it all is at the new path', async () => {
  const view = await withData();
  const stuck = await lead({
    view,
    endLeases: async () => {
      throw new Error('killed');
    },
  });
  await assert.rejects(stuck.mounts.move('a/', 'b/'), /killed/);
  stuck.router.at('a/')?.enter()[Symbol.dispose]();
  const ended: string[] = [];
  const leader = await lead({ view, endLeases: async (path) => void ended.push(path) });
  const before = leader.data();
  await leader.mounts.move('a/', 'b/');
  assert.deepEqual([ended, leader.data()], [['a/'], before]);
  for (const { router } of [leader, await lead({ view })]) {
    assert.equal(router.at('a/'), undefined);
    router.at('b/')?.enter()[Symbol.dispose]();
    assert.equal(router.at('b/')?.entry.type, 'kv');
  }
});

test('a mount that does not empty is left as it was', async () => {
  const { mounts, router } = await lead();
  await mounts.mount(plain('a/'));
  using inside = router.at('a/')?.enter();
  assert.ok(inside !== undefined);
  await refusal(mounts.unmount('a/'), 'timeout');
  await refusal(mounts.move('a/', 'b/'), 'timeout');
  router.at('a/')?.enter()[Symbol.dispose]();
  await mounts.tune('a/', { description: 'settings change while requests run' });
});

test('an engine that does not open with its new options stays shut, and the next leader tries again', async () => {
  const view = await withData();
  const failing: EngineType = {
    ...kvEngine,
    open: async (context) => {
      if (context.options['version'] === '2') throw new Error('cannot open');
      return kvEngine.open(context);
    },
  };
  const leader = await lead({ view, kv: failing });
  await assert.rejects(leader.mounts.tune('a/', { options: { version: '2' } }), /cannot open/);
  assert.throws(() => leader.router.at('a/')?.enter(), /Upgrading from non-versioned/);
  const next = await lead({ view });
  assert.equal(next.router.at('a/')?.entry.options['version'], '2');
  next.router.at('a/')?.enter()[Symbol.dispose]();
});

test('kinds stay apart, and lifetimes fit', async () => {
  const { mounts } = await lead();
  await refusal(mounts.mount(plain('a/', 'login')), 'bad_request');
  await refusal(mounts.mount(plain('auth/a/', 'kv')), 'bad_request');
  await refusal(mounts.mount({ ...plain('a/'), defaultLeaseTtlSeconds: 2_000 }), 'bad_request');
  await mounts.mount({ ...plain('auth/a/', 'login'), defaultLeaseTtlSeconds: 10, tokenType: 'batch' });
  const [only] = mounts.list();
  assert.deepEqual(
    [only?.kind, only?.tuning['default_lease_ttl'], only?.tuning['max_lease_ttl']],
    ['auth', 10, 1_000],
  );
  await refusal(mounts.tune('auth/a/', { maxLeaseTtlSeconds: 5 }), 'bad_request');
  assert.throws(() => mounts.checkMove('auth/a/', 'b/'), /non-auth mount/);
});
