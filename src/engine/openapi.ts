// From routes to an OpenAPI 3.0.2 document in the shape that Vault's has, so that its user interface, code generators and
// `vault path-help` can read it. https://spec.openapis.org/oas/v3.0.2, Vault's page /api-docs/system/internal-specs-openapi.

import type { JsonObject, JsonValue } from '../base/json.ts';
import { VAULT_API_VERSION } from '../base/version.ts';
import type { Operation, Route } from './engine.ts';
import type { Field, FieldType } from './fields.ts';
import { pathField } from './route-fields.ts';

/** The routes of one mount, and how they are to be called. */
export interface Described {
  /** Before each path, e.g. `auth/userpass/` or `{userpass_mount_path}/`; empty for a mount by itself. */
  readonly prefix: string;
  /** Type of the engine: begins the ids of its operations. */
  readonly type: string;
  /** `secrets`, `auth` or `system`. */
  readonly tag: string;
  readonly routes: readonly Route[];
  /** Parameters that stand in the prefix. */
  readonly parameters?: readonly JsonObject[];
}

type Method = 'get' | 'post' | 'patch' | 'delete';

const WRITES: readonly Operation[] = ['create', 'update', 'patch'];
const VERBS: Readonly<Record<Method, string>> = {
  get: 'read',
  post: 'write',
  patch: 'patch',
  delete: 'delete',
};
const SCHEMAS: Readonly<Record<FieldType, JsonObject>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  integer: { type: 'integer' },
  duration: { type: 'integer', format: 'seconds' },
  strings: { type: 'array', items: { type: 'string' } },
  object: { type: 'object', format: 'map' },
  any: {},
};
const OK = { description: 'OK' };
const EMPTY = { description: 'empty body' };

