// From the parts of an HTTP request to the node's Call. Strict on paths, lenient where Vault is.

import type { IncomingHttpHeaders } from 'node:http';
import { fromUtf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { JSON_DEPTH_MAX, REQUEST_PATH_CHARACTERS_MAX } from '../base/limits.ts';
import type { Call, Verb } from '../core/call.ts';
import { checkJsonLimits, JSON_LIMITS, type JsonLimits } from './json-limits.ts';
import { BareRefusal } from './status.ts';

/** A request after HTTP's framing is off. */
export interface RawRequest {
  readonly method: string;
  /** The method was LIST on the wire and reached us as LINK. */
  readonly isList: boolean;
  /** Request target as sent, one character per byte. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array | undefined;
}

/** What a request says by itself; the listener adds who sent it and how long it may take. */
export type ParsedCall = Pick<Call, 'verb' | 'path' | 'input' | 'token' | 'wrapTtl' | 'help' | 'mayForward'>;

/** What a listener may set. */
export interface ParseLimits {
  readonly json: JsonLimits;
  /** Longest token header, bytes; Vault's `max_token_header_size`. */
  readonly tokenHeaderBytesMax: number;
}

export const PARSE_LIMITS: ParseLimits = { json: JSON_LIMITS, tokenHeaderBytesMax: 8 * 1024 };

/**
 * @throws LatchkeyError with a text for the caller, never quoting body or token.
 * @throws BareRefusal where Vault's `errors` is empty.
 */
export function parseRequest(request: RawRequest, limits: ParseLimits = PARSE_LIMITS): ParsedCall {
  const target = originForm(request.target);
  const queryAt = target.indexOf('?');
  const rawPath = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = new URLSearchParams(queryAt < 0 ? '' : utf8Percent(target.slice(queryAt + 1)));
  const path = parsePath(rawPath);
  if (path === 'sys/metrics' && wantsPrometheus(request.headers) && !query.get('format')) {
    query.set('format', 'prometheus');
  }
  const verb = verbOf(request, query, path);
  checkNamespace(request.headers);
  const help = request.method === 'GET' && (query.get('help') ?? '') !== '';
  return {
    verb: help ? 'read' : verb,
    path: pathFor(verb, path),
    input: verb === 'write' || verb === 'patch' ? parseBody(request, limits.json) : queryInput(query, verb),
    token: tokenOf(request.headers, limits.tokenHeaderBytesMax),
    wrapTtl: single(request.headers['x-vault-wrap-ttl']),
    help,
    mayForward: (single(request.headers['x-vault-no-request-forwarding']) ?? '') === '',
  };
}

/** RFC 9112, 3.2.2: the absolute form must be understood; its authority says nothing that we use. */
export function originForm(target: string): string {
  return /^https?:\/\/[^/?#]*(.*)$/is.exec(target)?.[1] ?? target;
}

function parsePath(rawPath: string): string {
  if (!rawPath.startsWith('/v1/')) throw new BareRefusal(404);
  if (rawPath.length > REQUEST_PATH_CHARACTERS_MAX) {
    throw new LatchkeyError(
      'bad_request',
      `the path is longer than ${REQUEST_PATH_CHARACTERS_MAX} characters`,
    );
  }
  const path = decodeOnce(rawPath.slice('/v1/'.length));
  if (path === '') throw new LatchkeyError('no_route', 'no handler for route "". route entry not found.');
  // Go's `unicode.IsPrint`, which Vault applies: letters, marks, numbers, punctuation, symbols and the plain space.
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(path)) {
    throw new LatchkeyError('bad_request', 'the path holds non-printable characters');
  }
  // Vault's router answers `//` with a redirect to the cleaned path, which turns a POST into a GET in many
  // clients. A path that needs cleaning is a mistake of the caller, so it is refused like `..`.
  const segments = path.endsWith('/') ? path.slice(0, -1).split('/') : path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new LatchkeyError('bad_request', 'relative paths not supported');
  }
  return path;
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(utf8Percent(text));
  } catch {
    throw new LatchkeyError('bad_request', 'the path is not valid percent-encoded UTF-8');
  }
}

/** Bytes over 0x7f that a client left unencoded, which arrive as one character each. */
function utf8Percent(text: string): string {
  return text.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
}

