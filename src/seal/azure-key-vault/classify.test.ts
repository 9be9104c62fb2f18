// Answers as Key Vault and IMDS send them (written by hand in the shapes that are known of the real service, ids changed) and the verdict on each.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SealFaultFacts } from '../seal.ts';
import { readAnswer, readChallenge } from './answer.ts';
import { vaultFault } from './classify.ts';
import { type TokenFailure, tokenFault } from './classify-identity.ts';
import { checkConfig } from './config.ts';
import { STAGE_TIMEOUT_CODE } from './connection.ts';
import type { Encounter, Undertaking, VaultAction } from './encounter.ts';

const APP = '11111111-2222-3333-4444-555555555555';
const OBJECT = '99999999-8888-7777-6666-555555555555';
const TENANT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const OTHER_TENANT = 'ffffffff-bbbb-cccc-dddd-eeeeeeeeeeee';
const VAULT_ID =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourcegroups/my-resource-group/providers/microsoft.keyvault/vaults/my-vault-for-auto-unseal';

const config = checkConfig({
  name: 'azure',
  clientId: APP,
  tenantId: TENANT,
  vaultUri: 'https://my-vault-for-auto-unseal.vault.azure.net/',
  secretName: 'vault-unseal-key',
  adopt: false,
});

const doing = (action: VaultAction = 'getSecret'): Undertaking => ({
  config,
  action,
  objectName: 'vault-unseal-key',
  callMs: 10_000,
  stageMs: 5_000,
});

interface Case {
  readonly what: string;
  readonly met: Partial<Encounter>;
  readonly action?: VaultAction;
  readonly expect: Partial<SealFaultFacts>;
  readonly says?: RegExp;
  readonly mends?: RegExp;
}

function answered(
  status: number,
  error: object | string,
  headers: Record<string, string> = {},
): Partial<Encounter> {
  const body = typeof error === 'string' ? error : JSON.stringify({ error });
  return { stage: 'key', answer: readAnswer(status, (name) => headers[name], body, 1_700_000_000_000) };
}

