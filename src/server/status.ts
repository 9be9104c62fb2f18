// The one place where a failure becomes an HTTP status and the texts that Vault's clients match.

import { type ErrorCode, LatchkeyError } from '../base/errors.ts';
import type { HealthCondition, Response } from '../engine/engine.ts';

/** What the caller is told: an HTTP status and the members of `errors`, which may be none. */
export interface Refusal {
  readonly status: number;
  readonly errors: readonly string[];
}

/** A refusal without a text, as Vault gives for unknown verbs, unparsable queries and foreign paths. */
export class BareRefusal extends Error {
  readonly status: number;

  constructor(status: 400 | 404 | 405) {
    super(`refused with status ${status}`);
    this.name = 'BareRefusal';
    this.status = status;
  }
}

/** `message` takes the error's public text; a string replaces it; null leaves `errors` empty. */
type Text = { readonly fixed: string | null } | 'message';

const INTERNAL: Text = { fixed: '1 error occurred:\n\t* internal error\n\n' };

// `satisfies` over every code: a new code does not compile until it has a row here.
const TABLE = {
  bad_request: [400, 'message'],
  payload_too_large: [413, 'message'],
  unsupported_media_type: [415, 'message'],
  headers_too_large: [431, 'message'],
  permission_denied: [403, { fixed: '1 error occurred:\n\t* permission denied\n\n' }],
  invalid_token: [403, { fixed: '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n' }],
  forbidden: [403, 'message'],
  not_found: [404, { fixed: null }],
  no_route: [404, 'message'],
  unsupported_path: [404, { fixed: '1 error occurred:\n\t* unsupported path\n\n' }],
  unsupported_operation: [405, { fixed: '1 error occurred:\n\t* unsupported operation\n\n' }],
  rate_limited: [429, 'message'],
  already_initialized: [400, 'message'],
  not_initialized: [400, 'message'],
  init_elsewhere: [400, 'message'],
  sealed: [503, { fixed: 'Vault is sealed' }],
  // Vault answers `sys/seal` on a standby and a seal migration without seal with 500, and its own texts.
  cannot_comply: [500, 'message'],
  no_active_node: [503, { fixed: 'no active Vault instance found' }],
  fenced: [503, 'message'],
  storage_unavailable: [500, 'message'],
  storage_corrupt: [500, 'message'],
  seal_unavailable: [500, 'message'],
  audit_refused: [500, INTERNAL],
  timeout: [504, 'message'],
  config_invalid: [500, INTERNAL],
  internal: [500, INTERNAL],
} as const satisfies Record<ErrorCode, readonly [number, Text]>;

/**
 * Status and texts for any thrown value. What is not a LatchkeyError counts as internal: its words stay in the log.
 * Source: Vault's API conventions and the texts its clients match on.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof BareRefusal) return { status: error.status, errors: [] };
  const code: ErrorCode = error instanceof LatchkeyError ? error.code : 'internal';
  const [status, text]: readonly [number, Text] = TABLE[code];
  if (text === 'message') {
    const message = error instanceof LatchkeyError ? error.message : '';
    return { status, errors: message === '' ? [] : [message] };
  }
  return { status, errors: text.fixed === null ? [] : [text.fixed] };
}

/** Vault's table for `sys/health`; 474 is Vault's since 1.19. */
const HEALTH: Readonly<Record<HealthCondition, number>> = {
  active: 200,
  standby: 429,
  standby_unreachable: 474,
  sealed: 503,
  uninitialized: 501,
};

/** The caller may choose the code for each condition. Undefined if HTTP cannot carry it as a final status. */
export function healthStatus(health: NonNullable<Response['health']>): number | undefined {
  const status = health.codes[health.condition] ?? HEALTH[health.condition];
  return Number.isInteger(status) && status >= 200 && status <= 999 ? status : undefined;
}
