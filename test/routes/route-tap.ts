// Loaded into a server process before its main file: tells the test that started it which engine types main.ts has
// registered, which routes are mounted, and what has been written to the storage. It changes nothing that it watches.

import { Tenure } from '../../src/core/tenure.ts';
import type { Route } from '../../src/engine/engine.ts';
import { Router } from '../../src/mount/router.ts';
import { MemoryStore } from '../../src/storage/memory/memory.ts';
import { systemRoom } from '../../src/system/system-engine.ts';
import type { EngineSeen, MountSeen, RouteSeen, TapReport } from './tap-report.ts';

const engines = new Map<string, EngineSeen>();
const mounts = new Map<string, MountSeen>();
const written: string[] = [];

const { openStorage } = MemoryStore.prototype;
MemoryStore.prototype.openStorage = function watched(this: MemoryStore) {
  const storage = openStorage.call(this);
  return {
    ...storage,
    write: (changes, fence) => {
      written.push(...changes.map(({ kind, key }) => `${kind} ${key}`));
      return storage.write(changes, fence);
    },
  };
};

const openTenure = Tenure.open;
Tenure.open = function watched(parts, end) {
  for (const { type, kind } of parts.engines.values()) engines.set(type, { type, kind });
  return openTenure.call(Tenure, parts, end);
};

const { mount } = Router.prototype;
Router.prototype.mount = function watched(this: Router, entry, engine) {
  mounts.set(entry.path, { path: entry.path, type: entry.type, routes: engine.routes.map(seen) });
  return mount.call(this, entry, engine);
};

// What every node answers by itself need not be mounted anywhere.
const { localRoutes } = systemRoom;
systemRoom.localRoutes = (...args) => {
  const routes = localRoutes(...args);
  mounts.set('local', { path: 'sys/', type: 'system', routes: routes.map(seen) });
  return routes;
};

function seen({ pattern, access = 'token', operations, help }: Route): RouteSeen {
  return { pattern, access, operations: Object.keys(operations), help };
}

process.on('message', () => {
  const report: TapReport = { engines: [...engines.values()], mounts: [...mounts.values()], written };
  process.send?.(report);
});
process.channel?.unref();
