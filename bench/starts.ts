// From the start of a process until it says that it is unsealed, with a local Azure that answers at once: the sources, and
// the built package, each with Node's compile cache and without.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ServerProcess, unsealed } from '../demo/server-process.ts';
import { Rig, VAULT_NAME } from '../test/cluster/rig.ts';

export interface StartResult {
  readonly kek: 'secret' | 'key';
  readonly code: string;
  readonly runs: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

interface Code {
  readonly code: string;
  readonly launcher: string;
  /** `NODE_COMPILE_CACHE`; the first start fills it and is not counted. */
  readonly cache: string | undefined;
}

const ROOT = join(import.meta.dirname, '..');
const KEY_NAME = 'unseal-key';
const LOOK_MS = 5;
const START_MS_MAX = 30_000;

export async function startTimes(runs: number): Promise<readonly StartResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  try {
    const kinds = await codes(folder);
    const results: StartResult[] = [];
    for (const kek of ['secret', 'key'] as const) {
      await using rig = await Rig.build();
      if (kek === 'key') await useKey(rig);
      await rig.startInitialised();
      await rig.server.stop('SIGTERM');
      for (const kind of kinds) results.push({ kek, ...(await repeat(kind, rig.server, runs)) });
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function codes(folder: string): Promise<readonly Code[]> {
  const built = join(folder, 'package');
  await promisify(execFile)(process.execPath, [join(ROOT, 'tools', 'build.ts'), '--package', built]);
  await symlink(join(ROOT, 'node_modules'), join(built, 'node_modules'));
  const places = [
    { code: 'sources', launcher: join(ROOT, 'bin', 'latchkey') },
    { code: 'built package', launcher: join(built, 'bin', 'latchkey') },
  ];
  return places.flatMap(({ code, launcher }) => [
    { code, launcher, cache: undefined },
    { code: `${code}, compile cache`, launcher, cache: join(folder, `cache ${code}`) },
  ]);
}

async function useKey(rig: Rig): Promise<void> {
  await rig.azure.keys(VAULT_NAME).create(KEY_NAME);
  rig.grant('Key Vault Crypto Service Encryption User');
  await rig.reconfigure(rig.server, { key_name: KEY_NAME });
}

async function repeat(code: Code, server: ServerProcess, runs: number): Promise<Omit<StartResult, 'kek'>> {
  const times: number[] = [];
  if (code.cache !== undefined) await startOnce(code, server);
  for (let run = 0; run < runs; run += 1) times.push(await startOnce(code, server));
  times.sort((left, right) => left - right);
  return {
    code: code.code,
    runs,
    minMs: times[0] ?? Number.NaN,
    medianMs: times[Math.floor(times.length / 2)] ?? Number.NaN,
    maxMs: times.at(-1) ?? Number.NaN,
  };
}

/** Milliseconds. The server of the rig gives its config and its client; the process is ours. */
async function startOnce({ launcher, cache }: Code, server: ServerProcess): Promise<number> {
  const env = cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache };
  const startedAt = performance.now();
  const child = spawn(launcher, ['server', `-config=${server.configFile}`], { env, stdio: 'ignore' });
  const gone = once(child, 'exit');
  try {
    await untilUnsealed(server);
    return Math.round(performance.now() - startedAt);
  } finally {
    child.kill('SIGTERM');
    await gone;
  }
}

/** Looks more often than a test would. */
async function untilUnsealed(server: ServerProcess): Promise<void> {
  for (const deadline = performance.now() + START_MS_MAX; performance.now() < deadline; ) {
    if ((await unsealed(server).catch(() => undefined)) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`${server.name} did not unseal`);
}
