// sys/internal/specs/openapi: every path that the caller may see, as one OpenAPI document.
// Vault's API page /api-docs/system/internal-specs-openapi. Like sys/internal/ui/mounts it answers without a token as well,
// and then about mounts with `listing_visibility=unauth` alone.

import type { JsonObject } from '../base/json.ts';
import type { Caller, Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import { type Described, openApiDocument } from '../engine/openapi.ts';
import type { DescribedMount, RightsPort } from './ports.ts';

const FIELDS = {
  generic_mount_paths: {
    type: 'boolean',
    help: 'Whether the path of a mount is a parameter, for code generators.',
  },
  context: { type: 'string', help: 'Taken as Vault takes it, and without effect.' },
} as const;

/** Of these there is one, at a path that is always the same. */
const SINGLE_TYPES: readonly string[] = ['system', 'token', 'cubbyhole', 'identity'];

interface OpenApiPort {
  readonly rights: Pick<RightsPort, 'reaches'>;
  described(): readonly DescribedMount[];
}

export function openApiRoutes(port: OpenApiPort): readonly Route[] {
  const answer = (request: Request) => document(port, request);
  return [
    {
      pattern: 'internal/specs/openapi',
      access: 'open',
      operations: { read: answer, update: answer },
      fields: FIELDS,
      help: 'The paths that the caller may see, as an OpenAPI document.',
    },
  ];
}

async function document(port: OpenApiPort, { caller, input }: Request): Promise<Response> {
  const { generic_mount_paths: isGeneric = false } = readFields(FIELDS, input);
  const shown: Described[] = [];
  for (const mount of port.described()) {
    if (!(await maySee(port, mount, caller))) continue;
    const { path, type, tag, routes } = mount;
    if (!isGeneric || SINGLE_TYPES.includes(type)) shown.push({ prefix: path, type, tag, routes });
    else shown.push({ ...genericPrefix(mount), type, tag, routes });
  }
  // As text: no audit log needs every word of it hashed.
  const body = `${JSON.stringify(openApiDocument(shown))}\n`;
  return { text: { contentType: 'application/json', body } };
}

async function maySee(
  port: OpenApiPort,
  mount: DescribedMount,
  caller: Caller | undefined,
): Promise<boolean> {
  return mount.isPublic || (caller !== undefined && (await port.rights.reaches(caller, mount.path)));
}

/** `auth/my-login/` becomes `auth/{my_login_mount_path}/`. */
function genericPrefix({ path }: DescribedMount): { prefix: string; parameters: readonly JsonObject[] } {
  const [, root = '', mount = ''] = /^(auth\/)?(.*)\/$/.exec(path) ?? [];
  const name = `${mount.replace(/\W/g, '_')}_mount_path`;
  const parameter = {
    name,
    description: 'Where the engine is mounted.',
    in: 'path',
    schema: { type: 'string', default: mount },
    required: true,
  };
  return { prefix: `${root}{${name}}/`, parameters: [parameter] };
}
