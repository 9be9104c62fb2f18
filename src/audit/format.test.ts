import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretBytes } from '../base/bytes.ts';
import { type JsonObject, parseJson } from '../base/json.ts';
import type { AuditEntry } from './entry.ts';
import { auditHash, type FormatOptions, formatEntry } from './format.ts';

const OPTIONS: FormatOptions = {
  salt: SecretBytes.take(new Uint8Array(32).fill(5)),
  logRaw: false,
  hmacAccessor: true,
  elideListResponses: false,
  prefix: '',
};

function entryOf(
  input: JsonObject,
  response?: JsonObject,
  operation: 'update' | 'list' = 'update',
): AuditEntry {
  return {
    kind: response === undefined ? 'request' : 'response',
    timeMs: 1_700_000_000_000,
    request: {
      id: 'id',
      operation,
      path: 'secret/data/a',
      mountPoint: 'secret/',
      mountType: 'kv',
      mountAccessor: 'kv_1',
      remoteAddress: '127.0.0.1',
      input,
      caller: {
        token: 'hvs.thetoken',
        accessor: 'theaccessor',
        displayName: 'root',
        policies: ['root'],
        metadata: {},
        entityId: '',
        tokenType: 'service',
        issuedAtMs: 1_699_999_999_000,
        ttlSeconds: 3_600,
      },
      wrapTtlSeconds: 0,
      clearRequestKeys: [],
      clearResponseKeys: [],
    },
    response:
      response === undefined
        ? undefined
        : {
            data: response,
            auth: { client_token: 'hvs.new', accessor: 'newacc', policies: ['p'] },
            leaseId: '',
            wrapInfo: undefined,
          },
    error: '',
  };
}

test('no string value of request or answer is in the line, whatever it is and wherever it stands', () => {
  const secrets = fc.string({ minLength: 6, maxLength: 40 }).map((text) => `§${text}§`);
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      secrets,
      fc.integer(),
      fc.array(tie('value')),
      fc.dictionary(fc.constant('k'), tie('value')),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      const line = formatEntry(
        entryOf({ data: value as JsonObject }, { data: value as JsonObject }),
        OPTIONS,
      );
      assert.ok(!line.includes('§'));
      parseJson(line, 100);
    }),
  );
});

test('tokens and accessors are hidden, policies are not, and equal values have equal hashes', () => {
  const line = formatEntry(entryOf({ a: 'x' }, { b: 'x' }), OPTIONS);
  for (const hidden of ['thetoken', 'theaccessor', 'hvs.new', 'newacc'])
    assert.ok(!line.includes(hidden), hidden);
  const hash = auditHash(OPTIONS.salt, 'x');
  assert.equal(line.split(hash).length, 3);
  assert.ok(line.includes('"policies":["p"]'));
  const shown = formatEntry(entryOf({ a: 'x' }), { ...OPTIONS, hmacAccessor: false });
  assert.ok(shown.includes('theaccessor') && !shown.includes('thetoken'));
  assert.ok(formatEntry(entryOf({ a: 'x' }), { ...OPTIONS, logRaw: true }).includes('thetoken'));
});

test('a line says how old the token is; the answer of a login, whom it made', () => {
  const entry = entryOf({ a: 'x' }, { b: 'x' });
  const authOf = (shown: AuditEntry) => JSON.parse(formatEntry(shown, OPTIONS)).auth as JsonObject;
  assert.equal(authOf(entry)['token_issue_time'], '2023-11-14T22:13:19.000Z');
  assert.equal(authOf(entry)['token_ttl'], 3_600);
  const login = authOf({ ...entry, request: { ...entry.request, caller: undefined } });
  assert.deepEqual(login, {
    accessor: auditHash(OPTIONS.salt, 'newacc'),
    client_token: auditHash(OPTIONS.salt, 'hvs.new'),
    policies: ['p'],
  });
});

test('lists are elided on request, and a prefix stands before each line', () => {
  const answer = { keys: ['a', 'b'], key_info: { a: {}, b: {} } };
  const line = formatEntry(entryOf({}, answer, 'list'), {
    ...OPTIONS,
    elideListResponses: true,
    prefix: '@cee: ',
  });
  assert.ok(line.startsWith('@cee: {'));
  assert.ok(line.includes('"keys":2') && line.includes('"key_info":2'));
});

test('numbers that keep their digits keep them here too', () => {
  const input = parseJson('{"n":9007199254740993}') as JsonObject;
  assert.ok(formatEntry(entryOf(input), OPTIONS).includes('"n":9007199254740993'));
});
