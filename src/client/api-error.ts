// What a call can end in besides an answer.

import { type ErrorCode, LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonValue } from '../base/json.ts';
import { textsOf } from './fields.ts';

/** Longest part of an answer that is no JSON shown in an error, characters: enough to know a proxy's page. */
const RAW_ANSWER_CHARACTERS_MAX = 1_024;

export interface ApiErrorFacts {
  readonly method: string;
  /** Without credentials and without query values a caller sent. */
  readonly url: string;
  readonly status: number;
  /** The server's own texts; may be empty. */
  readonly errors: readonly string[];
  /** Set instead of `errors` if the answer was not Vault's JSON, for example a proxy's page. */
  readonly raw?: string;
}

/** The server answered, with a refusal. `message` has the layout that Vault's users know and scripts match. */
export class ApiError extends LatchkeyError {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly errors: readonly string[];

  constructor(facts: ApiErrorFacts) {
    super(codeOf(facts.status), layout(facts));
    this.name = 'ApiError';
    this.method = facts.method;
    this.url = facts.url;
    this.status = facts.status;
    this.errors = facts.errors;
  }
}

/** No answer came: the connection, TLS or the deadline failed. */
export class UnreachableError extends LatchkeyError {
  /** Node's code, e.g. `ECONNREFUSED`; `TIMEOUT` for our own deadline. */
  readonly reason: string;

  constructor(message: string, reason: string, cause?: unknown) {
    super(reason === 'TIMEOUT' ? 'timeout' : 'internal', message, cause === undefined ? {} : { cause });
    this.name = 'UnreachableError';
    this.reason = reason;
  }
}

/** Builds the error for an answer of status 400 and over (or a redirect too many). */
export function refusal(
  request: { readonly method: string; readonly url: string },
  status: number,
  body: JsonValue | undefined,
  text: string,
): ApiError {
  if (isObject(body)) return new ApiError({ ...request, status, errors: textsOf(body, 'errors') });
  const raw = text.slice(0, RAW_ANSWER_CHARACTERS_MAX);
  return new ApiError({ ...request, status, errors: [], raw });
}

function layout(facts: ApiErrorFacts): string {
  const head = `Error making API request.\n\nURL: ${facts.method} ${facts.url}\nCode: ${facts.status}.`;
  if (facts.raw !== undefined) return `${head} Raw Message:\n\n${facts.raw}`;
  return `${head} Errors:\n\n${facts.errors.map((text) => `* ${text}`).join('\n')}`;
}

/** The reverse of the server's table, as far as a status alone tells. */
function codeOf(status: number): ErrorCode {
  switch (status) {
    case 400:
      return 'bad_request';
    case 403:
      return 'permission_denied';
    case 404:
      return 'not_found';
    case 405:
      return 'unsupported_operation';
    case 413:
      return 'payload_too_large';
    case 415:
      return 'unsupported_media_type';
    case 429:
      return 'rate_limited';
    case 501:
      return 'not_initialized';
    case 503:
      return 'sealed';
    default:
      return 'internal';
  }
}
