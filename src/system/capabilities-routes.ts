// What a token may do at some paths. Vault's API pages /api-docs/system/{capabilities,capabilities-self,
// capabilities-accessor}, and sys/internal/ui/resultant-acl, which its user interface reads.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonValue } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { type FieldsOf, readFields } from '../engine/fields.ts';
import type { RightsPort, Subject } from './ports.ts';

const PATH_FIELDS = {
  paths: { type: 'strings', help: 'Paths below /v1/.' },
  path: { type: 'strings', help: 'The older name of `paths`.' },
} as const;
const TOKEN_FIELDS = {
  ...PATH_FIELDS,
  token: { type: 'string', help: 'The token whose rights are asked for.' },
} as const;
const ACCESSOR_FIELDS = {
  ...PATH_FIELDS,
  accessor: { type: 'string', help: 'Accessor of the token whose rights are asked for.' },
} as const;

/** Most paths in one question: each is a look-up among the rules, and 32 MiB of paths would take long. */
const PATHS_MAX = 10_000;

export function capabilitiesRoutes(port: RightsPort): readonly Route[] {
  return [
    {
      pattern: 'capabilities',
      operations: { update: (request) => ofToken(port, request) },
      fields: TOKEN_FIELDS,
      help: 'What a token may do at some paths.',
    },
    {
      pattern: 'capabilities-accessor',
      operations: { update: (request) => ofAccessor(port, request) },
      fields: ACCESSOR_FIELDS,
      help: 'What the token with an accessor may do at some paths.',
    },
    {
      pattern: 'capabilities-self',
      operations: {
        update: async (request) => describe(port, callerOf(request), readFields(PATH_FIELDS, request.input)),
      },
      fields: PATH_FIELDS,
      help: 'What the token that asks may do at some paths.',
    },
    {
      pattern: 'internal/ui/resultant-acl',
      operations: { read: async (request) => ({ data: await port.resultantAcl(callerOf(request)) }) },
      help: 'All rights of the token that asks, path by path.',
    },
  ];
}

async function ofToken(port: RightsPort, request: Request): Promise<Response> {
  const fields = readFields(TOKEN_FIELDS, request.input);
  if (!fields.token) throw new LatchkeyError('bad_request', 'missing token');
  return describe(port, known(await port.subjectOfToken(fields.token), 'invalid token'), fields);
}

async function ofAccessor(port: RightsPort, request: Request): Promise<Response> {
  const fields = readFields(ACCESSOR_FIELDS, request.input);
  if (!fields.accessor) throw new LatchkeyError('bad_request', 'missing accessor');
  return describe(port, known(await port.subjectOfAccessor(fields.accessor), 'invalid accessor'), fields);
}

function known(subject: Subject | undefined, refusal: string): Subject {
  if (subject !== undefined) return subject;
  throw new LatchkeyError('bad_request', refusal);
}

async function describe(
  port: RightsPort,
  subject: Subject,
  fields: FieldsOf<typeof PATH_FIELDS>,
): Promise<Response> {
  const paths = fields.paths?.length ? fields.paths : (fields.path ?? []);
  if (paths.length === 0) throw new LatchkeyError('bad_request', 'paths must be supplied');
  if (paths.length > PATHS_MAX) {
    throw new LatchkeyError('bad_request', `at most ${PATHS_MAX} paths may be asked for at once`);
  }
  const answers: [string, JsonValue][] = [];
  for (const path of paths) {
    if (path === '') throw new LatchkeyError('bad_request', 'missing path');
    answers.push([path, [...(await port.capabilities(subject, path))]]);
  }
  // One path: its list once more under the name that old clients read.
  const [only] = answers;
  if (paths.length === 1 && only !== undefined) answers.push(['capabilities', only[1]]);
  return { dress: 'injected', data: Object.fromEntries(answers) };
}

function callerOf({ caller }: Request): Subject {
  if (caller !== undefined) return caller;
  throw new LatchkeyError('forbidden', 'permission denied');
}
