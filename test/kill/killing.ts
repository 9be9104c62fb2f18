// The kill loop: three nodes on one LMDB, unsealed by a local Azure; clients that write through all of them; and the
// active node killed with SIGKILL in the middle of it, again and again.

import { until } from '../../demo/conditions.ts';
import { unsealed } from '../../demo/server-process.ts';
import { VaultClient } from '../../src/client/client.ts';
import { Rig } from '../cluster/rig.ts';
import { Counter, Mounter, PolicyWriter, SecretWriter, Tally, type Worker } from './crew.ts';
import { Line } from './line.ts';
import { checkAccessors, LeaseKeeper, TreeKeeper } from './token-crew.ts';

export interface KillReport {
  readonly kills: number;
  readonly seed: number;
  readonly seconds: number;
  /** From the signal to the first acknowledgement after it, milliseconds, in the order of the kills. */
  readonly failOverMs: readonly number[];
  readonly acknowledged: Readonly<Record<string, number>>;
  /** Calls whose answer was lost: how many had happened, and how many had not. */
  readonly unknown: Readonly<Record<string, { happened: number; not: number }>>;
  /** Tokens that were there at the end, each whole. */
  readonly tokens: number;
}

/** Longest that one call may take before its answer counts as lost, milliseconds. */
const CALL_MS_MAX = 15_000;

/**
 * @throws AssertionError for the first promise that was broken.
 * @param seed decides which nodes are asked and when is killed; the timing of the machine does the rest.
 */
export async function runKills(
  kills: number,
  seed: number,
  onKill: (count: number, failOverMs: number) => void = () => {},
): Promise<KillReport> {
  const startedAt = performance.now();
  await using rig = await Rig.build(3);
  const { rootToken } = await rig.startInitialised();
  const random = seeded(seed);
  const progress = { acknowledged: 0 };
  const clients = rig.servers.map(
    ({ address }) => new VaultClient({ address, token: rootToken, timeoutMs: CALL_MS_MAX }),
  );
  const line = new Line(clients, random, () => {
    progress.acknowledged += 1;
  });
  const tally = new Tally();
  await prepare(line);
  const crew = crewOf(line, tally);
  const stop = new AbortController();
  const working = Promise.all(crew.map((worker) => work(worker, stop)));
  // Awaited at the end, and looked at by each wait in between.
  working.catch(() => {});
  const failOverMs: number[] = [];
  for (let count = 0; count < kills && !stop.signal.aborted; count += 1) {
    failOverMs.push(await killOnce(rig, progress, random, stop.signal));
    onKill(count + 1, failOverMs.at(-1) ?? 0);
  }
  stop.abort();
  await working;
  for (const server of rig.servers) await rig.untilUnsealed(server);
  for (const worker of crew) await worker.checkAll();
  const tokens = await checkAccessors(line);
  return {
    ...{ kills: failOverMs.length, seed, seconds: Math.round((performance.now() - startedAt) / 1_000) },
    ...{ failOverMs, tokens },
    acknowledged: Object.fromEntries(tally.acknowledged),
    unknown: Object.fromEntries(tally.unknown),
  };
}

async function prepare(line: Line): Promise<void> {
  const grower = 'path "auth/token/create" { capabilities = ["update"] }';
  const steps = [
    ['sys/mounts/secret', { type: 'kv', options: { version: '2' } }],
    ['sys/policies/acl/grower', { policy: grower }],
    ['auth/token/roles/short', { allowed_policies: 'default' }],
  ] as const;
  for (const [path, body] of steps) {
    const outcome = await line.ask({ method: 'PUT', path, body });
    if (outcome.kind !== 'done') throw new Error(`preparing ${path}: ${JSON.stringify(outcome)}`);
  }
}

function crewOf(line: Line, tally: Tally): readonly Worker[] {
  const versions = new Map<number, string>();
  return [
    ...['a', 'b'].map((name) => new SecretWriter(line, tally, name)),
    ...['a', 'b'].map((name) => new Counter(line, tally, name, versions)),
    ...[1, 2, 3, 4].map(() => new TreeKeeper(line, tally)),
    new LeaseKeeper(line, tally, 'short'),
    new PolicyWriter(line, tally, 'changing'),
    new Mounter(line, tally, 'm'),
  ];
}

/** Steps until it is stopped; what it finds stops the others. */
async function work(worker: Worker, stop: AbortController): Promise<void> {
  try {
    while (!stop.signal.aborted) await worker.step();
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/** Kills the active node in the middle of some work and starts it again; how long until work went on. */
async function killOnce(
  rig: Rig,
  progress: { readonly acknowledged: number },
  random: () => number,
  signal: AbortSignal,
): Promise<number> {
  const wanted = progress.acknowledged + 10 + Math.floor(random() * 80);
  const over = () => signal.aborted || undefined;
  await until('work to go on', async () => over() ?? (progress.acknowledged >= wanted || undefined), 60_000);
  if (signal.aborted) return 0;
  await until('a standby that can take over', async () => over() ?? ((await standbys(rig)) > 0 || undefined));
  const active = await rig.active();
  // Into the middle of something: a moment that no acknowledgement marks.
  await new Promise((resolve) => setTimeout(resolve, random() * 15));
  const killedAt = performance.now();
  await active.stop('SIGKILL');
  const before = progress.acknowledged;
  active.start();
  await until('an acknowledgement', async () => over() ?? (progress.acknowledged > before || undefined));
  return Math.round(performance.now() - killedAt);
}

async function standbys(rig: Rig): Promise<number> {
  const states = await Promise.all(
    rig.servers.map(async (server) => {
      const open = await unsealed(server).catch(() => undefined);
      return open !== undefined && !(await server.client.leader()).isSelf;
    }),
  );
  return states.filter(Boolean).length;
}

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