export function openApiDocument(mounts: readonly Described[]): JsonObject {
  const made = new Document();
  for (const mount of mounts) {
    for (const route of mount.routes) if (route.hidden !== true) made.add(mount, route);
  }
  return {
    openapi: '3.0.2',
    info: {
      title: 'Latchkey API',
      description: "Vault's HTTP API as this server speaks it. Every path is below `/v1/`.",
      version: VAULT_API_VERSION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    paths: sorted(made.paths),
    components: { schemas: sorted(made.schemas) },
  };
}

class Document {
  readonly paths = new Map<string, JsonObject>();
  readonly schemas = new Map<string, JsonObject>();
  readonly #ids = new Set<string>();
  /** Paths with their parameters' names taken out: two that differ in those alone would be one to a client. */
  readonly #shapes = new Set<string>();

  add(mount: Described, route: Route): void {
    for (const { path, ...shown } of pathsOf(route)) {
      const full = `/${mount.prefix}${path}`;
      const shape = mount.prefix + path.replace(/\{\w+\}/g, '{}');
      // The first route that fits is the one that answers.
      if (this.#shapes.has(shape)) continue;
      this.#shapes.add(shape);
      this.paths.set(full, this.#item(mount, shown.route, path));
    }
  }

  #item(mount: Described, route: Route, path: string): JsonObject {
    const { create, update, patch, read, list, delete: remove } = route.operations;
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    const parameters = [
      ...inPath.map((name) => parameter(name, 'path', pathField(route, name))),
      ...(mount.parameters ?? []),
    ].toSorted(byName);
    const has: readonly (readonly [Method, boolean])[] = [
      ['get', read !== undefined || list !== undefined],
      ['post', create !== undefined || update !== undefined],
      ['patch', patch !== undefined],
      ['delete', remove !== undefined],
    ];
    return {
      description: route.help,
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(route.access === 'sudo' ? { 'x-vault-sudo': true } : {}),
      ...(route.access === 'open' ? { 'x-vault-unauthenticated': true } : {}),
      ...(create !== undefined || route.exists !== undefined ? { 'x-vault-createSupported': true } : {}),
      'x-vault-displayAttrs': { operationPrefix: mount.type, operationSuffix: wordsOf(path).join('-') },
      ...Object.fromEntries(
        has
          .filter(([, isThere]) => isThere)
          .map(([method]) => [method, this.#operation(mount, route, path, method, inPath)]),
      ),
    };
  }

  #operation(
    mount: Described,
    route: Route,
    path: string,
    method: Method,
    inPath: readonly string[],
  ): JsonObject {
    const { read, list } = route.operations;
    const verb = method === 'get' && read === undefined ? 'list' : VERBS[method];
    const id = this.#id([mount.type, verb, ...wordsOf(path)], mount.prefix);
    const fields = Object.entries(route.fields ?? {}).filter(([name]) => !inPath.includes(name));
    const isWrite = method === 'post' || method === 'patch';
    const folderOnly = read === undefined && list !== undefined;
    const writes = folderOnly || WRITES.some((operation) => route.operations[operation] !== undefined);
    const query = method === 'get' ? fields.filter(([, field]) => field.query === true || !writes) : [];
    const parameters = [
      ...query.map(([name, field]) => parameter(name, 'query', field)),
      ...(method === 'get' && list !== undefined ? [listParameter(read === undefined)] : []),
    ].toSorted(byName);
    const body = isWrite ? fields.filter(([, field]) => field.query !== true) : [];
    return {
      summary: route.help,
      operationId: id,
      tags: [mount.tag],
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(body.length === 0 ? {} : { requestBody: this.#body(id, body) }),
      responses: responsesOf(method),
    };
  }

  #body(id: string, fields: readonly (readonly [string, Field])[]): JsonObject {
    const name = `${id.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}Request`;
    const required = fields.filter(([, field]) => field.required === true).map(([field]) => field);
    this.schemas.set(name, {
      type: 'object',
      properties: Object.fromEntries(
        fields.map(([field, { type, help }]) => [field, { ...SCHEMAS[type], description: help }]),
      ),
      ...(required.length === 0 ? {} : { required: required.toSorted() }),
    });
    const schema = { $ref: `#/components/schemas/${name}` };
    return { required: true, content: { 'application/json': { schema } } };
  }

  /** Ids are unique in a document: a second mount of one type has its path in them. */
  #id(words: readonly string[], prefix: string): string {
    const plain = words.join('-').toLowerCase();
    let id = this.#ids.has(plain) ? [plain, ...wordsOf(prefix)].join('-').toLowerCase() : plain;
    for (let count = 2; this.#ids.has(id); count += 1) id = `${plain}-${count}`;
    this.#ids.add(id);
    return id;
  }
}

/** `{name*}` may be empty: then a list has a path of its own, that of the whole folder. */
function pathsOf(route: Route): readonly { readonly path: string; readonly route: Route }[] {
  const path = route.pattern.replaceAll('*}', '}');
  const { list } = route.operations;
  if (!route.pattern.endsWith('*}') || list === undefined) return [{ path, route }];
  const { exists: _, ...rest } = route;
  const folder: Route = { ...rest, operations: { list } };
  return [
    { path: path.replace(/\{\w+\}$/, ''), route: folder },
    { path, route },
  ];
}

function wordsOf(path: string): readonly string[] {
  return path.split(/[\W_]+/).filter((word) => word !== '');
}

function parameter(name: string, place: 'path' | 'query', { help, type }: Field): JsonObject {
  return {
    name,
    description: help,
    in: place,
    schema: place === 'path' ? { type: 'string' } : { ...SCHEMAS[type] },
    ...(place === 'path' ? { required: true } : {}),
  };
}

/** LIST is no method of OpenAPI's; `GET` with `list=true` is the same. */
function listParameter(isAlways: boolean): JsonObject {
  if (!isAlways) {
    return { name: 'list', description: 'Lists, if `true`.', in: 'query', schema: { type: 'string' } };
  }
  const schema = { type: 'string', enum: ['true'] };
  return { name: 'list', description: 'Must be `true`.', in: 'query', required: true, schema };
}

function responsesOf(method: Method): JsonObject {
  if (method === 'get') return { '200': OK };
  return method === 'delete' ? { '204': EMPTY } : { '200': OK, '204': EMPTY };
}

function byName(left: JsonObject, right: JsonObject): number {
  return String(left['name']) < String(right['name']) ? -1 : 1;
}

function sorted(members: ReadonlyMap<string, JsonValue>): JsonObject {
  return Object.fromEntries([...members].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
