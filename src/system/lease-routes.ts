// sys/leases and the paths that old clients use for it. Vault's API page /api-docs/system/leases.

import { rfc3339 } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { LeasePort, RightsPort } from './ports.ts';

const LEASE_ID = { type: 'string', help: 'Id of the lease, as it came with the secret.' } as const;
const LOOKUP_FIELDS = { lease_id: LEASE_ID } as const;
const RENEW_FIELDS = {
  lease_id: LEASE_ID,
  increment: { type: 'duration', help: 'How long it should live from now on.' },
} as const;
const SYNC = {
  type: 'boolean',
  help: 'Answer when it is over. Default: when it is certain to come.',
} as const;
const REVOKE_FIELDS = { lease_id: LEASE_ID, sync: SYNC } as const;
const PREFIX_FIELDS = { sync: SYNC } as const;
const COUNT_FIELDS = { type: { type: 'string', help: 'irrevocable' } } as const;
const IRREVOCABLE_FIELDS = {
  ...COUNT_FIELDS,
  limit: { type: 'string', help: 'How many to show at most, or "none". Default 10000.' },
} as const;
/** Vault's. */
const IRREVOCABLE_MAX = 10_000;

export function leaseRoutes(port: LeasePort, rights: RightsPort, now: () => number): readonly Route[] {
  return [
    {
      pattern: 'leases/lookup',
      operations: {
        update: (request) => lookup(port, now, request),
        list: async (request) => {
          await assertSudo(rights, request);
          return list(port, request);
        },
      },
      fields: LOOKUP_FIELDS,
      help: 'Shows a lease, or lists the first part of all lease ids.',
    },
    {
      pattern: 'leases/lookup/{prefix*}',
      access: 'sudo',
      operations: { list: (request) => list(port, request) },
      help: 'Lists the lease ids below a prefix, one folder at a time.',
    },
    {
      pattern: 'leases',
      access: 'sudo',
      operations: { read: (request) => irrevocable(port, request) },
      fields: IRREVOCABLE_FIELDS,
      help: 'Shows the leases that could not be ended, and why.',
    },
    {
      pattern: 'leases/count',
      operations: { read: async (request) => count(port, request) },
      fields: COUNT_FIELDS,
      help: 'Counts the leases that could not be ended.',
    },
    {
      pattern: 'leases/tidy',
      operations: { update: async () => tidy(port) },
      help: 'Looks through all leases in the background, and tries again to end what could not be ended.',
    },
    ...endingRoutes(port, 'leases/'),
    // Before Vault 0.8.
    ...endingRoutes(port, ''),
  ];
}

function endingRoutes(port: LeasePort, at: string): Route[] {
  const renewing = {
    operations: { update: (request: Request) => renew(port, request) },
    fields: RENEW_FIELDS,
    help: 'Lets a secret live longer.',
  };
  const revoking = {
    operations: { update: (request: Request) => revoke(port, request) },
    fields: REVOKE_FIELDS,
    help: 'Ends a secret before its time.',
  };
  return [
    { pattern: `${at}renew`, ...renewing },
    { pattern: `${at}renew/{lease_id*}`, ...renewing },
    { pattern: `${at}revoke`, ...revoking },
    { pattern: `${at}revoke/{lease_id*}`, ...revoking },
    {
      pattern: `${at}revoke-prefix/{prefix*}`,
      access: 'sudo',
      operations: {
        update: async (request) => {
          const { sync = false } = readFields(PREFIX_FIELDS, request.input);
          await port.revokePrefix(prefixOf(request), sync);
          return {};
        },
      },
      fields: PREFIX_FIELDS,
      help: 'Ends all secrets whose lease ids start with a prefix.',
    },
    {
      pattern: `${at}revoke-force/{prefix*}`,
      access: 'sudo',
      operations: {
        update: async (request) => {
          await port.revokeForce(prefixOf(request));
          return {};
        },
      },
      help: 'As revoke-prefix, and forgets also what the engine fails to end: that lives on, without a lease.',
    },
  ];
}

