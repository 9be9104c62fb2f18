// What the secrets API answers, and what all objects share: attributes, deletion, pages. Ids stand on the Host that
// the client used.

import { queryValue, type Request } from '../http/message.ts';
import { badParameter } from './bodies.ts';
import { newest, type ObjectVersion, type VaultObject } from './objects.ts';
import type { Secret, SecretVersion } from './secrets.ts';
import type { Vault } from './vault.ts';

/** The service's own cap on `maxresults`, and its default. */
const PAGE_ITEMS_MAX = 25;
const DEFAULT_RETENTION_DAYS = 90;

export function secretBundle(request: Request, vault: Vault, name: string, version: SecretVersion) {
  return {
    value: version.value,
    id: `https://${request.authority}/secrets/${name}/${version.version}`,
    ...(version.contentType === undefined ? {} : { contentType: version.contentType }),
    attributes: renderAttributes(vault, version),
    tags: version.tags,
  };
}

/** An entry of a list: no value, and an id without version. */
export function secretItem(request: Request, vault: Vault, name: string, version: SecretVersion) {
  const { value: _, ...item } = secretBundle(request, vault, name, version);
  return { ...item, id: `https://${request.authority}/secrets/${name}` };
}

export function deletedBundle(request: Request, vault: Vault, secret: Secret) {
  const { value: _, ...bundle } = secretBundle(request, vault, secret.name, newest(secret));
  return { ...deletion(request, 'secrets', secret), ...bundle };
}

/** The members that a soft-deleted object has on top of its bundle. */
export function deletion(request: Request, plural: string, object: VaultObject<ObjectVersion>) {
  return {
    recoveryId: `https://${request.authority}/deleted${plural}/${object.name}`,
    deletedDate: object.deletedAt,
    scheduledPurgeDate: object.purgeAt,
  };
}

/** One page of a list, and the link to the next one. */
export function listPage(request: Request, items: unknown[]) {
  const size = readPageSize(request);
  const start = readSkipToken(request);
  const end = start + size;
  if (end >= items.length) return { value: items.slice(start), nextLink: null };
  const next = new URLSearchParams({
    'api-version': queryValue(request, 'api-version') ?? '',
    $skiptoken: Buffer.from(String(end)).toString('base64url'),
    maxresults: String(size),
  });
  return { value: items.slice(start, end), nextLink: `https://${request.authority}${request.path}?${next}` };
}

function readPageSize(request: Request): number {
  const given = queryValue(request, 'maxresults');
  if (given === undefined) return PAGE_ITEMS_MAX;
  const size = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (size < 1 || size > PAGE_ITEMS_MAX) throw badParameter('maxresults must be from 1 to 25.');
  return size;
}

function readSkipToken(request: Request): number {
  const given = queryValue(request, '$skiptoken');
  if (given === undefined) return 0;
  const decoded = Buffer.from(given, 'base64url').toString('latin1');
  if (!/^\d{1,9}$/.test(decoded)) throw badParameter('The $skiptoken is not valid.');
  return Number(decoded);
}

export function renderAttributes(vault: Vault, version: ObjectVersion) {
  return {
    ...version.attributes,
    created: version.created,
    updated: version.updated,
    recoveryLevel: recoveryLevel(vault),
    recoverableDays: vault.retentionDays,
  };
}

function recoveryLevel(vault: Vault): string {
  const base = vault.retentionDays === DEFAULT_RETENTION_DAYS ? 'Recoverable' : 'CustomizedRecoverable';
  return vault.purgeProtection ? base : `${base}+Purgeable`;
}
