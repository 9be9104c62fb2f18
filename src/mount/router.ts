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
  /** Characters of the longest path that was ever mounted. */
  #longest = 1;

  mount(entry: MountEntry, engine: Engine): Mounted {
    const mounted = new Mounted(entry, engine);
    this.#mounts.set(entry.path, mounted);
    this.#longest = Math.max(this.#longest, entry.path.length);
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
    const whole = path.endsWith('/') ? path : `${path}/`;
    // `a/b/c` is looked for at `a/b/c/`, `a/b/`, `a/`. A path that nobody has authenticated may have thousands of segments:
    // no prefix is built that is longer than every mount.
    let end = whole.length;
    if (end > this.#longest) end = whole.lastIndexOf('/', this.#longest - 1) + 1;
    for (; end > 1; end = whole.lastIndexOf('/', end - 2) + 1) {
      const mounted = this.#mounts.get(whole.slice(0, end));
      if (mounted === undefined) continue;
      const rest = path.slice(end);
      return { mounted, path: rest, match: mounted.routes.match(rest) };
    }
    return undefined;
  }
}
