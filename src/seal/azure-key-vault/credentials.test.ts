// Signing in by client secret, certificate, federated token and managed identity, against a local Entra over sockets:
// that each works, which one is chosen, that rotated files count at once, and what Entra's refusals are called.

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Application, type Azure, makeClientCertificate } from '@latchkey/azure-emulator';
import { SecretBytes, utf8 } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import {
  CLUSTER,
  CRYPTO_USER,
  contextOf,
  KEY_NAME,
  never,
  OFFICER,
  type Place,
  placeOn,
  QUICK,
  rootKey,
  startLocalAzure,
} from './test/local-azure.ts';
import { hangingServer, refusingPort, tlsServer } from './test/rude-servers.ts';

type Config = NonNullable<Parameters<Place['open']>[0]>;
type Parts = NonNullable<Parameters<Place['open']>[1]>;

const SUBJECT = { namespace: 'vault', serviceAccount: 'latchkey' };

let azure: Azure;
let folder: string;
let certificate: Awaited<ReturnType<typeof makeClientCertificate>>;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-credentials-'));
  [azure, certificate] = await Promise.all([startLocalAzure(), makeClientCertificate('latchkey')]);
});
beforeEach(() => azure.faults.clear());
after(async () => {
  await azure.close();
  await rm(folder, { recursive: true, force: true });
});