function verbOf(request: RawRequest, query: URLSearchParams, path: string): Verb {
  switch (request.method) {
    case 'GET':
      return parseFlag(query.get('list') ?? '') ? 'list' : 'read';
    case 'HEAD':
      // Load balancers ask for health this way, and Vault answers it nowhere else.
      if (path === 'sys/health') return 'read';
      throw new BareRefusal(405);
    case 'POST':
    case 'PUT':
      return 'write';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    case 'LINK':
      if (request.isList) return 'list';
      throw new BareRefusal(405);
    default:
      throw new BareRefusal(405);
  }
}

/** Go's `strconv.ParseBool`, with the empty text for "not given". */
function parseFlag(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)?$/.test(text)) return false;
  throw new BareRefusal(400);
}

function pathFor(verb: Verb, path: string): string {
  if (verb === 'list') return path.endsWith('/') ? path : `${path}/`;
  if ((verb === 'write' || verb === 'patch') && path.endsWith('/')) {
    throw new LatchkeyError('bad_request', "cannot write to a path ending in '/'");
  }
  return path;
}

function queryInput(query: URLSearchParams, verb: Verb): JsonObject {
  const input = new Map<string, string | string[]>();
  for (const name of new Set(query.keys())) {
    if (name === '' || (name === 'list' && verb === 'list')) continue;
    const values = query.getAll(name);
    input.set(name, values.length === 1 ? (values[0] ?? '') : values);
  }
  // `fromEntries` defines members, so that `__proto__` in a query is an ordinary name.
  return Object.fromEntries(input);
}

function parseBody(request: RawRequest, limits: JsonLimits): JsonObject {
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (request.method === 'PATCH' && contentType !== 'application/merge-patch+json') {
    throw new LatchkeyError(
      'unsupported_media_type',
      `PATCH requires Content-Type of application/merge-patch+json, provided ${printable(contentType)}`,
    );
  }
  if (request.body === undefined || request.body.byteLength === 0) return {};
  const encoding = single(request.headers['content-encoding']) ?? 'identity';
  if (encoding !== 'identity') {
    throw new LatchkeyError(
      'unsupported_media_type',
      'compressed request bodies are not supported; send plain JSON',
    );
  }
  const text = bodyText(request.body).trim();
  if (text === '') return {};
  if (
    /^(application\/x-www-form-urlencoded|multipart\/form-data)$/.test(contentType) &&
    !/^[{[]/.test(text)
  ) {
    throw new LatchkeyError('unsupported_media_type', 'form bodies are not supported; send a JSON object');
  }
  checkJsonLimits(text, limits);
  const value = parseJson(text, JSON_DEPTH_MAX);
  // Vault's Go client sends `null` for a write without data.
  if (value === null) return {};
  if (!isObject(value)) throw new LatchkeyError('bad_request', 'the request body must be a JSON object');
  return value;
}

/** A header's value as part of a message: short, and without anything that a terminal would obey. */
function printable(value: string): string {
  return value === '' ? 'none' : value.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}

function bodyText(body: Uint8Array): string {
  try {
    return fromUtf8(body);
  } catch {
    throw new LatchkeyError('bad_request', 'the request body is not valid UTF-8');
  }
}

/** As Vault understands what Prometheus has sent over the years. */
function wantsPrometheus({ accept = '' }: IncomingHttpHeaders): boolean {
  return /application\/openmetrics-text|prometheus\/telemetry/i.test(accept);
}

/** Namespaces do not exist here; the root namespace's names are what clients send for "none". */
function checkNamespace(headers: IncomingHttpHeaders): void {
  const namespace = single(headers['x-vault-namespace']) ?? '';
  if (!/^\/?(root\/?)?$/.test(namespace)) {
    throw new LatchkeyError(
      'bad_request',
      'namespaces are not supported: leave X-Vault-Namespace out, or send "root" or "/"',
    );
  }
}

function tokenOf(headers: IncomingHttpHeaders, bytesMax: number): string | undefined {
  const given = single(headers['x-vault-token']) ?? '';
  const authorization = headers.authorization ?? '';
  if (given.length > bytesMax || authorization.length > bytesMax) {
    throw new LatchkeyError('headers_too_large', `the token is longer than ${bytesMax} bytes`);
  }
  if (given !== '') return given;
  // RFC 9110, 11.1: the scheme's case does not matter.
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
