// Azure being refused, slow, silent, half there or false, over real sockets: the class of each, that nothing is
// retried, that it ends in time, and that it mends by itself.

import assert from 'node:assert/strict';
import { type IncomingMessage, type ServerResponse, setGlobalProxyFromEnv } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { Azure } from '@latchkey/azure-emulator';
import { type Clock, systemClock } from '../../base/clock.ts';
import {
  CLUSTER,
  contextOf,
  everythingIn,
  never,
  type Place,
  placeOn,
  QUICK,
  rootKey,
  SECRET_NAME,
  startLocalAzure,
} from './test/local-azure.ts';
import {
  hangingServer,
  httpServer,
  plainTextServer,
  refusingPort,
  resettingServer,
  tlsServer,
} from './test/rude-servers.ts';

let azure: Azure;
before(async () => {
  azure = await startLocalAzure();
});
after(() => azure.close());

/** A vault with a KEK and a copy, and a seal with short deadlines. */
async function prepared(config: Parameters<Place['open']>[0] = {}) {
  const place = placeOn(azure);
  const first = place.open();
  await first.prepare?.(CLUSTER, never);
  using root = rootKey();
  const copy = await first.wrap(root, contextOf(first), never);
  const seal = place.open(config, { deadlines: QUICK });
  const bytes = Buffer.from(root.expose());
  const unwrap = (signal = never) => seal.unwrap(copy, contextOf(seal), signal);
  const opens = async () => {
    using opened = await unwrap();
    assert.ok(bytes.equals(opened.expose()));
  };
  return { place, copy, seal, unwrap, opens, bytes };
}

/** A seal on another origin than the vault's own; the copy is never reached. */
function sealAt(port: number, config: Parameters<Place['open']>[0] = {}) {
  const place = placeOn(azure);
  const seal = place.open(
    { vaultUri: `https://kv.vault.localhost:${port}`, ...config },
    { deadlines: QUICK },
  );
  return { place, probe: () => seal.probe(never) };
}

