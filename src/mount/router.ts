// Which engine answers a path: the longest mounted prefix, then the engine's own routes.

import type { Engine } from '../engine/engine.ts';
import type { MountEntry } from './mount-table.ts';
import { Mounted } from './mounted.ts';
import type { RouteMatch } from './route-match.ts';

export interface Found {
  readonly mounted: Mounted;
  /** Below the mount. */
  readonly path: string;
  readonly match: RouteMatch | undefined;
}

export class Router {
  readonly #mounts = new Map<string, Mounted>();

  mount(entry: MountEntry, engine: Engine): Mounted {
    const mounted = new Mounted(entry, engine);
    this.#mounts.set(entry.path, mounted);
    return mounted;
  }

  /** The caller disposes of the engine that was there. */
  unmount(path: string): Mounted | undefined {
    const mounted = this.#mounts.get(path);
    this.#mounts.delete(path);
    return mounted;
  }

  get mounts(): readonly Mounted[] {
    return [...this.#mounts.values()];
  }

  at(path: string): Mounted | undefined {
    return this.#mounts.get(path);
  }

  find(path: string): Found | undefined {
    for (const prefix of prefixesOf(path)) {
      const mounted = this.#mounts.get(prefix);
      if (mounted === undefined) continue;
      const rest = path.slice(prefix.length);
      return { mounted, path: rest, match: mounted.routes.match(rest) };
    }
    return undefined;
  }
}

/** `a/b/c` gives `a/b/c/`, `a/b/`, `a/`. */
function* prefixesOf(path: string): Generator<string> {
  const segments = path.split('/').filter((segment) => segment !== '');
  for (let count = segments.length; count > 0; count -= 1) {
    yield `${segments.slice(0, count).join('/')}/`;
  }
}