let files = 0;
async function fileWith(text: string): Promise<string> {
  files += 1;
  const path = join(folder, `file-${files}`);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** A vault, and an application that may do everything with its secrets. */
function withApplication() {
  const place = placeOn(azure);
  const application = azure.createApplication(`app-of-${place.vault.name}`);
  azure.assignRole({ principalId: application.principalId, role: OFFICER, scope: place.vault.id });
  const open = (config: Config, parts: Parts = {}) =>
    place.open(
      {
        tenantId: azure.tenantId,
        clientId: application.clientId,
        authorityHost: azure.authorityUrl,
        ...config,
      },
      parts,
    );
  return { place, application, open };
}

function secretOf(text: string): Config {
  return { clientSecret: { from: 'text', value: SecretBytes.take(utf8(text)) } };
}

async function federated({ principalId }: Application): Promise<Config> {
  azure.addFederatedCredential({
    principal: principalId,
    issuer: azure.aksIssuerUrl,
    subject: `system:serviceaccount:${SUBJECT.namespace}:${SUBJECT.serviceAccount}`,
  });
  return { federatedTokenFile: await fileWith(await azure.aksToken(SUBJECT)) };
}

/** Says what an hour from now is, so that a cached token is not used again. */
function movable(): { clock: Clock; advance(): void } {
  let ahead = 0;
  return {
    clock: { ...systemClock, now: () => Date.now() + ahead },
    advance() {
      ahead += 3_600_000;
    },
  };
}

const asked = (target: string) => azure.journal.entries({ target }).length;

describe('each way to sign in', () => {
  const ways: [string, RegExp, (application: Application) => Promise<Config>][] = [
    [
      'client secret',
      /^service principal [-0-9a-f]{36} \(client secret\)$/,
      async ({ clientSecret }) => secretOf(clientSecret),
    ],
    [
      'client secret in a file',
      /\(client secret\)$/,
      async ({ clientSecret }) => ({
        clientSecret: { from: 'file', path: await fileWith(`${clientSecret}\n`) },
      }),
    ],
    [
      'certificate',
      /^service principal [-0-9a-f]{36} \(certificate\)$/,
      async (application) => {
        application.addCertificate(certificate.certificatePem);
        return { certificatePath: await fileWith(certificate.pem) };
      },
    ],
    [
      'certificate with an encrypted key',
      /\(certificate\)$/,
      async (application) => {
        application.addCertificate(certificate.certificatePem);
        const key = createPrivateKey(certificate.pem).export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'open sesame',
        });
        return {
          certificatePath: await fileWith(`${certificate.certificatePem}${key}`),
          certificatePassword: { from: 'text', value: SecretBytes.take(utf8('open sesame')) },
        };
      },
    ],
    ['federated token', /^workload identity [-0-9a-f]{36} \(federated token\)$/, federated],
  ];
  for (const [name, label, configure] of ways) {
    test(`${name}: makes a KEK, wraps and unwraps; IMDS is never asked`, async () => {
      const { place, application, open } = withApplication();
      const config = await configure(application);
      azure.journal.clear();
      const seal = open(config);
      assert.match(seal.describe.summary.replace(/^.*, as /, ''), label);
      await seal.prepare?.(CLUSTER, never);
      using root = rootKey();
      const copy = await seal.wrap(root, contextOf(seal), never);
      using opened = await seal.unwrap(copy, contextOf(seal), never);
      assert.ok(opened.equals(root));
      assert.equal(asked('imds'), 0);
      // Discovery and one token; the token is kept.
      assert.equal(asked('entra'), 2);
      const [caller] = azure.journal.entries({ target: place.vault.name, method: 'PUT' }).slice(-1);
      assert.equal(caller?.principalId, application.principalId);
      place.assertNothingLeaked(root.expose(), utf8(application.clientSecret));
    });
  }

  test('a service principal opens the key variant with the least role', async () => {
    const { place, application, open } = withApplication();
    azure.removeRoles({ principalId: application.principalId });
    azure.assignRole({ principalId: application.principalId, role: CRYPTO_USER, scope: place.vault.id });
    await azure.keys(place.vault.name).create(KEY_NAME);
    const seal = open({ keyName: KEY_NAME, ...secretOf(application.clientSecret) });
    using root = rootKey();
    const copy = await seal.wrap(root, contextOf(seal), never);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.ok(opened.equals(root));
  });

  test('a managed identity by its resource id', async () => {
    const place = placeOn(azure);
    const { resourceId } = place.identity;
    const seal = place.open({ clientId: undefined, resourceId });
    assert.ok(seal.describe.summary.endsWith(`, as managed identity ${resourceId} (IMDS)`));
    await seal.prepare?.(CLUSTER, never);
    const byClientId = place.open({ resourceId: `${resourceId}x`, managedIdentityKind: 'client_id' });
    await byClientId.prepare?.(CLUSTER, never);
    azure.detachIdentity(place.identity.principalId);
    const { facts } = await place.refused(place.open({ resourceId }).probe(never), 'imds_identity_not_found');
    assert.ok(facts.sentence.includes(resourceId), facts.sentence);
  });

  test("no variable of the SDK's own is followed", async () => {
    const { application, open } = withApplication();
    const port = await refusingPort();
    const variables = {
      AZURE_AUTHORITY_HOST: `https://localhost:${port}`,
      AZURE_CLIENT_ID: 'somebody-else',
      AZURE_TENANT_ID: 'somewhere-else',
      HTTPS_PROXY: `http://127.0.0.1:${port}`,
      https_proxy: `http://127.0.0.1:${port}`,
    };
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, variables);
    try {
      for (const config of [secretOf(application.clientSecret), await federated(application)]) {
        await open(config).prepare?.(CLUSTER, never);
      }
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
});

describe('what is rotated counts at the next sign-in, without a restart', () => {
  test('a client secret in a file and in a variable', async () => {
    const { place, application, open } = withApplication();
    const path = await fileWith(application.clientSecret);
    const env: Record<string, string> = { SECRET: application.clientSecret };
    const { clock, advance } = movable();
    const seals = [
      open({ clientSecret: { from: 'file', path } }, { clock }),
      open({ clientSecret: { from: 'env', name: 'SECRET' } }, { clock, env }),
    ];
    for (const seal of seals) await seal.prepare?.(CLUSTER, never);
    const { secret } = application.addSecret();
    application.removeSecret(application.clientSecret);
    for (const seal of seals) await seal.probe(never);
    advance();
    for (const seal of seals) await place.refused(seal.probe(never), 'entra_bad_secret');
    await writeFile(path, secret);
    env['SECRET'] = secret;
    for (const seal of seals) await seal.probe(never);
    place.assertNothingLeaked(utf8(secret), utf8(application.clientSecret));
  });

  test('a certificate', async () => {
    const { place, application, open } = withApplication();
    const thumbprint = application.addCertificate(certificate.certificatePem);
    const path = await fileWith(certificate.pem);
    const { clock, advance } = movable();
    const seal = open({ certificatePath: path }, { clock });
    await seal.prepare?.(CLUSTER, never);
    const newer = await makeClientCertificate('newer');
    application.removeCertificate(thumbprint);
    application.addCertificate(newer.certificatePem);
    advance();
    const { facts } = await place.refused(seal.probe(never), 'entra_rejected');
    assert.match(facts.sentence, /\(AADSTS700027\)$/);
    await writeFile(path, newer.pem);
    await seal.probe(never);
  });

  test('a federated token', async () => {
    const { place, application, open } = withApplication();
    const config = await federated(application);
    const { clock, advance } = movable();
    const seal = open(config, { clock });
    await seal.prepare?.(CLUSTER, never);
    const path = config.federatedTokenFile ?? '';
    await writeFile(path, await azure.aksToken({ ...SUBJECT, issuedSecondsAgo: 7_200 }));
    advance();
    await place.refused(seal.probe(never), 'entra_assertion_expired');
    await writeFile(path, await azure.aksToken(SUBJECT));
    await seal.probe(never);
  });

  test('a token that Key Vault refused is fetched anew', async () => {
    const { place, application, open } = withApplication();
    const seal = open(secretOf(application.clientSecret));
    await seal.prepare?.(CLUSTER, never);
    azure.journal.clear();
    azure.faults.add({ target: place.vault.name, kind: 'status', status: 401, count: 1 });
    await place.refused(seal.probe(never), 'keyvault_unauthorized');
    await seal.probe(never);
    assert.equal(asked('entra'), 2);
  });
});

describe('which way is chosen', () => {
  const ids = { tenantId: 't', clientId: 'c' };
  const secret: Config = { clientSecret: { from: 'env', name: 'S' } };
  const certificatePath = '/c.pem';
  const federatedTokenFile = '/token';

  test('secret or certificate, then token file, then managed identity; auth_method overrides', () => {
    const all: Config = { ...ids, ...secret, certificatePath, federatedTokenFile };
    const cases: [Config, RegExp][] = [
      [all, /client secret/],
      [{ ...ids, certificatePath, federatedTokenFile }, /certificate/],
      [{ ...ids, federatedTokenFile }, /workload identity c/],
      [ids, /managed identity c \(IMDS\)/],
      [{ clientId: undefined }, /system-assigned/],
      [{ ...all, authMethod: 'managed_identity' }, /managed identity c/],
      [{ ...all, authMethod: 'workload_identity' }, /workload identity c/],
      [{ ...all, authMethod: 'certificate' }, /certificate/],
      [{ ...all, authMethod: 'client_secret' }, /client secret/],
    ];
    for (const [config, label] of cases) {
      assert.match(placeOn(azure).open(config).describe.summary, label, JSON.stringify(config));
    }
  });

  test('half of one is refused, and nothing else is taken in its place', () => {
    const place = placeOn(azure);
    const cases: [Config, RegExp][] = [
      [
        { clientId: 'c', federatedTokenFile },
        /workload_identity \(federated_token_file is set\), tenant_id must/,
      ],
      [{ ...secret, clientId: undefined }, /client_secret is set\), tenant_id and client_id must be set too/],
      [{ ...ids, authMethod: 'certificate' }, /to sign in by certificate, client_certificate_path must/],
      [{ ...ids, authMethod: 'workload_identity' }, /federated_token_file must be set too/],
      [{ clientId: 'c', managedIdentityKind: 'resource_id' }, /resource_id must be set too/],
    ];
    for (const [config, words] of cases) {
      assert.throws(
        () => place.open(config),
        (error) =>
          error instanceof LatchkeyError && error.code === 'config_invalid' && words.test(error.message),
        JSON.stringify(config),
      );
    }
  });

  test('one block in the log says which, and why not each other', () => {
    const place = placeOn(azure);
    place.open({ ...ids, certificatePath, federatedTokenFile });
    const blocks = place.log.lines.filter(({ text }) => text.startsWith('signing in to Azure as '));
    assert.equal(blocks.length, 1);
    assert.equal(blocks[0]?.level, 'info');
    const fields = JSON.parse(blocks[0]?.text.replace(/^[^{]*/, '') ?? '');
    const order = '(order: client_secret, certificate, workload_identity, managed_identity)';
    assert.deepEqual(fields, {
      seal: 'azure',
      certificate: 'chosen: client_certificate_path is set',
      client_secret: 'not chosen: client_secret is not set',
      workload_identity: `not chosen: certificate comes first ${order}`,
      managed_identity: `not chosen: certificate comes first ${order}`,
    });
    place.open({ ...ids, federatedTokenFile, authMethod: 'managed_identity' });
    const last = place.log.lines.findLast(({ text }) => text.startsWith('signing in'))?.text ?? '';
    assert.match(last, /"managed_identity":"chosen: auth_method says so"/);
    assert.match(last, /"workload_identity":"not chosen: auth_method is managed_identity"/);
  });
});

describe('Entra refuses', () => {
  interface Refusal {
    readonly class: string;
    readonly code: number;
    readonly says: RegExp;
    readonly mends: RegExp;
    readonly configure: (application: Application) => Config | Promise<Config>;
  }
  const token = async (request: Partial<Parameters<Azure['aksToken']>[0]>) => ({
    federatedTokenFile: await fileWith(await azure.aksToken({ ...SUBJECT, ...request })),
  });
  const refusals: readonly Refusal[] = [
    {
      class: 'entra_bad_secret',
      code: 7000215,
      says: /the client secret is not one of application [-0-9a-f]{36}/,
      mends: /^az ad app credential reset --id [-0-9a-f]{36} --append$/,
      configure: () => secretOf('wrong'),
    },
    {
      class: 'entra_secret_expired',
      code: 7000222,
      says: /the client secret of application [-0-9a-f]{36} has expired/,
      mends: /credential reset/,
      configure: (application) => secretOf(application.addSecret({ lifetimeSeconds: 0 }).secret),
    },
    {
      class: 'entra_unknown_application',
      code: 700016,
      says: /has no application 00000000-/,
      mends: /^az ad sp show --id 00000000-/,
      configure: () => ({ ...secretOf('x'), clientId: '00000000-0000-0000-0000-000000000000' }),
    },
    {
      class: 'entra_unknown_tenant',
      code: 90002,
      says: /has no tenant nowhere\.example/,
      mends: /az account show/,
      configure: ({ clientSecret }) => ({ ...secretOf(clientSecret), tenantId: 'nowhere.example' }),
    },
    {
      class: 'entra_resource_principal',
      code: 500011,
      says: /no resource of the audience/,
      mends: /take audience out/,
      configure: ({ clientSecret }) => ({ ...secretOf(clientSecret), audience: 'https://nowhere.example' }),
    },
    {
      class: 'entra_no_federated_credential',
      code: 70021,
      says: /no federated credential of [-0-9a-f]{36} fits/,
      mends: /federated-credential list/,
      configure: () => token({}),
    },
    {
      class: 'entra_no_federated_credential',
      code: 700211,
      says: /issuer, subject and audience of the token in \//,
      mends: /federated-credential list/,
      configure: ({ principalId }) => {
        azure.addFederatedCredential({
          principal: principalId,
          issuer: 'https://other.example/',
          subject: 's',
        });
        return token({});
      },
    },
    {
      class: 'entra_no_federated_credential',
      code: 700212,
      says: /fits/,
      mends: /federated-credential list/,
      configure: async (application) => ({
        ...(await federated(application)),
        ...(await token({ audience: 'x' })),
      }),
    },
    {
      class: 'entra_no_federated_credential',
      code: 700213,
      says: /fits/,
      mends: /federated-credential list/,
      configure: async (application) => ({
        ...(await federated(application)),
        ...(await token({ serviceAccount: 'other' })),
      }),
    },
    {
      class: 'entra_assertion_expired',
      code: 700024,
      says: /outside its time; the clocks agree, so the token itself is old/,
      mends: /^ls -l \/.*; timedatectl status$/,
      configure: async (application) => ({
        ...(await federated(application)),
        ...(await token({ issuedSecondsAgo: 7_200 })),
      }),
    },
    {
      class: 'entra_rejected',
      code: 700027,
      says: /^Entra refused to sign [-0-9a-f]{36} of tenant [-0-9a-f]{36} in/,
      mends: /az ad sp show/,
      configure: async () => ({ certificatePath: await fileWith(certificate.pem) }),
    },
  ];
  for (const { class: className, code, says, mends, configure } of refusals) {
    test(`AADSTS${code}: ${className}`, async () => {
      const { place, application, open } = withApplication();
      const config = await configure(application);
      azure.journal.clear();
      const { facts } = await place.refused(open(config).probe(never), className);
      assert.deepEqual([facts.stage, facts.retry, facts.definite], ['token', 'slow', true]);
      assert.ok(facts.httpStatus === 400 || facts.httpStatus === 401);
      assert.match(facts.sentence, says);
      assert.ok(facts.sentence.endsWith(`(AADSTS${code})`), facts.sentence);
      assert.match(facts.remedy ?? '', mends);
      assert.ok(asked('entra') <= 2, 'nothing is retried');
      place.assertNothingLeaked(utf8(application.clientSecret));
    });
  }

  test('an assertion outside its time, on a machine whose clock is wrong: by how much', async () => {
    const { place, application, open } = withApplication();
    const config = { ...(await federated(application)), ...(await token({ issuedSecondsAgo: 7_200 })) };
    for (const [minutes, words] of [
      [-14, 'the clock of this machine is 14 min behind Entra'],
      [30, "the clock of this machine is 30 min ahead of Entra's"],
    ] as const) {
      const clock = { ...systemClock, now: () => Date.now() + minutes * 60_000 };
      const fault = await place.refused(open(config, { clock }).probe(never), 'entra_assertion_expired');
      assert.ok(fault.message.includes(words), fault.message);
    }
  });

  test('the tenant of another vault is told before any secret is sent', async () => {
    const { place, application, open } = withApplication();
    azure.journal.clear();
    const seal = open({
      ...secretOf(application.clientSecret),
      tenantId: '11111111-2222-3333-4444-555555555555',
    });
    const fault = await place.refused(seal.probe(never), 'keyvault_unauthorized');
    assert.match(fault.message, /^wrong tenant: /);
    assert.equal(asked('entra'), 0);
  });
});

describe('what cannot be read or used', () => {
  test('is said with its place, nothing of it is shown, and it mends without a restart', async () => {
    const { place, application, open } = withApplication();
    application.addCertificate(certificate.certificatePem);
    const other = await makeClientCertificate('other');
    const past = new Date(Date.now() - 86_400_000);
    const old = await makeClientCertificate('old', { notBefore: new Date(0), notAfter: past });
    const keyOf = (pem: string) =>
      /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(pem)?.[0];
    const encrypted = createPrivateKey(certificate.pem)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })
      .toString();
    const withEncrypted = await fileWith(`${certificate.certificatePem}${encrypted}`);
    const wrongPassword: Config['certificatePassword'] = { from: 'env', name: 'PASSWORD' };
    const cases: [Config, string, RegExp][] = [
      [
        { clientSecret: { from: 'file', path: '/nowhere' } },
        'credential_unreadable',
        /from \/nowhere \(ENOENT\)$/,
      ],
      [{ clientSecret: { from: 'file', path: folder } }, 'credential_unreadable', /\(EISDIR\)$/],
      [
        { clientSecret: { from: 'file', path: await fileWith(' \n') } },
        'credential_unreadable',
        /\(empty\)$/,
      ],
      [{ clientSecret: { from: 'file', path: '/dev/zero' } }, 'credential_unreadable', /\(too_large\)$/],
      [
        { clientSecret: { from: 'env', name: 'GONE' } },
        'credential_unreadable',
        /variable GONE \(not set\)$/,
      ],
      [{ certificatePath: '/nowhere' }, 'credential_unreadable', /the client certificate from \/nowhere/],
      [{ federatedTokenFile: '/nowhere' }, 'credential_unreadable', /the federated token from \/nowhere/],
      [{ federatedTokenFile: await fileWith('hunter2') }, 'credential_unusable', /is not a JWT$/],
      [{ certificatePath: await fileWith('hunter2') }, 'credential_unusable', /holds no PEM certificate$/],
      [
        { certificatePath: await fileWith(certificate.certificatePem) },
        'credential_unusable',
        /holds no PEM private key/,
      ],
      [
        { certificatePath: await fileWith(`${certificate.certificatePem}${keyOf(other.pem)}`) },
        'credential_unusable',
        /does not belong to the private key/,
      ],
      [{ certificatePath: withEncrypted }, 'credential_unusable', /if it is encrypted, set cert_password$/],
      [
        { certificatePath: withEncrypted, certificatePassword: wrongPassword },
        'credential_unusable',
        /that cert_password does not open$/,
      ],
      [{ certificatePath: await fileWith(old.pem) }, 'credential_unusable', /expired on \d{4}-\d\d-\d\d$/],
    ];
    for (const [config, className, says] of cases) {
      const call = open(config, { env: { PASSWORD: 'guess' } }).probe(never);
      const { facts } = await place.refused(call, className);
      assert.match(facts.sentence, says);
      assert.doesNotMatch(JSON.stringify(facts), /hunter2|guess|open sesame/);
      assert.deepEqual([facts.stage, facts.retry, facts.definite], ['token', 'slow', true]);
    }
    const path = join(folder, 'comes-later');
    const seal = open({ clientSecret: { from: 'file', path } });
    await place.refused(seal.probe(never), 'credential_unreadable');
    await writeFile(path, application.clientSecret);
    await seal.prepare?.(CLUSTER, never);
    place.assertNothingLeaked(utf8(application.clientSecret));
  });
});

