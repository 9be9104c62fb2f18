// Path-help of a mount and of its routes, and what OpenAPI is to tell of all mounts.

import type { Response, Route } from '../engine/engine.ts';
import { mountHelp, routeHelp } from '../engine/path-help.ts';
import type { Found, Router } from '../mount/router.ts';
import type { DescribedMount } from '../system/ports.ts';

type Mounted = Router['mounts'][number];

export function helpOfMount({ mounted }: Found): Response {
  const { type, description } = mounted.entry;
  return mountHelp({ type, description, tag: tagOf(mounted), routes: mounted.engine.routes });
}

export function helpOfRoute({ mounted, path }: Found, route: Route): Response {
  return routeHelp({ type: mounted.entry.type, tag: tagOf(mounted) }, route, path);
}

export function describedMounts(router: Router): readonly DescribedMount[] {
  return router.mounts.map((mounted) => ({
    path: mounted.entry.path,
    type: mounted.entry.type,
    tag: tagOf(mounted),
    isPublic: mounted.entry.listingVisibility === 'unauth',
    routes: mounted.engine.routes,
  }));
}

function tagOf({ entry: { path } }: Mounted): DescribedMount['tag'] {
  if (path === 'sys/') return 'system';
  return path.startsWith('auth/') ? 'auth' : 'secrets';
}
