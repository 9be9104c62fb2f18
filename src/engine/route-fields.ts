// All that a route takes: what stands in its path, and its declared fields.

import type { Route } from './engine.ts';
import type { Field, Fields } from './fields.ts';

/** What the names that patterns use mean, where a route does not say it itself. */
const MEANINGS: Readonly<Record<string, string>> = {
  path: 'The path that is meant; it may have slashes.',
  name: 'Name of the one that is meant.',
  username: 'Name of the user.',
  role_name: 'Name of the role.',
  prefix: 'What the lease ids begin with.',
  lease_id: 'Id of the lease.',
  migration_id: 'As sys/remount has given it.',
  step: 'Which step of a login through a browser.',
};

/** Names in braces in the route's pattern, in their order. */
export function pathNames({ pattern }: Pick<Route, 'pattern'>): readonly string[] {
  return [...pattern.matchAll(/\{(\w+)\*?\}/g)].map(([, name]) => name ?? '');
}

export function pathField(route: Pick<Route, 'fields'>, name: string): Field {
  const declared = route.fields?.[name];
  if (declared !== undefined) return declared;
  const help = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  return { type: 'string', help: help ?? `The ${name} that is meant.` };
}

/** Those of the path, and the declared ones. */
export function fieldsOf(route: Route): Fields {
  const inPath = pathNames(route).map((name) => [name, pathField(route, name)] as const);
  return { ...Object.fromEntries(inPath), ...route.fields };
}
