// The engine behind auth/token: what a caller may ask about its own token.

import { rfc3339 } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { EngineType, Request, Response } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { TokenEntry, TokenStore } from './token-store.ts';

const TOKEN_FIELD = { token: { type: 'string', help: 'The token to look up.', required: true } } as const;

/** `tokenOf` gives the token that came with a request; the engine contract itself carries only who asks. */
export function tokenEngine(store: TokenStore, tokenOf: (request: Request) => string): EngineType {
  const lookupSelf = async (request: Request) => describe(store, tokenOf(request));
  const revokeSelf = async (request: Request): Promise<Response> => {
    await store.revoke(tokenOf(request));
    return {};
  };
  const lookup = async (request: Request) =>
    describe(store, readFields(TOKEN_FIELD, request.input).token, 'bad token');
  return {
    type: 'token',
    kind: 'auth',
    open: async () => ({
      routes: [
        {
          pattern: 'lookup-self',
          operations: { read: lookupSelf, update: lookupSelf },
          help: 'Describes the token that asks.',
        },
        {
          pattern: 'lookup',
          operations: { update: lookup },
          fields: TOKEN_FIELD,
          help: 'Describes the token in the body.',
        },
        { pattern: 'revoke-self', operations: { update: revokeSelf }, help: 'Revokes the token that asks.' },
      ],
    }),
  };
}

async function describe(store: TokenStore, token: string, missing = 'bad token'): Promise<Response> {
  const entry = await store.lookup(token);
  if (entry === undefined) throw new LatchkeyError('forbidden', missing);
  return { data: describeEntry(token, entry) };
}

/** Members as Vault's `auth/token/lookup-self` gives them. */
function describeEntry(token: string, entry: TokenEntry): JsonObject {
  return {
    accessor: entry.accessor,
    creation_time: Math.floor(entry.createdAt / 1_000),
    creation_ttl: entry.ttlSeconds,
    display_name: entry.displayName,
    entity_id: '',
    expire_time: entry.ttlSeconds === 0 ? null : rfc3339(entry.createdAt + entry.ttlSeconds * 1_000),
    explicit_max_ttl: 0,
    id: token,
    meta: Object.keys(entry.metadata).length === 0 ? null : { ...entry.metadata },
    num_uses: 0,
    orphan: entry.orphan,
    path: entry.path,
    policies: [...entry.policies],
    ttl: entry.ttlSeconds,
    type: 'service',
  };
}
