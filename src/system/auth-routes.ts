// sys/auth: the auth methods. Vault's API page /api-docs/system/auth.

import { LatchkeyError } from '../base/errors.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { ENABLE_FIELDS, readMountRequest, TUNE_FIELDS } from './mount-input.ts';
import { findMount, readTune, withSlash, writeTune } from './mount-routes.ts';
import type { MountPort } from './ports.ts';

const PREFIX = 'auth/';

export function authRoutes(port: MountPort): readonly Route[] {
  return [
    {
      pattern: 'auth',
      operations: { read: async () => listMethods(port) },
      help: 'Lists the auth methods.',
    },
    {
      pattern: 'auth/{path*}/tune',
      access: 'sudo',
      operations: {
        read: async (request) => readTune(port, pathOf(request)),
        update: (request) => writeTune(port, pathOf(request), request.input),
      },
      fields: TUNE_FIELDS,
      help: 'Shows and changes the settings of one auth method.',
    },
    {
      pattern: 'auth/{path*}',
      access: 'sudo',
      operations: {
        read: async (request) => readMethod(port, pathOf(request)),
        update: async (request) => {
          await port.mount(readMountRequest(pathOf(request), request.input));
          return {};
        },
        delete: async (request) => {
          await disable(port, pathOf(request));
          return {};
        },
      },
      fields: ENABLE_FIELDS,
      help: 'Shows, enables or disables one auth method. Disabling it ends its tokens.',
    },
  ];
}

function listMethods(port: MountPort): Response {
  const methods = port.list().filter((mount) => mount.kind === 'auth');
  const data = Object.fromEntries(methods.map(({ path, info }) => [path.slice(PREFIX.length), info]));
  return { dress: 'injected', data };
}

function readMethod(port: MountPort, path: string): Response {
  const found = findMount(port, path);
  if (found === undefined) {
    throw new LatchkeyError('bad_request', `No auth engine at ${path.slice(PREFIX.length)}`);
  }
  return { dress: 'injected', data: found.info };
}

async function disable(port: MountPort, path: string): Promise<void> {
  if (path === 'auth/token/') {
    throw new LatchkeyError('bad_request', 'token credential backend cannot be disabled');
  }
  await port.unmount(path);
}

function pathOf(request: Request): string {
  return withSlash(`${PREFIX}${request.params['path'] ?? ''}`);
}
