// The error table against the texts that Vault's clients match.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, LatchkeyError } from '../base/errors.ts';
import { BareRefusal, refusalOf } from './status.ts';

test('codes have Vault’s statuses and, where clients match them, its texts', () => {
  const expected: readonly (readonly [ErrorCode, number, readonly string[]])[] = [
    ['bad_request', 400, ['said']],
    ['permission_denied', 403, ['1 error occurred:\n\t* permission denied\n\n']],
    ['invalid_token', 403, ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n']],
    ['forbidden', 403, ['said']],
    ['not_found', 404, []],
    ['no_route', 404, ['said']],
    ['unsupported_path', 404, ['1 error occurred:\n\t* unsupported path\n\n']],
    ['unsupported_operation', 405, ['1 error occurred:\n\t* unsupported operation\n\n']],
    ['payload_too_large', 413, ['said']],
    ['unsupported_media_type', 415, ['said']],
    ['rate_limited', 429, ['said']],
    ['headers_too_large', 431, ['said']],
    ['already_initialized', 400, ['said']],
    ['cannot_comply', 500, ['said']],
    ['sealed', 503, ['Vault is sealed']],
    ['no_active_node', 503, ['no active Vault instance found']],
    ['audit_refused', 500, ['1 error occurred:\n\t* internal error\n\n']],
    ['internal', 500, ['1 error occurred:\n\t* internal error\n\n']],
    ['storage_unavailable', 500, ['said']],
    ['timeout', 504, ['said']],
  ];
  for (const [code, status, errors] of expected) {
    assert.deepEqual(
      refusalOf(new LatchkeyError(code, 'said', { detail: 'private' })),
      { status, errors },
      code,
    );
  }
});

test('whatever else is thrown is internal, without its words', () => {
  for (const thrown of [new Error('private'), 'private', undefined, null, { message: 'private' }]) {
    assert.deepEqual(refusalOf(thrown), {
      status: 500,
      errors: ['1 error occurred:\n\t* internal error\n\n'],
    });
  }
  assert.deepEqual(refusalOf(new LatchkeyError('forbidden', '')), { status: 403, errors: [] });
  assert.deepEqual(refusalOf(new BareRefusal(405)), { status: 405, errors: [] });
});
