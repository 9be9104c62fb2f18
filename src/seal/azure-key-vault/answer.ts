// Reads what Key Vault and the token endpoints say when they refuse: status, codes, caller, action, resource.
// All of it is foreign text: taken apart by strict patterns, never passed on as it is.

import { isObject, parseJson } from '../../base/json.ts';

/** An HTTP answer of 400 and over, and for a good one its status alone. */
export interface Answer {
  readonly status: number;
  /** `error.code`, e.g. Forbidden. */
  readonly code?: string;
  /** `error.innererror.code`, e.g. ForbiddenByRbac. */
  readonly innerCode?: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
}

/** Who was refused what on what; each field only where the answer named it in the expected form. */
export interface Refusal {
  readonly appId?: string;
  readonly objectId?: string;
  /** Without prefix and suffix: `secrets/getSecret`. */
  readonly action?: string;
  /** ARM id of the thing, lower case as Key Vault sends it. */
  readonly resource?: string;
  /** ARM id of the vault. */
  readonly vaultScope?: string;
  /** The caller's address as a firewall saw it. */
  readonly address?: string;
}

/** What the 401 of the vault asks for. */
export interface Challenge {
  readonly tenantId?: string;
  readonly resource?: string;
}

export type HeaderReader = (name: string) => string | undefined;

const BODY_CHARACTERS_MAX = 64 * 1024;
const RETRY_AFTER_MS_MAX = 3_600_000;
const GUID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';

/** @param body the text of the answer; looked at only for a status of 400 and over. */
export function readAnswer(
  status: number,
  header: HeaderReader,
  body: string | null | undefined,
  nowMs: number,
): Answer {
  const retryAfterMs = status >= 400 ? readRetryAfter(header, nowMs) : undefined;
  const error = status >= 400 ? readError(body ?? '') : {};
  return { status, ...error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function readError(body: string): Omit<Answer, 'status' | 'retryAfterMs'> {
  if (body.length > BODY_CHARACTERS_MAX) return {};
  let parsed: unknown;
  try {
    parsed = parseJson(body, 16);
  } catch {
    return {};
  }
  const error = isObject(parsed) ? parsed['error'] : undefined;
  // IMDS and Entra put the code itself there, with the words beside it.
  if (typeof error === 'string' && isObject(parsed)) {
    return { ...text('code', error), ...text('message', parsed['error_description']) };
  }
  if (!isObject(error)) return {};
  const inner = error['innererror'];
  return {
    ...text('code', error['code']),
    ...text('message', error['message']),
    ...text('innerCode', isObject(inner) ? inner['code'] : undefined),
  };
}

function text<K extends string>(key: K, value: unknown): Partial<Record<K, string>> {
  if (typeof value !== 'string' || value === '') return {};
  return { [key]: value } as Partial<Record<K, string>>;
}

/** Milliseconds, from the headers that Azure uses; an RFC 9110 date is taken as well. At most one hour. */
function readRetryAfter(header: HeaderReader, nowMs: number): number | undefined {
  const inMs = header('retry-after-ms') ?? header('x-ms-retry-after-ms');
  if (inMs !== undefined && /^\d{1,9}$/.test(inMs)) return Math.min(Number(inMs), RETRY_AFTER_MS_MAX);
  const value = header('retry-after');
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Math.min(Number(value) * 1_000, RETRY_AFTER_MS_MAX);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - nowMs, 0), RETRY_AFTER_MS_MAX);
}

/**
 * Takes apart the message of a 403: the RBAC form with its lines `Caller:`, `Action:`, `Resource:`, and the
 * forms of access policies and firewalls.
 */
export function readRefusal(message: string | undefined): Refusal {
  if (message === undefined) return {};
  const grab = (pattern: string): string | undefined => new RegExp(pattern).exec(message)?.[1];
  const action = grab(`Action: '(?:Microsoft\\.KeyVault/vaults/)?([A-Za-z/]{1,80})'`);
  const resource = grab(`Resource: '(/subscriptions/[A-Za-z0-9._()/-]{1,600})'`);
  const found = {
    appId: grab(`appid=(${GUID})`),
    objectId: grab(`oid=(${GUID})`),
    action: action?.replace(/\/action$/, ''),
    resource,
    vaultScope: resource?.match(/^.*?\/vaults\/[A-Za-z0-9-]+/i)?.[0],
    address: grab('Client address: ([0-9a-fA-F.:]{2,45})'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** The numbers of an Entra error, e.g. AADSTS700016. */
export function readEntraCode(message: string | undefined): string | undefined {
  return message === undefined ? undefined : /AADSTS\d{4,8}/.exec(message)?.[0];
}

/** Parses `Bearer authorization="https://login…/<tenant>", resource="https://vault…"`. */
export function readChallenge(header: string | undefined): Challenge {
  if (header === undefined) return {};
  const tenantId = /authorization(?:_uri)?="https:\/\/[^/"]+\/([A-Za-z0-9.-]{1,128})"/.exec(header)?.[1];
  const resource = /(?:resource|scope)="([\x21\x23-\x7e]{1,512})"/.exec(header)?.[1];
  return {
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(resource === undefined ? {} : { resource: resource.replace(/\/\.default$/, '') }),
  };
}

/** True if both are GUIDs and differ; names such as `adfs` or a domain prove nothing. */
export function tenantsDiffer(left: string | undefined, right: string | undefined): boolean {
  const guid = new RegExp(`^${GUID}$`);
  if (left === undefined || right === undefined || !guid.test(left) || !guid.test(right)) return false;
  return left.toLowerCase() !== right.toLowerCase();
}
