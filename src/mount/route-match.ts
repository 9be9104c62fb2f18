// Finds the route of an engine that answers a path.

import type { Route } from '../engine/engine.ts';

export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly route: Route;
  /** Literal text, or undefined for a named segment. */
  readonly segments: readonly { readonly literal?: string; readonly name?: string }[];
  readonly restName: string | undefined;
}

export class RouteTable {
  readonly #routes: readonly CompiledRoute[];

  /** Routes are tried in order; the first that fits answers, so that literals stand before names. */
  constructor(routes: readonly Route[]) {
    this.#routes = routes.map(compile);
  }

  get routes(): readonly Route[] {
    return this.#routes.map((compiled) => compiled.route);
  }

  /** `path` is below the mount, without leading slash; one trailing slash is ignored. */
  match(path: string): RouteMatch | undefined {
    const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
    const segments = trimmed === '' ? [] : trimmed.split('/');
    for (const compiled of this.#routes) {
      const params = fit(compiled, segments);
      if (params !== undefined) return { route: compiled.route, params };
    }
    return undefined;
  }
}

function compile(route: Route): CompiledRoute {
  const parts = route.pattern === '' ? [] : route.pattern.split('/');
  const last = parts.at(-1);
  const rest = last?.match(/^\{(\w+)\*\}$/);
  const restName = rest?.[1];
  const fixed = restName === undefined ? parts : parts.slice(0, -1);
  const segments = fixed.map((part) => {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    return name === undefined ? { literal: part } : { name };
  });
  return { route, segments, restName };
}

function fit(compiled: CompiledRoute, path: readonly string[]): Record<string, string> | undefined {
  const { segments, restName } = compiled;
  if (restName === undefined ? path.length !== segments.length : path.length < segments.length)
    return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const given = path[index] ?? '';
    if (segment.literal !== undefined && segment.literal !== given) return undefined;
    if (segment.name !== undefined) params[segment.name] = given;
  }
  if (restName !== undefined) params[restName] = path.slice(segments.length).join('/');
  return params;
}