describe('Key Vault', () => {
  test('throttles: Retry-After is passed on, one call was made, and it opens afterwards', async () => {
    const { place, unwrap, opens, bytes } = await prepared();
    azure.journal.clear();
    azure.faults.add({
      target: place.vault.name,
      kind: 'status',
      status: 429,
      retryAfterSeconds: 9,
      count: 1,
    });
    const { facts } = await place.refused(unwrap(), 'keyvault_throttled');
    assert.deepEqual([facts.httpStatus, facts.retryAfterMs, facts.retry], [429, 9_000, 'backoff']);
    assert.equal(azure.journal.entries({ target: place.vault.name }).length, 1);
    await opens();
    place.assertNothingLeaked(bytes);
  });

  test('answers 500 and 503: unavailable, one call, opens afterwards', async () => {
    const { place, unwrap, opens } = await prepared();
    for (const status of [500, 503]) {
      azure.journal.clear();
      azure.faults.add({ target: place.vault.name, kind: 'status', status, count: 1 });
      const { facts } = await place.refused(unwrap(), 'keyvault_unavailable');
      assert.deepEqual([facts.httpStatus, facts.definite], [status, false]);
      assert.equal(azure.journal.entries({ target: place.vault.name }).length, 1);
    }
    await opens();
  });

  test('hangs: the call ends by its deadline, and the next one is not touched by it', async () => {
    const { place, unwrap, opens } = await prepared();
    azure.faults.add({ target: place.vault.name, kind: 'hang' });
    const began = performance.now();
    const { facts } = await place.refused(unwrap(), 'keyvault_timeout');
    assert.ok(performance.now() - began < QUICK.callMs + 1_000);
    assert.equal(facts.stage, 'key');
    azure.faults.clear(place.vault.name);
    await opens();
  });

  test('hangs, and the caller gives up', async () => {
    const { place, unwrap } = await prepared();
    azure.faults.add({ target: place.vault.name, kind: 'hang' });
    const caller = new AbortController();
    const call = place.refused(unwrap(caller.signal), 'cancelled');
    caller.abort();
    await call;
    azure.faults.clear(place.vault.name);
  });

  test('hangs while the seal is closed', async () => {
    const { place, seal, unwrap } = await prepared();
    azure.faults.add({ target: place.vault.name, kind: 'hang' });
    const call = place.refused(unwrap(), 'cancelled');
    await seal.close();
    await call;
    azure.faults.clear(place.vault.name);
    await place.refused(unwrap(), 'cancelled');
  });

  test('cuts the connection: reset; of a vault that is gone too', async () => {
    const { place, unwrap, opens } = await prepared();
    azure.faults.add({ target: place.vault.name, kind: 'refuse', count: 1 });
    await place.refused(unwrap(), 'tcp_reset');
    await opens();
    azure.deleteVault(place.vault.name);
    await place.refused(unwrap(), 'tcp_reset');
    azure.recoverVault(place.vault.name);
  });

  test('hangs or cuts on the write of prepare: the outcome is unknown, and a repeat finds what was made', async () => {
    const place = placeOn(azure);
    const seal = place.open({}, { deadlines: QUICK });
    for (const kind of ['hang', 'refuse'] as const) {
      azure.faults.add({ target: place.vault.name, kind, method: 'PUT', count: 1 });
      const className = kind === 'hang' ? 'keyvault_timeout' : 'tcp_reset';
      const { facts } = await place.refused(seal.prepare?.(CLUSTER, never) ?? Promise.resolve(), className);
      assert.equal(facts.definite, false);
    }
    await seal.prepare?.(CLUSTER, never);
    assert.equal(azure.secrets(place.vault.name).versions(SECRET_NAME).length, 1);
    place.assertNothingLeaked();
  });

  test('belongs to another tenant than the stanza says: no token is asked for', async () => {
    const tenantId = '00000000-aaaa-bbbb-cccc-000000000000';
    const { place, unwrap } = await prepared({ tenantId });
    azure.journal.clear();
    const { facts } = await place.refused(unwrap(), 'keyvault_unauthorized');
    assert.equal(facts.stage, 'token');
    assert.ok(facts.sentence.includes(tenantId) && facts.sentence.includes(azure.tenantId), facts.sentence);
    assert.equal(azure.journal.entries({ target: 'imds' }).length, 0);
  });

  test('belongs to another tenant than the identity: 401 AKV10032', async () => {
    const place = placeOn(azure);
    const tenantId = '00000000-aaaa-bbbb-cccc-111111111111';
    const vault = azure.createVault('kv-foreign-tenant', { tenantId });
    const { facts } = await place.refused(
      place.open({ vaultUri: vault.uri }).probe(never),
      'keyvault_unauthorized',
    );
    assert.match(facts.sentence, new RegExp(`^wrong tenant: .*${tenantId}.*AKV10032`));
    place.assertNothingLeaked();
  });

  test('wants another audience than the stanza says: 401 AKV10022, and the SDK check is off by that setting only', async () => {
    const { place, unwrap } = await prepared({ audience: azure.armUrl });
    const { facts } = await place.refused(unwrap(), 'keyvault_audience');
    assert.ok(
      facts.sentence.includes(azure.armUrl) && facts.sentence.includes(azure.keyVaultAudience),
      facts.sentence,
    );
    const right = await prepared({ audience: azure.keyVaultAudience });
    await right.opens();
  });
});

