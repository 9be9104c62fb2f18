// sys/mounts and sys/remount. Vault's API pages /api-docs/system/mounts, /api-docs/system/remount.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import { ENABLE_FIELDS, readMountRequest, readTuning, TUNE_FIELDS } from './mount-input.ts';
import type { MountPort, MountView } from './ports.ts';

const REMOUNT_FIELDS = {
  from: { type: 'string', help: 'Where the mount is; auth methods with auth/ before it.' },
  to: { type: 'string', help: 'Where it is to be.' },
} as const;

const QUEUED =
  "Mount move has been queued. Progress will be reported in Vault's server log, tagged with the returned migration_id";

export function mountRoutes(port: MountPort): readonly Route[] {
  return [
    {
      pattern: 'mounts',
      operations: { read: async () => listMounts(port) },
      help: 'Lists the secrets engines.',
    },
    {
      pattern: 'mounts/{path*}/tune',
      operations: {
        read: async (request) => readTune(port, pathOf(request)),
        update: (request) => writeTune(port, pathOf(request), request.input),
      },
      fields: TUNE_FIELDS,
      help: 'Shows and changes the settings of one mount.',
    },
    {
      pattern: 'mounts/{path*}',
      operations: {
        read: async (request) => readMount(port, pathOf(request)),
        update: (request) => mount(port, pathOf(request), request.input),
        delete: (request) => unmount(port, pathOf(request)),
      },
      fields: ENABLE_FIELDS,
      help: 'Shows, adds or removes one secrets engine.',
    },
    ...remountRoutes(port),
  ];
}

/** Whoever asks must name its whole path; no longer one finds it. */
export function findMount(port: MountPort, path: string): MountView | undefined {
  return port.list().find((mount) => mount.path === path);
}

export function readTune(port: MountPort, path: string): Response {
  const found = findMount(port, path);
  if (found === undefined) throw refusal(`cannot fetch sysview for path "${path}"`);
  return { dress: 'injected', data: found.tuning };
}

export async function writeTune(port: MountPort, path: string, input: JsonObject): Promise<Response> {
  const found = findMount(port, path);
  if (found === undefined) throw refusal(`tune of path "${path}" failed: no mount entry found`);
  const warnings = await port.tune(path, readTuning(found, input));
  return warnings.length === 0 ? {} : { warnings };
}

export function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

function listMounts(port: MountPort): Response {
  const wanted = port.list().filter((mount) => mount.kind !== 'auth');
  return { dress: 'injected', data: Object.fromEntries(wanted.map(({ path, info }) => [path, info])) };
}

function readMount(port: MountPort, path: string): Response {
  const found = findMount(port, path);
  if (found === undefined) throw refusal(`No secret engine mount at ${path}`);
  return { dress: 'injected', data: found.info };
}

async function mount(port: MountPort, path: string, input: JsonObject): Promise<Response> {
  if (isAuth(path)) throw refusal(`cannot mount "${path}": auth methods are enabled by sys/auth`);
  await port.mount(readMountRequest(path, input));
  return {};
}

async function unmount(port: MountPort, path: string): Promise<Response> {
  if (isAuth(path)) throw refusal(`cannot unmount "${path}"`);
  await port.unmount(path);
  return {};
}

function isAuth(path: string): boolean {
  return path.startsWith('auth/');
}

function remountRoutes(port: MountPort): Route[] {
  return [
    {
      pattern: 'remount',
      access: 'sudo',
      operations: { update: async (request) => remount(port, request.input) },
      fields: REMOUNT_FIELDS,
      help: 'Moves a mount with all that it keeps to another path. What it gave out is revoked.',
    },
    {
      pattern: 'remount/status/{migration_id}',
      operations: { read: async (request) => moveStatus(port, request.params['migration_id'] ?? '') },
      help: 'What has become of a move.',
    },
  ];
}

function remount(port: MountPort, input: JsonObject): Response {
  const { from = '', to = '' } = readFields(REMOUNT_FIELDS, input);
  if (from === '' || to === '') throw refusal("both 'from' and 'to' path must be specified as a string");
  for (const [name, path] of Object.entries({ from, to })) {
    if (path.trim() !== path) throw refusal(`'${name}' path cannot contain trailing whitespace`);
  }
  const plain = (path: string) => withSlash(path.replace(/^\/+/, ''));
  const id = port.move(plain(from), plain(to));
  return { dress: 'injected', data: { migration_id: id }, warnings: [QUEUED] };
}

function moveStatus(port: MountPort, id: string): Response {
  const move = port.moveStatus(id);
  if (move === undefined) throw new LatchkeyError('not_found', 'no such move is known');
  const info = { source_mount: move.from, target_mount: move.to, status: move.status };
  return { data: { migration_id: id, migration_info: info } };
}

function pathOf(request: Request): string {
  return withSlash(request.params['path'] ?? '');
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
