// What `?help=1` answers, in the layout of Vault's: for a path its fields, for a mount its paths; and both as OpenAPI.

import type { JsonObject } from '../base/json.ts';
import type { Operation, Response, Route } from './engine.ts';
import type { FieldType } from './fields.ts';
import { openApiDocument } from './openapi.ts';
import { fieldsOf } from './route-fields.ts';

/** The mount that was asked about. */
export interface HelpedMount {
  readonly type: string;
  readonly tag: string;
  readonly description: string;
  readonly routes: readonly Route[];
}

const OPERATIONS: readonly Operation[] = ['read', 'create', 'update', 'patch', 'delete', 'list'];
const TYPES: Readonly<Record<FieldType, string>> = {
  string: 'string',
  boolean: 'boolean',
  integer: 'integer',
  duration: 'duration',
  strings: 'list of strings',
  object: 'object',
  any: 'anything',
};
const ACCESS: Readonly<Record<NonNullable<Route['access']>, string>> = {
  open: 'It asks for no token.',
  token: 'A token needs the right to the operation at this path.',
  sudo: 'A token needs the right to the operation at this path, and sudo.',
};

/** `path` is below the mount, as it was asked for. */
export function routeHelp(mount: Pick<HelpedMount, 'type' | 'tag'>, route: Route, path: string): Response {
  const fields = Object.entries(fieldsOf(route)).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const operations = OPERATIONS.filter((operation) => route.operations[operation] !== undefined);
  const help = [
    `Request:        ${path}`,
    `Matching Route: ${regexOf(route)}`,
    '',
    route.help,
    '',
    ...(fields.length === 0 ? [] : ['## PARAMETERS', '']),
    ...fields.flatMap(([name, { type, help: meaning, required }]) => [
      `    ${name} (${required === true ? `${TYPES[type]}, required` : TYPES[type]})`,
      `        ${meaning}`,
      '',
    ]),
    '## DESCRIPTION',
    '',
    `Operations: ${operations.join(', ')}. ${ACCESS[route.access ?? 'token']}`,
    ...(route.local === true ? ['Every node answers it about itself.'] : []),
    '',
  ];
  return answer(help, { ...mount, routes: [route] });
}

export function mountHelp(mount: HelpedMount): Response {
  const shown = mount.routes.filter((route) => route.hidden !== true);
  const help = [
    '## DESCRIPTION',
    '',
    mount.description === '' ? `An engine of type ${mount.type}.` : mount.description,
    '',
    '## PATHS',
    '',
    'What this engine answers. Ask for help with a path that fits to see its parameters; whether a token',
    'may use it is for its policies to say.',
    '',
    ...shown
      .map((route) => [`    ${regexOf(route)}`, `        ${route.help}`, ''])
      .toSorted(([left = ''], [right = '']) => (left < right ? -1 : 1))
      .flat(),
  ];
  return answer(help, { ...mount, routes: shown });
}

function answer(lines: readonly string[], mount: Pick<HelpedMount, 'type' | 'tag' | 'routes'>): Response {
  const openapi: JsonObject = openApiDocument([{ prefix: '', ...mount }]);
  return { dress: 'raw', data: { help: lines.join('\n'), see_also: null, openapi } };
}

/** As Vault writes the patterns of its routes. */
function regexOf({ pattern }: Route): string {
  const body = pattern
    .replace(/[.+?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)\*\}/g, '(?P<$1>.*)')
    .replace(/\{(\w+)\}/g, '(?P<$1>[^/]+)');
  return `^${body}$`;
}