describe('the way to Key Vault', () => {
  test('unknown name', async () => {
    const place = placeOn(azure);
    const seal = place.open({ vaultUri: 'https://no-such-vault.vault.invalid' }, { deadlines: QUICK });
    const { facts } = await place.refused(seal.probe(never), 'dns_failed');
    assert.deepEqual([facts.stage, facts.definite], ['dns', true]);
    assert.match(facts.remedy ?? '', /^az keyvault show --name no-such-vault /);
  });

  test('refusing port', async () => {
    const port = await refusingPort();
    const { place, probe } = sealAt(port);
    const { facts } = await place.refused(probe(), 'tcp_refused');
    assert.equal(facts.stage, 'tcp');
    assert.ok(facts.sentence.includes(`127.0.0.1:${port}`), facts.sentence);
  });

  test('a server that accepts and says nothing: the handshake ends by its own deadline', async () => {
    await using server = await hangingServer();
    const { place, probe } = sealAt(server.port);
    const began = performance.now();
    const { facts } = await place.refused(probe(), 'tls_failed');
    assert.ok(performance.now() - began < QUICK.callMs);
    assert.deepEqual([facts.stage, facts.definite, server.connections()], ['tls', true, 1]);
  });

  test('a server that cuts, or does not speak TLS', async () => {
    await using cutting = await resettingServer();
    const cut = sealAt(cutting.port);
    assert.equal((await cut.place.refused(cut.probe(), 'tcp_reset')).facts.stage, 'tls');
    await using plain = await plainTextServer();
    const spoken = sealAt(plain.port);
    assert.equal((await spoken.place.refused(spoken.probe(), 'tls_failed')).facts.stage, 'tls');
  });

  test('a certificate of an unknown CA, of another name, and with the right ca_cert', async () => {
    await using server = await tlsServer('kv.vault.localhost', answerWith(503, ''));
    for (const caCertPem of [undefined, azure.caPem]) {
      const unknown = sealAt(server.port, { caCertPem });
      const { facts } = await unknown.place.refused(unknown.probe(), 'tls_untrusted');
      assert.deepEqual([facts.stage, facts.definite], ['tls', true]);
      assert.match(facts.remedy ?? '', /ca_cert/);
    }
    const renamed = sealAt(server.port, {
      vaultUri: `https://other.vault.localhost:${server.port}`,
      caCertPem: server.certPem,
    });
    await renamed.place.refused(renamed.probe(), 'tls_untrusted');
    const known = sealAt(server.port, { caCertPem: server.certPem });
    await known.place.refused(known.probe(), 'keyvault_unavailable');
  });
});

test('a proxy in the environment is used neither for Key Vault nor for IMDS', async () => {
  await using proxy = await hangingServer();
  const url = `http://127.0.0.1:${proxy.port}`;
  const before = { ...process.env };
  const restore = setGlobalProxyFromEnv({ HTTP_PROXY: url, HTTPS_PROXY: url });
  Object.assign(process.env, { HTTP_PROXY: url, HTTPS_PROXY: url });
  try {
    const { opens } = await prepared();
    await opens();
    assert.equal(proxy.connections(), 0);
  } finally {
    restore();
    process.env = before;
  }
});

describe('a server that is no Key Vault', () => {
  const kek = Buffer.alloc(32, 0x5a).toString('base64');
  const bundle = (version: string) =>
    JSON.stringify({
      value: kek,
      id: `https://kv.vault.localhost/secrets/${SECRET_NAME}/${version}`,
      attributes: { enabled: true },
    });
  const bodies: readonly (readonly [string, string, number?])[] = [
    ['JSON cut in the middle of the value', bundle('a'.repeat(32)).slice(0, 40)],
    ['a list', '[]'],
    ['no id', `{"value":"${kek}"}`],
    ['a version that is a path', bundle('..%2f..')],
    ['over a megabyte', `{"value":"${'x'.repeat(1_100_000)}"}`],
    ['nothing', ''],
    ['a redirect', '', 307],
  ];
  for (const [what, body, status = 200] of bodies) {
    test(`${what}: a fault without a word of the body`, async () => {
      await using server = await tlsServer('kv.vault.localhost', answerWith(status, body));
      const { place, probe } = sealAt(server.port, { caCertPem: server.certPem });
      const fault = await place.refused(probe(), what === 'over a megabyte' ? 'tcp_reset' : 'unknown');
      assert.ok(!everythingIn(fault).includes(kek.slice(0, 12)));
      place.assertNothingLeaked(Buffer.from(kek, 'base64'));
    });
  }

  test('asks for a token for a domain that is not its own: no token is sent', async () => {
    const challenge = `Bearer authorization="https://login.example/${azure.tenantId}", resource="https://vault.azure.net"`;
    await using server = await tlsServer(
      'kv.vault.localhost',
      answerWith(401, '{}', { 'www-authenticate': challenge }),
    );
    const { place, probe } = sealAt(server.port, { caCertPem: server.certPem });
    azure.journal.clear();
    const { facts } = await place.refused(probe(), 'keyvault_audience');
    assert.match(facts.sentence, /https:\/\/vault\.azure\.net/);
    assert.equal(azure.journal.entries({ target: 'imds' }).length, 0);
  });

  test('answers 401 without a challenge', async () => {
    await using server = await tlsServer('kv.vault.localhost', answerWith(401, '{}'));
    const { place, probe } = sealAt(server.port, { caCertPem: server.certPem });
    await place.refused(probe(), 'keyvault_unauthorized');
  });
});

