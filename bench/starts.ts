// From the start of a process until it says that it is unsealed, with a local Azure that answers at once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerProcess, unsealed } from '../demo/server-process.ts';
import { Rig, VAULT_NAME } from '../test/cluster/rig.ts';

export interface StartResult {
  readonly what: string;
  readonly runs: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

const KEY_NAME = 'unseal-key';
const LOOK_MS = 5;
const START_MS_MAX = 30_000;

export async function startTimes(runs: number): Promise<readonly StartResult[]> {
  const cache = await mkdtemp(join(tmpdir(), 'latchkey-bench-cache-'));
  try {
    const results: StartResult[] = [];
    for (const variant of ['secret', 'key'] as const) {
      await using rig = await Rig.build();
      if (variant === 'key') await useKey(rig);
      await rig.startInitialised();
      results.push(await repeat(`KEK as a ${variant}, sources`, rig, runs));
      process.env['NODE_COMPILE_CACHE'] = cache;
      // The first start fills the cache.
      await repeat('', rig, 1);
      results.push(await repeat(`KEK as a ${variant}, sources with Node's compile cache`, rig, runs));
      delete process.env['NODE_COMPILE_CACHE'];
    }
    return results;
  } finally {
    delete process.env['NODE_COMPILE_CACHE'];
    await rm(cache, { recursive: true, force: true });
  }
}

async function useKey(rig: Rig): Promise<void> {
  await rig.azure.keys(VAULT_NAME).create(KEY_NAME);
  rig.grant('Key Vault Crypto Service Encryption User');
  await rig.reconfigure(rig.server, { key_name: KEY_NAME });
}

async function repeat(what: string, { server }: Rig, runs: number): Promise<StartResult> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await server.stop('SIGTERM');
    const startedAt = performance.now();
    server.start();
    await untilUnsealed(server);
    times.push(Math.round(performance.now() - startedAt));
  }
  times.sort((left, right) => left - right);
  return {
    what,
    runs,
    minMs: times[0] ?? Number.NaN,
    medianMs: times[Math.floor(times.length / 2)] ?? Number.NaN,
    maxMs: times.at(-1) ?? Number.NaN,
  };
}

/** Looks more often than a test would. */
async function untilUnsealed(server: ServerProcess): Promise<void> {
  for (const deadline = performance.now() + START_MS_MAX; performance.now() < deadline; ) {
    if ((await unsealed(server).catch(() => undefined)) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`${server.name} did not unseal`);
}
