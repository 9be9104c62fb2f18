// sys/wrapping. Vault's API pages /api-docs/system/wrapping-{wrap,unwrap,lookup,rewrap}.

import { LatchkeyError } from '../base/errors.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import type { WrappingPort } from './ports.ts';

const TOKEN_FIELDS = {
  token: { type: 'string', help: 'The wrapping token; without it, the token of the request is meant.' },
} as const;

export function wrappingRoutes(port: WrappingPort): readonly Route[] {
  const lookup = async (request: Request) => ({ data: await port.lookup(request) });
  return [
    {
      pattern: 'wrapping/wrap',
      operations: { update: wrapInput },
      help: 'Gives the body back, wrapped.',
    },
    {
      pattern: 'wrapping/unwrap',
      operations: { update: (request) => port.unwrap(request) },
      fields: TOKEN_FIELDS,
      help: 'Gives out what a wrapping token holds, once.',
    },
    {
      pattern: 'wrapping/lookup',
      access: 'open',
      operations: { read: lookup, update: lookup },
      fields: TOKEN_FIELDS,
      help: 'Tells where and when a wrapping token was made, and takes no use of it.',
    },
    {
      pattern: 'wrapping/rewrap',
      operations: { update: (request) => port.rewrap(request) },
      fields: TOKEN_FIELDS,
      help: 'Moves what a wrapping token holds into a new one.',
    },
  ];
}

/** The pipeline does the wrapping. */
async function wrapInput(request: Request): Promise<Response> {
  if (request.wrapTtlSeconds === undefined) {
    throw new LatchkeyError('bad_request', 'endpoint requires response wrapping to be used');
  }
  return { data: request.input };
}