describe('IMDS', () => {
  test('absent', async () => {
    const port = await refusingPort();
    const { place, unwrap } = await prepared({ imdsEndpoint: `http://127.0.0.1:${port}` });
    const { facts } = await place.refused(unwrap(), 'imds_unreachable');
    assert.deepEqual([facts.stage, facts.retry, facts.definite], ['token', 'backoff', true]);
  });

  test('hangs: ends by the deadline of the token; opens when it is back', async () => {
    const { place, unwrap, opens } = await prepared();
    azure.faults.add({ target: 'imds', kind: 'hang' });
    const began = performance.now();
    await place.refused(unwrap(), 'imds_timeout');
    assert.ok(performance.now() - began < QUICK.callMs);
    azure.faults.clear('imds');
    await opens();
  });

  test('hangs, and the caller gives up', async () => {
    await using server = await hangingServer();
    const { place, unwrap } = await prepared({ imdsEndpoint: `http://127.0.0.1:${server.port}` });
    const caller = new AbortController();
    const call = place.refused(unwrap(caller.signal), 'cancelled');
    while (server.connections() === 0) await new Promise(setImmediate);
    caller.abort();
    await call;
  });

  test('hangs after a slow challenge: the deadline of the whole call is not taken for a caller who gave up', async () => {
    const { place, unwrap } = await prepared();
    azure.faults.add({ target: place.vault.name, kind: 'delay', delayMs: QUICK.callMs - 250, count: 1 });
    azure.faults.add({ target: 'imds', kind: 'hang' });
    await place.refused(unwrap(), 'imds_timeout');
    azure.faults.clear();
  });

  test('says 410, 429, 404 or 500: one call each, and opens when it is over', async () => {
    const { place, unwrap, opens } = await prepared();
    const answers = [
      [410, 'imds_updating'],
      [404, 'imds_updating'],
      [429, 'imds_throttled'],
      [500, 'imds_failed'],
    ] as const;
    for (const [status, className] of answers) {
      azure.journal.clear();
      azure.faults.add({ target: 'imds', kind: 'status', status, count: 1 });
      await place.refused(unwrap(), className);
      assert.equal(azure.journal.entries({ target: 'imds' }).length, 1);
    }
    await opens();
  });

  test('does not know the identity, until it is attached', async () => {
    const { place, unwrap, opens } = await prepared();
    azure.detachIdentity(place.identity.principalId);
    const { facts } = await place.refused(unwrap(), 'imds_identity_not_found');
    assert.deepEqual([facts.retry, facts.httpStatus], ['slow', 400]);
    assert.ok(facts.sentence.includes(place.identity.clientId));
    azure.attachIdentity(place.identity.principalId);
    await opens();
  });

  test('the system-assigned identity needs no client id', async () => {
    const { place, copy } = await prepared();
    azure.assignRole({
      principalId: azure.systemAssigned.principalId,
      role: 'Key Vault Secrets User',
      scope: place.vault.id,
    });
    const seal = place.open({ clientId: undefined });
    assert.match(seal.describe.summary, /as the system-assigned managed identity \(IMDS\)$/);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.equal(opened.size, 32);
  });

  test('a body that is no token, one with a line break in it, one that never ends', async () => {
    const bodies = [
      '{}',
      'no',
      '{"access_token":"a\\r\\nb","expires_on":"9999999999"}',
      '{"access_token":"a","expires_on":"x"}',
    ];
    for (const body of bodies) {
      await using server = await httpServer(answerWith(200, body));
      const { place, unwrap } = await prepared({ imdsEndpoint: `http://127.0.0.1:${server.port}` });
      await place.refused(unwrap(), 'imds_failed');
    }
    await using endless = await httpServer((_request, response) => {
      response.writeHead(200);
      response.write('x'.repeat(100_000));
    });
    const { place, unwrap } = await prepared({ imdsEndpoint: `http://127.0.0.1:${endless.port}` });
    await place.refused(unwrap(), 'imds_unreachable');
  });

  test('is asked once while the token lasts, again shortly before it ends, and after Key Vault refused it', async () => {
    const { place, copy } = await prepared();
    let now = Date.now();
    const clock: Clock = { ...systemClock, now: () => now };
    const seal = place.open({}, { clock });
    const open = async () => (await seal.unwrap(copy, contextOf(seal), never)).wipe();
    const asked = () => azure.journal.entries({ target: 'imds' }).length;
    azure.journal.clear();
    await open();
    await open();
    assert.equal(asked(), 1);
    now += 24 * 3_600_000 - 60_000;
    await open();
    assert.equal(asked(), 2);
    now -= 24 * 3_600_000 - 60_000;
    await open();
    assert.equal(asked(), 2);
    azure.faults.add({ target: place.vault.name, kind: 'status', status: 401, count: 1 });
    await place.refused(seal.unwrap(copy, contextOf(seal), never), 'keyvault_unauthorized');
    await open();
    assert.equal(asked(), 3);
  });
});