describe('the way to Entra', () => {
  /** A seal that could open, once Entra answers. */
  async function ready(config: Config = {}) {
    const held = withApplication();
    const ways = secretOf(held.application.clientSecret);
    await held.open(ways).prepare?.(CLUSTER, never);
    const seal = held.open({ ...ways, ...config }, { deadlines: QUICK });
    return { ...held, seal, probe: (signal = never) => seal.probe(signal) };
  }

  test('throttled, failing, cut: its class, nothing retried, and it works afterwards', async () => {
    const faults = [
      [{ kind: 'status', status: 429, retryAfterSeconds: 7 }, 'entra_throttled', 7_000],
      [{ kind: 'status', status: 500 }, 'entra_unavailable', undefined],
      [{ kind: 'status', status: 503 }, 'entra_unavailable', undefined],
      [{ kind: 'refuse' }, 'tcp_reset', undefined],
    ] as const;
    const { place, application, probe } = await ready();
    for (const [spec, className, retryAfterMs] of faults) {
      for (const method of ['GET', 'POST']) {
        azure.journal.clear();
        azure.faults.add({ target: 'entra', method, ...spec, count: 1 });
        const { facts } = await place.refused(probe(), className);
        assert.deepEqual([facts.retry, facts.retryAfterMs, facts.definite], ['backoff', retryAfterMs, true]);
        assert.ok(asked('entra') <= 2, `${className} ${method}`);
      }
    }
    await probe();
    place.assertNothingLeaked(utf8(application.clientSecret));
  });

  test('silent: ends by the deadline of a token, or when the caller gives up, and the next is not touched', async () => {
    const { place, probe } = await ready();
    azure.faults.add({ target: 'entra', kind: 'hang' });
    const began = performance.now();
    const { facts } = await place.refused(probe(), 'entra_timeout');
    assert.ok(performance.now() - began < QUICK.tokenMs + 1_500);
    assert.match(facts.sentence, /^localhost .*gave no answer within 0\.4 s$/);
    const caller = new AbortController();
    const call = place.refused(probe(caller.signal), 'cancelled');
    caller.abort();
    await call;
    azure.faults.clear();
    await probe();
    const other = await ready();
    azure.faults.add({ target: 'entra', kind: 'hang' });
    const closing = other.place.refused(other.probe(), 'cancelled');
    await other.seal.close();
    await closing;
  });

  test('not there, refused, of an unknown authority, without TLS', async () => {
    await using silent = await hangingServer();
    await using strange = await tlsServer('localhost', (_request, response) => response.end('{}'));
    const cases: [string, string, string][] = [
      ['https://nowhere.invalid', 'dns_failed', 'dns'],
      [`https://localhost:${await refusingPort()}`, 'tcp_refused', 'tcp'],
      [`https://localhost:${strange.port}`, 'tls_untrusted', 'tls'],
      [`https://localhost:${silent.port}`, 'tls_failed', 'tls'],
    ];
    for (const [authorityHost, className, stage] of cases) {
      const { place, probe } = await ready({ authorityHost });
      const { facts } = await place.refused(probe(), className);
      assert.deepEqual([facts.stage, facts.retry, facts.definite], [stage, 'backoff', true]);
      assert.ok(facts.sentence.includes(new URL(authorityHost).hostname), facts.sentence);
    }
  });

  test('something else answers: not a token', async () => {
    for (const body of ['{}', 'no', '{"token_endpoint":1}']) {
      await using server = await tlsServer('localhost', (_request, response) => response.end(body));
      const { place, probe } = await ready({
        authorityHost: `https://localhost:${server.port}`,
        caCertPem: `${azure.caPem}\n${server.certPem}`,
      });
      const { facts } = await place.refused(probe(), 'entra_rejected');
      assert.match(facts.sentence, /something that is not a token/);
    }
  });
});