function rbac(action: string): string {
  return [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: appid=${APP};oid=${OBJECT};iss=https://sts.windows.net/${TENANT}/`,
    `Action: 'Microsoft.KeyVault/vaults/secrets/${action}/action'`,
    `Resource: '${VAULT_ID}/secrets/vault-unseal-key'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    "DecisionReason: 'DeniedWithNoValidRBAC' ",
    'Vault: my-vault-for-auto-unseal;location=eastus',
    '',
  ].join('\r\n');
}

const forbidden = (innerCode: string, message = 'x', action?: VaultAction): Pick<Case, 'met' | 'action'> => ({
  met: answered(403, { code: 'Forbidden', message, innererror: { code: innerCode } }),
  ...(action === undefined ? {} : { action }),
});

const CASES: readonly Case[] = [
  {
    what: 'RBAC, get',
    ...forbidden('ForbiddenByRbac', rbac('getSecret')),
    expect: {
      class: 'keyvault_forbidden_rbac',
      stage: 'key',
      retry: 'slow',
      httpStatus: 403,
      definite: true,
    },
    says: new RegExp(
      `refused secrets/getSecret on https://my-vault.*identity ${APP} \\(object ${OBJECT}\\) has no role`,
    ),
    mends: new RegExp(
      `^az role assignment create --role "Key Vault Secrets User" --assignee-object-id ${OBJECT} --assignee-principal-type ServicePrincipal --scope "${VAULT_ID}"$`,
    ),
  },
  {
    what: 'RBAC, set',
    ...forbidden('ForbiddenByRbac', rbac('setSecret'), 'setSecret'),
    expect: { class: 'keyvault_forbidden_rbac', definite: true },
    says: /secrets\/setSecret/,
    mends: /"Key Vault Secrets Officer"/,
  },
  {
    what: 'RBAC with a message that is not in the known form',
    ...forbidden('ForbiddenByRbac', `oid=$(reboot) Resource: '/subscriptions/x"; reboot #/vaults/y'`),
    expect: { class: 'keyvault_forbidden_rbac' },
    says: /identity <unknown> \(object <unknown>\)/,
    mends: /--assignee-object-id <object id> .*--scope "<resource id of the vault>"$/,
  },
  {
    what: 'access policy',
    ...forbidden(
      'AccessDenied',
      `The user, group or application 'appid=${APP};oid=${OBJECT};iss=https://sts.windows.net/${TENANT}/' does not have secrets get permission on key vault 'my-vault-for-auto-unseal;location=eastus'.`,
    ),
    expect: { class: 'keyvault_forbidden_policy', retry: 'slow', definite: true },
    mends: new RegExp(
      `^az keyvault set-policy --name my-vault-for-auto-unseal --object-id ${OBJECT} --secret-permissions get list$`,
    ),
  },
  {
    what: 'firewall',
    ...forbidden(
      'ForbiddenByFirewall',
      'Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.9\r\nCaller: x',
    ),
    expect: { class: 'keyvault_forbidden_firewall', retry: 'slow' },
    says: /203\.0\.113\.9/,
    mends: /network-rule add --name my-vault-for-auto-unseal --ip-address 203\.0\.113\.9/,
  },
  {
    what: 'private link only',
    ...forbidden('ForbiddenByConnection'),
    expect: { class: 'keyvault_forbidden_firewall' },
  },
  {
    what: 'disabled',
    ...forbidden('SecretDisabled'),
    expect: { class: 'keyvault_secret_disabled', retry: 'slow' },
  },
  {
    what: 'expired',
    ...forbidden('SecretExpired'),
    expect: { class: 'keyvault_secret_expired', retry: 'slow' },
  },
  { what: 'not yet valid', ...forbidden('SecretNotYetValid'), expect: { class: 'keyvault_secret_expired' } },
  {
    what: 'another 403',
    ...forbidden('constructor'),
    expect: { class: 'keyvault_forbidden' },
    says: /403 constructor/,
  },
  {
    what: 'not found',
    met: answered(404, { code: 'SecretNotFound', message: 'A secret with (name/id) x was not found' }),
    expect: { class: 'keyvault_secret_not_found', retry: 'slow', httpStatus: 404, definite: true },
  },
  {
    what: 'a 404 that is not of Key Vault',
    met: answered(404, '<html>nginx</html>'),
    expect: { class: 'keyvault_not_found', httpStatus: 404 },
    says: /is it a Key Vault/,
  },
  {
    what: 'name of a deleted secret',
    met: answered(409, {
      code: 'Conflict',
      message: 'x',
      innererror: { code: 'ObjectIsDeletedButRecoverable' },
    }),
    action: 'setSecret',
    expect: { class: 'keyvault_secret_deleted', httpStatus: 409, definite: true },
    mends: /^az keyvault secret recover .*another secret_name$/,
  },
  {
    what: 'throttled, seconds',
    met: answered(429, { code: 'Throttled', message: 'x' }, { 'retry-after': '7' }),
    expect: { class: 'keyvault_throttled', retry: 'backoff', retryAfterMs: 7_000, definite: true },
  },
  {
    what: 'throttled, date',
    met: answered(429, { code: 'Throttled' }, { 'retry-after': new Date(1_700_000_030_000).toUTCString() }),
    expect: { retryAfterMs: 30_000 },
  },
  {
    what: 'throttled, nonsense and far too long',
    met: answered(429, { code: 'Throttled' }, { 'retry-after': '999999999' }),
    expect: { retryAfterMs: 3_600_000 },
  },
  {
    what: '503 without a body',
    met: answered(503, ''),
    expect: { class: 'keyvault_unavailable', retry: 'backoff', definite: false },
  },
  {
    what: '500',
    met: answered(500, { code: 'InternalError' }),
    expect: { class: 'keyvault_unavailable', httpStatus: 500 },
  },
  {
    what: '400',
    met: answered(400, { code: 'BadParameter' }),
    expect: { class: 'keyvault_bad_parameter', retry: 'rare', definite: true },
  },
  {
    what: '302',
    met: { stage: 'key', answer: { status: 302 } },
    expect: { class: 'unknown', definite: false },
  },
  {
    what: 'wrong tenant, said by Key Vault',
    met: {
      ...answered(401, {
        code: 'Unauthorized',
        message:
          'AKV10032: Invalid issuer. Expected one of https://sts.windows.net/x/, found https://sts.windows.net/y/.',
      }),
      challenge: readChallenge(
        `Bearer authorization="https://login.microsoftonline.com/${OTHER_TENANT}", resource="https://vault.azure.net"`,
      ),
    },
    expect: {
      class: 'keyvault_unauthorized',
      stage: 'token',
      retry: 'slow',
      httpStatus: 401,
      definite: true,
    },
    says: new RegExp(`wrong tenant: .* belongs to tenant ${OTHER_TENANT}, this node is set to ${TENANT}`),
  },
  {
    what: 'wrong audience, said by Key Vault',
    met: {
      ...answered(401, {
        code: 'Unauthorized',
        message: 'AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://x.',
      }),
      challenge: { resource: 'https://vault.azure.net' },
    },
    expect: { class: 'keyvault_audience', stage: 'token' },
  },
  {
    what: 'a challenge for another domain',
    met: {
      ...answered(401, { code: 'Unauthorized' }),
      challenge: { resource: 'https://vault.evil.example' },
    },
    expect: { class: 'keyvault_audience', stage: 'token', definite: true },
    says: /asks for a token for https:\/\/vault\.evil\.example, .*no token was sent/,
  },
  {
    what: 'plain 401',
    met: answered(401, { code: 'Unauthorized' }),
    expect: { class: 'keyvault_unauthorized' },
  },
  {
    what: 'DNS',
    met: { stage: 'dns', networkCode: 'ENOTFOUND' },
    expect: { class: 'dns_failed', stage: 'dns', retry: 'backoff', definite: true },
  },
  { what: 'DNS, later', met: { stage: 'dns', networkCode: 'EAI_AGAIN' }, expect: { class: 'dns_failed' } },
  {
    what: 'DNS, slow',
    met: { stage: 'dns', networkCode: STAGE_TIMEOUT_CODE },
    expect: { class: 'dns_failed' },
    says: /5 s/,
  },
  {
    what: 'refused',
    met: { stage: 'tcp', peer: '10.0.0.4:443', networkCode: 'ECONNREFUSED' },
    expect: { class: 'tcp_refused', stage: 'tcp', definite: true },
    says: /10\.0\.0\.4:443/,
  },
  {
    what: 'no route',
    met: { stage: 'tcp', networkCode: 'EHOSTUNREACH' },
    expect: { class: 'tcp_timeout', stage: 'tcp' },
  },
  {
    what: 'connect, slow',
    met: { stage: 'tcp', networkCode: STAGE_TIMEOUT_CODE },
    expect: { class: 'tcp_timeout', definite: true },
  },
  {
    what: 'handshake, slow',
    met: { stage: 'tls', networkCode: STAGE_TIMEOUT_CODE },
    expect: { class: 'tls_failed', stage: 'tls' },
  },
  {
    what: 'handshake, cut',
    met: { stage: 'tls', networkCode: 'ECONNRESET' },
    expect: { class: 'tcp_reset', stage: 'tls', definite: true },
  },
  {
    what: 'answer, cut',
    met: { stage: 'key', networkCode: 'ECONNRESET' },
    expect: { class: 'tcp_reset', stage: 'key', definite: false },
  },
  {
    what: 'no TLS',
    met: { stage: 'tls', networkCode: 'ERR_SSL_WRONG_VERSION_NUMBER' },
    expect: { class: 'tls_failed', stage: 'tls' },
  },
  {
    what: 'unknown CA',
    met: { stage: 'tls', networkCode: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    expect: { class: 'tls_untrusted', stage: 'tls' },
    mends: /ca_cert/,
  },
  {
    what: 'wrong name',
    met: { stage: 'tls', networkCode: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    expect: { class: 'tls_untrusted' },
    says: /another name/,
  },
  {
    what: 'expired certificate',
    met: { stage: 'tls', networkCode: 'CERT_HAS_EXPIRED' },
    expect: { class: 'tls_untrusted' },
    says: /clock/,
  },
  {
    what: 'silence',
    met: { stage: 'key', ended: 'deadline' },
    expect: { class: 'keyvault_timeout', stage: 'key', retry: 'backoff', definite: false },
    says: /10 s/,
  },
  {
    what: 'cancelled',
    met: { stage: 'key', ended: 'cancelled' },
    expect: { class: 'cancelled', definite: false },
  },
  {
    what: 'a good status with a body that is no secret',
    met: { stage: 'key', answer: { status: 200 } },
    expect: { class: 'unknown', definite: false },
  },
];

describe('Key Vault', () => {
  for (const { what, met, action, expect, says, mends } of CASES) {
    test(what, () => {
      const { facts } = vaultFault(doing(action), { stage: 'key', ...met });
      assert.deepEqual({ ...facts, ...expect }, facts);
      assert.match(facts.sentence, /^\P{Cc}{20,270}$/u);
      assert.doesNotMatch(facts.sentence, /undefined| {2}/);
      assert.equal(facts.sealName, 'azure');
      if (says !== undefined) assert.match(facts.sentence, says);
      if (mends !== undefined) assert.match(facts.remedy ?? '', mends);
    });
  }

  test('every class of an HTTP answer keeps its sentence short with the longest names', () => {
    const long = checkConfig({
      ...config,
      vaultUri: `https://${'v'.repeat(24)}.vault.${'microsoftazure.'.repeat(3)}example:65535`,
      secretName: 's'.repeat(127),
    });
    for (const { met, action } of CASES) {
      const undertaking = { ...doing(action), config: long, objectName: long.secretName };
      assert.ok(vaultFault(undertaking, { stage: 'key', ...met }).message.length <= 270);
    }
  });
});

describe('the token endpoint', () => {
  const request = {
    sealName: 'azure',
    service: 'IMDS',
    endpoint: 'http://169.254.169.254',
    identity: APP,
    tokenMs: 5_000,
    hasFederatedTokenFile: false,
  };
  const failed = (
    status: number,
    description: string,
    headers: Record<string, string> = {},
  ): TokenFailure => {
    const body = JSON.stringify({ error: 'invalid_request', error_description: description });
    return { kind: 'answer', answer: readAnswer(status, (name) => headers[name], body, 0) };
  };
  const cases: readonly (readonly [TokenFailure, Partial<SealFaultFacts>, RegExp?])[] = [
    [
      failed(400, 'Identity not found'),
      { class: 'imds_identity_not_found', retry: 'slow', httpStatus: 400 },
      new RegExp(APP),
    ],
    [failed(400, 'bad resource'), { class: 'imds_failed', retry: 'slow' }],
    [
      failed(400, 'AADSTS500011: The resource principal was not found\r\nTrace ID: x'),
      { class: 'entra_rejected', retry: 'slow' },
      /AADSTS500011/,
    ],
    [failed(404, ''), { class: 'imds_updating', retry: 'backoff' }],
    [failed(410, ''), { class: 'imds_updating', retry: 'backoff' }, /70 s/],
    [
      failed(429, '', { 'retry-after': '3' }),
      { class: 'imds_throttled', retry: 'backoff', retryAfterMs: 3_000 },
    ],
    [failed(500, ''), { class: 'imds_failed', retry: 'backoff', httpStatus: 500 }],
    [
      { kind: 'network', code: 'ECONNREFUSED', connected: false },
      { class: 'imds_unreachable', retry: 'backoff' },
      /ECONNREFUSED/,
    ],
    [{ kind: 'network', code: 'ECONNRESET', connected: true }, { class: 'imds_unreachable' }, /cut/],
    [{ kind: 'deadline', connected: true }, { class: 'imds_timeout', retry: 'backoff' }, /5 s/],
    [{ kind: 'deadline', connected: false }, { class: 'imds_timeout' }, /no connection/],
    [{ kind: 'malformed' }, { class: 'imds_failed', retry: 'backoff' }],
    [{ kind: 'cancelled' }, { class: 'cancelled' }],
  ];
  for (const [failure, expect, says] of cases) {
    test(`${failure.kind}: ${expect.class}`, () => {
      const { facts } = tokenFault(request, failure);
      assert.deepEqual({ ...facts, ...expect, stage: 'token', definite: true }, facts);
      assert.match(facts.sentence, /^\P{Cc}{20,270}$/u);
      if (says !== undefined) assert.match(facts.sentence, says);
    });
  }

  test('a pod that may be meant for workload identity is told so', () => {
    const fault = tokenFault({ ...request, hasFederatedTokenFile: true }, failed(400, 'Identity not found'));
    assert.match(fault.message, /AZURE_FEDERATED_TOKEN_FILE/);
  });
});
