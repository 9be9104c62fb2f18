// What sys/host-info tells of the machine, in Vault's members as far as Node knows them.
// Vault's API page /api-docs/system/host-info.

import { statfs } from 'node:fs/promises';
import {
  arch,
  availableParallelism,
  cpus,
  freemem,
  hostname,
  platform,
  release,
  totalmem,
  uptime,
} from 'node:os';
import type { JsonObject, JsonValue } from '../base/json.ts';

/** `now` in milliseconds since the epoch. Bytes and seconds, as in Vault. */
export async function hostInfo(now: number): Promise<JsonObject> {
  const cores = cpus();
  return {
    timestamp: new Date(now).toISOString(),
    cpu: cores.map((core, index) => ({ cpu: index, modelName: core.model, mhz: core.speed, cores: 1 })),
    cpu_times: cores.map(({ times }, index) => ({
      cpu: `cpu${index}`,
      user: times.user / 1_000,
      system: times.sys / 1_000,
      idle: times.idle / 1_000,
      nice: times.nice / 1_000,
      irq: times.irq / 1_000,
    })),
    disk: await disks(),
    host: {
      hostname: hostname(),
      uptime: Math.floor(uptime()),
      bootTime: Math.floor(now / 1_000 - uptime()),
      os: platform(),
      kernelVersion: release(),
      kernelArch: arch(),
      procs: availableParallelism(),
    },
    memory: memory(),
  };
}

function memory(): JsonObject {
  const total = totalmem();
  const free = freemem();
  const used = total - free;
  return { total, available: free, free, used, usedPercent: (100 * used) / total };
}

/** The one that the root folder is on; none where that cannot be told. */
async function disks(): Promise<JsonValue> {
  try {
    const { blocks, bfree, bavail, bsize, files, ffree } = await statfs('/');
    const total = blocks * bsize;
    const used = total - bfree * bsize;
    const usedPercent = total === 0 ? 0 : (100 * used) / total;
    return [
      { path: '/', total, free: bavail * bsize, used, usedPercent, inodesTotal: files, inodesFree: ffree },
    ];
  } catch {
    return [];
  }
}
