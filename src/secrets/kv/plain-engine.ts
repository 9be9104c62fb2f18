// kv version 1: one value per path, as it was sent.

import { parseDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Engine, EngineContext, Request, Response, View } from '../../engine/engine.ts';
import { LIST_FIELDS, listFolder, nothingThere, PLAIN_PREFIX, secretPath } from './paths.ts';
import { decodeSecret, encodeSecret } from './records.ts';

/** Vault: `KV Secrets Engine - Version 1 (API)`. A write replaces one record, so it needs no lock. */
export function openPlain({ view, leaseTtl }: EngineContext): Engine {
  return {
    routes: [
      {
        pattern: '{path*}',
        operations: {
          read: (request) => read(view, request, leaseTtl().defaultSeconds),
          update: (request) => write(view, request),
          delete: (request) => remove(view, request),
          list: (request) => listFolder(view, PLAIN_PREFIX, request),
        },
        fields: LIST_FIELDS,
        exists: async (request) => (await view.get(PLAIN_PREFIX + secretPath(request))) !== undefined,
        help: 'Reads, writes, deletes and lists secrets. A write replaces all of what was there.',
      },
    ],
  };
}

async function read(view: View, request: Request, secondsDefault: number): Promise<Response> {
  // The mount itself holds no secret: to a reader that is a secret that is not there.
  const record =
    request.params['path'] === '' ? undefined : await view.get(PLAIN_PREFIX + secretPath(request));
  if (record === undefined) throw nothingThere();
  const data = decodeSecret(record);
  return { data, leaseSeconds: leaseSecondsOf(data, secondsDefault) };
}

async function write(view: View, request: Request): Promise<Response> {
  const path = secretPath(request);
  if (Object.keys(request.input).length === 0) {
    throw new LatchkeyError('bad_request', 'missing data fields');
  }
  await view.put(PLAIN_PREFIX + path, encodeSecret(request.input));
  return {};
}

async function remove(view: View, request: Request): Promise<Response> {
  await view.delete(PLAIN_PREFIX + secretPath(request));
  return {};
}

/**
 * `lease_duration` of a read: how soon to read again. The writer's advice in a member `ttl` or `lease`, else the mount's
 * default; what is no duration is just data.
 */
function leaseSecondsOf(data: JsonObject, secondsDefault: number): number {
  const advice = Object.hasOwn(data, 'ttl') ? data['ttl'] : data['lease'];
  if (typeof advice !== 'string' && typeof advice !== 'number') return secondsDefault;
  const milliseconds = parseDuration(advice);
  return milliseconds === undefined ? secondsDefault : Math.floor(milliseconds / 1_000);
}