describe('App Service', () => {
  test('is asked in its own form when its variables are there, and only without imds_endpoint', async () => {
    const { place, copy } = await prepared();
    const seen: IncomingMessage[] = [];
    await using server = await httpServer((request, response) => {
      seen.push(request);
      void fetch(
        `${azure.imdsUrl}/metadata/identity/oauth2/token${new URL(request.url ?? '', 'http://x').search}`,
        { headers: { metadata: 'true' } },
      )
        .then((reply) => reply.text())
        .then((text) => response.end(text));
    });
    const env = { IDENTITY_ENDPOINT: `http://127.0.0.1:${server.port}/msi/token`, IDENTITY_HEADER: 'hush' };
    const seal = place.open({ imdsEndpoint: undefined }, { env });
    assert.match(seal.describe.summary, /\(App Service\)$/);
    using opened = await seal.unwrap(copy, contextOf(seal), never);
    assert.equal(opened.size, 32);
    assert.equal(seen[0]?.headers['x-identity-header'], 'hush');
    const url = new URL(seen[0]?.url ?? '', 'http://x');
    assert.equal(url.pathname, '/msi/token');
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      'api-version': '2019-08-01',
      resource: azure.keyVaultAudience,
      client_id: place.identity.clientId,
    });
    assert.ok(!place.log.lines.some(({ text }) => text.includes('hush')));
    assert.match(place.open({}, { env }).describe.summary, /\(IMDS\)$/);
  });
});

function answerWith(status: number, body: string, headers: Record<string, string> = {}) {
  return (_request: IncomingMessage, response: ServerResponse) => {
    const location = status === 307 ? { location: 'https://kv.vault.localhost/elsewhere' } : {};
    response.writeHead(status, { 'content-type': 'application/json', ...location, ...headers });
    response.end(body);
  };
}
