// The cubbyhole: a small store that each token has to itself and that ends with it.
// Vault's API page /api-docs/secret/cubbyhole.

import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../../base/json.ts';
import { JSON_DEPTH_MAX, STORAGE_VALUE_BYTES_MAX } from '../../base/limits.ts';
import type { EngineType, Request, Response, View } from '../../engine/engine.ts';

/** A stored value, less room for its encryption. */
const RECORD_BYTES_MAX = STORAGE_VALUE_BYTES_MAX - 4_096;

export const cubbyholeEngine: EngineType = {
  type: 'cubbyhole',
  kind: 'secret',
  async open({ view }) {
    return {
      routes: [
        {
          pattern: '{path*}',
          operations: {
            read: (request) => read(view, request),
            create: (request) => write(view, request),
            update: (request) => write(view, request),
            delete: async (request) => {
              await own(view, request).delete(pathOf(request));
              return {};
            },
            list: async (request) => {
              const path = request.params['path'] ?? '';
              return { data: { keys: await own(view, request).list(path === '' ? '' : `${path}/`) } };
            },
          },
          exists: async (request) => (await own(view, request).get(pathOf(request))) !== undefined,
          help: "Reads, writes, deletes and lists in the caller's own cubbyhole, which ends with its token.",
        },
      ],
    };
  },
};

async function read(view: View, request: Request): Promise<Response> {
  const record = await own(view, request).get(pathOf(request));
  if (record === undefined) throw new LatchkeyError('not_found', 'nothing is stored there');
  const value = parseJson(fromUtf8(record), JSON_DEPTH_MAX + 2);
  const data = isObject(value) && value['format'] === 1 ? value['data'] : undefined;
  if (!isObject(data)) throw new LatchkeyError('storage_corrupt', 'the stored value cannot be read');
  return { data };
}

async function write(view: View, request: Request): Promise<Response> {
  const path = pathOf(request);
  if (Object.keys(request.input).length === 0) throw new LatchkeyError('bad_request', 'missing data fields');
  const members: JsonObject = { format: 1, data: request.input };
  const record = utf8(JSON.stringify(members));
  if (record.byteLength > RECORD_BYTES_MAX) {
    throw new LatchkeyError(
      'bad_request',
      `the value is too large: ${record.byteLength} bytes as JSON, the limit is ${RECORD_BYTES_MAX}`,
    );
  }
  await own(view, request).put(path, record);
  return {};
}

/** Nothing else tells one cubbyhole from another, so a caller without one must not get past here. */
function own(view: View, request: Request): View {
  const cubbyhole = request.caller?.cubbyhole ?? '';
  if (!/^[\w-]+$/.test(cubbyhole)) {
    throw new LatchkeyError(
      'bad_request',
      'cubbyhole operations are only supported by "service" type tokens',
    );
  }
  return view.sub(`${cubbyhole}/`);
}

function pathOf(request: Request): string {
  const path = request.params['path'] ?? '';
  if (path === '') throw new LatchkeyError('bad_request', 'missing path');
  return path;
}