async function lookup(port: LeasePort, now: () => number, request: Request): Promise<Response> {
  const lease = await port.find(leaseIdOf(request));
  if (lease === undefined) throw new LatchkeyError('bad_request', 'invalid lease');
  const { id, issuedAt, expiresAt, renewedAt, renewable, irrevocable } = lease;
  return {
    data: {
      id,
      issue_time: rfc3339(issuedAt),
      expire_time: expiresAt === 0 ? null : rfc3339(expiresAt),
      last_renewal: renewedAt === 0 ? null : rfc3339(renewedAt),
      renewable,
      ttl: expiresAt === 0 ? 0 : Math.max(0, Math.ceil((expiresAt - now()) / 1_000)),
      ...(irrevocable === '' ? {} : { revoke_error: irrevocable }),
    },
  };
}

/** The route itself is for everybody who knows a lease id; the list of all of them is not. */
async function assertSudo(rights: RightsPort, { caller }: Request): Promise<void> {
  const has = caller === undefined ? [] : await rights.capabilities(caller, 'sys/leases/lookup/');
  if (has.includes('root') || has.includes('sudo')) return;
  throw new LatchkeyError('permission_denied', 'permission denied');
}

async function list(port: LeasePort, request: Request): Promise<Response> {
  const prefix = request.params['prefix'] ?? '';
  return { data: { keys: [...(await port.list(prefix === '' ? '' : `${prefix}/`))] } };
}

async function renew(port: LeasePort, request: Request): Promise<Response> {
  const { increment = 0 } = readFields(RENEW_FIELDS, request.input);
  const { warnings, ...bound } = await port.renew(leaseIdOf(request), increment);
  return { bound, data: null, warnings: warnings ?? [] };
}

async function revoke(port: LeasePort, request: Request): Promise<Response> {
  const { sync = false } = readFields(REVOKE_FIELDS, request.input);
  await port.revoke(leaseIdOf(request), sync);
  // 204 on the wire in either case, as OpenBao's is.
  return {};
}

function count(port: LeasePort, request: Request): Response {
  assertIrrevocable(readFields(COUNT_FIELDS, request.input).type);
  const leases = port.irrevocable();
  const counts: Record<string, number> = {};
  for (const { mountAccessor } of leases) counts[mountAccessor] = (counts[mountAccessor] ?? 0) + 1;
  return { data: { lease_count: leases.length, counts } };
}

async function irrevocable(port: LeasePort, request: Request): Promise<Response> {
  const { type, limit = '' } = readFields(IRREVOCABLE_FIELDS, request.input);
  assertIrrevocable(type);
  const max = maxOf(limit);
  const all = port.irrevocable();
  const leases: JsonObject[] = [];
  for (const { leaseId, mountAccessor } of all.slice(0, max)) {
    const error = (await port.find(leaseId))?.irrevocable;
    // Ended meanwhile.
    if (error === undefined) continue;
    leases.push({ lease_id: leaseId, mount_id: mountAccessor, error });
  }
  const more = all.length > max ? [`There are ${all.length} such leases; limit=none shows them all`] : [];
  return { data: { lease_count: leases.length, leases }, warnings: more };
}

function assertIrrevocable(type: string | undefined): void {
  if (type?.toLowerCase() === 'irrevocable') return;
  throw new LatchkeyError('bad_request', 'type must be "irrevocable"');
}

function maxOf(limit: string): number {
  if (limit === '') return IRREVOCABLE_MAX;
  if (limit.toLowerCase() === 'none') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(limit)) return Number(limit);
  throw new LatchkeyError('bad_request', "limit must be 'none' or a positive integer");
}

function tidy(port: LeasePort): Response {
  const words = port.tidy()
    ? "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."
    : 'Tidy operation already in progress.';
  return { outcome: 'accepted', warnings: [words] };
}

function leaseIdOf(request: Request): string {
  const { lease_id = '' } = readFields(LOOKUP_FIELDS, request.input);
  const id = lease_id === '' ? (request.params['lease_id'] ?? '') : lease_id;
  if (id === '') throw new LatchkeyError('bad_request', 'lease_id must be specified');
  return id;
}

/** Everything at once must be asked for by name: an empty prefix is more often a mistake. */
function prefixOf(request: Request): string {
  const prefix = request.params['prefix'] ?? '';
  if (prefix === '') throw new LatchkeyError('bad_request', 'prefix must be specified');
  return prefix;
}
