// Finds the route of an engine that answers a path.

import type { Route } from '../engine/engine.ts';

export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly route: Route;
  /** Literal text, or undefined for a named segment. */
  readonly segments: readonly Segment[];
  /** Stands between `segments` and `tail`, and takes none, one or many. */
  readonly restName: string | undefined;
  readonly tail: readonly Segment[];
}

interface Segment {
  readonly literal?: string;
  readonly name?: string;
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
  const rest = parts.findIndex((part) => part.endsWith('*}'));
  if (rest < 0) return { route, segments: parts.map(segmentOf), restName: undefined, tail: [] };
  return {
    route,
    segments: parts.slice(0, rest).map(segmentOf),
    restName: parts[rest]?.match(/^\{(\w+)\*\}$/)?.[1],
    tail: parts.slice(rest + 1).map(segmentOf),
  };
}

function segmentOf(part: string): Segment {
  const name = part.match(/^\{(\w+)\}$/)?.[1];
  return name === undefined ? { literal: part } : { name };
}

function fit(compiled: CompiledRoute, path: readonly string[]): Record<string, string> | undefined {
  const { segments, restName, tail } = compiled;
  const least = segments.length + tail.length;
  if (restName === undefined ? path.length !== least : path.length < least) return undefined;
  const params: Record<string, string> = {};
  if (!fitAll(segments, path, 0, params)) return undefined;
  const end = path.length - tail.length;
  if (!fitAll(tail, path, end, params)) return undefined;
  if (restName !== undefined) params[restName] = path.slice(segments.length, end).join('/');
  return params;
}

function fitAll(
  segments: readonly Segment[],
  path: readonly string[],
  from: number,
  params: Record<string, string>,
): boolean {
  for (const [index, segment] of segments.entries()) {
    const given = path[from + index] ?? '';
    if (segment.literal !== undefined && segment.literal !== given) return false;
    if (segment.name !== undefined) params[segment.name] = given;
  }
  return true;
}
