// Initialisation that is refused, or asked for twice: what the caller reads, and that nothing is left behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLatchkey } from '../../demo/command-line.ts';
import { until } from '../../demo/conditions.ts';
import type { InitAnswer } from '../../src/client/answers.ts';
import { ApiError } from '../../src/client/api-error.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { Rig, SECRET_NAME, VAULT_NAME } from './rig.ts';

const OFFICER = 'Key Vault Secrets Officer';
const TIMEOUT = { timeout: 60_000 };
const SHARES = { recoveryShares: 3, recoveryThreshold: 2 };

test('a second init is refused with 400, whatever it asks for', TIMEOUT, async () => {
  await using rig = await Rig.build();
  await rig.startInitialised();
  for (const wanted of [SHARES, {}, { secretShares: 1, secretThreshold: 1 }]) {
    const refused = await refusal(rig.server.client.init(wanted));
    assert.deepEqual([refused.status, refused.errors], [400, ['Vault is already initialized']]);
  }
  const printed = await runLatchkey(rig.server, ['operator', 'init'], '');
  assert.equal(printed.code, 2);
  assert.match(
    printed.stderr,
    /Error initializing: Error making API request\.[\s\S]*Code: 400[\s\S]*already initialized/,
  );
  assert.equal(rig.azure.secrets(VAULT_NAME).versions(SECRET_NAME).length, 1);
});

for (const count of [2, 3] as const) {
  test(
    `init on ${count} nodes at once: one wins, the others say so, and all open as its cluster`,
    TIMEOUT,
    async () => {
      await using rig = await Rig.build(count);
      rig.grant(OFFICER);
      await rig.start();
      const outcomes = await Promise.allSettled(rig.servers.map((server) => server.client.init(SHARES)));
      const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      note(winners);
      assert.equal(winners.length, 1);
      for (const loser of losers) {
        assert.ok(loser instanceof ApiError);
        assert.equal(loser.status, 400);
        assert.match(
          loser.errors[0] ?? '',
          /^Vault is (already initialized|being initialized on another node)$/,
        );
      }
      const opened = await Promise.all(rig.servers.map((server) => rig.untilUnsealed(server)));
      assert.equal(new Set(opened.map((status) => status.clusterId)).size, 1);
      assert.deepEqual(tagsOfKek(rig)['latchkey-cluster-id'], opened[0]?.clusterId);
      assert.equal(rig.azure.secrets(VAULT_NAME).versions(SECRET_NAME).length, 1);
      for (const server of rig.servers) {
        const root = server.client.withToken(winners[0]?.rootToken);
        assert.equal((await root.read('auth/token/lookup-self'))?.data?.['display_name'], 'root');
      }
    },
  );
}

test('share counts that do not fit are refused before Azure is asked', TIMEOUT, async () => {
  await using rig = await Rig.build();
  await rig.start();
  const invalid = 'invalid recovery configuration: ';
  const cases: readonly [Record<string, number>, string][] = [
    [
      { secret_shares: 5, secret_threshold: 3 },
      'parameters secret_shares,secret_threshold not applicable to seal type azurekeyvault',
    ],
    [{ secret_shares: 1 }, 'parameters secret_shares not applicable to seal type azurekeyvault'],
    [{ recovery_shares: 0 }, `${invalid}shares must be at least one`],
    [{ recovery_shares: 3, recovery_threshold: 0 }, `${invalid}threshold must be at least one`],
    [
      { recovery_shares: 2, recovery_threshold: 1 },
      `${invalid}threshold must be greater than one for multiple shares`,
    ],
    [{ recovery_shares: 256, recovery_threshold: 3 }, `${invalid}shares must be less than 256`],
    [{ recovery_shares: 3, recovery_threshold: 4 }, `${invalid}threshold cannot be larger than shares`],
  ];
  for (const [body, text] of cases) {
    const refused = await refusal(rig.server.client.request({ method: 'PUT', path: 'sys/init', body }));
    assert.deepEqual([refused.status, refused.errors], [400, [text]]);
  }
  await assertNothingMade(rig);
  assert.equal(rig.azure.journal.entries().length, 0);
});

for (const [whose, tags] of [
  ['of another cluster', { 'latchkey-cluster-id': '00000000-0000-4000-8000-000000000000' }],
  ['without our tag', { team: 'payments' }],
] as const) {
  test(
    `a secret of that name ${whose}: refused and left alone, until adopt = true takes it over`,
    TIMEOUT,
    async () => {
      await using rig = await Rig.build();
      rig.grant(OFFICER);
      const secrets = rig.azure.secrets(VAULT_NAME);
      const value = Buffer.alloc(32, 5).toString('base64');
      const version = secrets.set(SECRET_NAME, value, tags);
      await rig.start();
      const refused = await refusal(rig.server.client.init(SHARES));
      assert.equal(refused.status, 500);
      const text = refused.errors[0] ?? '';
      assert.match(
        text,
        /^Nothing was written\. secret vault-unseal-key in https:\/\/kv-test\S+ has (no )?tag latchkey-cluster-id/,
      );
      assert.match(
        text,
        /\nTo mend it: choose another secret_name in the seal stanza, or set adopt = true .*, and restart$/,
      );
      assert.equal(await rig.server.client.isInitialized(), false);
      assert.deepEqual(secrets.versions(SECRET_NAME), [version]);
      assert.deepEqual(tagsOfKek(rig), tags);

      await rig.server.stop('SIGTERM');
      await rig.reconfigure(rig.server, { further: '  adopt = true\n' });
      await rig.start();
      note([await rig.server.client.init(SHARES)]);
      const opened = await rig.untilUnsealed(rig.server);
      assert.ok(opened.sealKey.endsWith(version));
      assert.equal(tagsOfKek(rig)['latchkey-cluster-id'], opened.clusterId);
      assert.equal(tagsOfKek(rig)['team'], 'team' in tags ? 'payments' : undefined);
      assert.deepEqual(secrets.versions(SECRET_NAME), [version]);
    },
  );
}

test(
  'may read but not write, or not even read: who, what, which role, and nothing is made; then granted',
  TIMEOUT,
  async () => {
    await using rig = await Rig.build();
    await rig.start();
    const roles = [
      [undefined, 'getSecret', 'Key Vault Secrets '],
      ['Key Vault Secrets User', 'setSecret', `${OFFICER}" `],
    ] as const;
    for (const [granted, action, needed] of roles) {
      if (granted !== undefined) rig.grant(granted);
      const refused = await refusal(rig.server.client.init(SHARES));
      assert.equal(refused.status, 500);
      const text = refused.errors[0] ?? '';
      assert.ok(
        text.startsWith(`Nothing was written. Key Vault refused secrets/${action} on ${rig.vault.uri}/`),
        text,
      );
      assert.ok(
        text.includes(`identity ${rig.identity.clientId} (object ${rig.identity.principalId})`),
        text,
      );
      assert.ok(text.includes(`\nTo mend it: az role assignment create --role "${needed}`), text);
      await assertNothingMade(rig);
    }
    const printed = await runLatchkey(rig.server, ['operator', 'init'], '');
    assert.equal(printed.code, 2);
    assert.match(
      printed.stderr,
      /Code: 500\. Errors:\n\n\* Nothing was written\. .*\nTo mend it: az role assignment/,
    );
    assert.match(
      await rig.logOf(rig.server),
      /init failed: Nothing was written\..* class=keyvault_forbidden_rbac/,
    );
    rig.grant(OFFICER);
    note([await rig.server.client.init(SHARES)]);
    await rig.untilUnsealed(rig.server);
  },
);

test('IMDS is down: nothing is written, and it goes on when it is back', TIMEOUT, async () => {
  await using rig = await Rig.build();
  rig.grant(OFFICER);
  await rig.start();
  rig.azure.faults.add({ target: 'imds', kind: 'refuse' });
  const refused = await refusal(rig.server.client.init(SHARES));
  assert.equal(refused.status, 500);
  assert.match(
    refused.errors[0] ?? '',
    /^Nothing was written\. the connection to IMDS at \S+ was cut \(ECONNRESET\)\nTo mend it: curl -m 5 -H Metadata:true/,
  );
  await assertNothingMade(rig);
  rig.azure.faults.clear();
  note([await rig.server.client.init(SHARES)]);
  await rig.untilUnsealed(rig.server);
});

test(
  'Key Vault hangs and the client gives up: the attempt ends with it, and the next one succeeds at once',
  TIMEOUT,
  async () => {
    await using rig = await Rig.build();
    rig.grant(OFFICER);
    await rig.start();
    const { client } = rig.server;
    rig.azure.faults.add({ target: VAULT_NAME, kind: 'hang', method: 'PUT' });
    const giveUp = new AbortController();
    const asked = client.init(SHARES, giveUp.signal);
    asked.catch(() => {});
    await until('the write to hang', async () => (putsSeen(rig) > 0 ? true : undefined));
    // While it hangs, a second one is told so.
    const second = await refusal(client.init(SHARES));
    assert.deepEqual(
      [second.status, second.errors],
      [400, ['Vault is being initialized on this node, by an earlier request; wait for its end']],
    );
    giveUp.abort();
    await assert.rejects(asked);
    rig.azure.faults.clear();
    const { value: made, tookMs } = await until('the next init', () => client.init(SHARES));
    note([made]);
    assert.ok(tookMs < 5_000, `after ${tookMs} ms`);
    await rig.untilUnsealed(rig.server);
    assert.equal(rig.azure.secrets(VAULT_NAME).versions(SECRET_NAME).length, 1);
  },
);

test(
  'Key Vault breaks in the middle: it says that a repeat goes on from there, and so it does',
  TIMEOUT,
  async () => {
    await using rig = await Rig.build();
    rig.grant(OFFICER);
    await rig.start();
    rig.azure.faults.add({ target: VAULT_NAME, kind: 'status', status: 503, method: 'PUT' });
    const refused = await refusal(rig.server.client.init(SHARES));
    assert.equal(refused.status, 500);
    assert.match(
      refused.errors[0] ?? '',
      /^Not initialised\. kv-test\S+ answered 503 .*\. Repeat the initialisation once that is mended: it goes on where this one stopped\.\nTo mend it: curl -v /,
    );
    assert.equal(await rig.server.client.isInitialized(), false);
    rig.azure.faults.clear();
    note([await rig.server.client.init(SHARES)]);
    await rig.untilUnsealed(rig.server);
    assert.equal(rig.azure.secrets(VAULT_NAME).versions(SECRET_NAME).length, 1);
  },
);

test('restart gives new keys until a token is used; the first ones are void', TIMEOUT, async () => {
  await using rig = await Rig.build(2);
  const first = await rig.startInitialised();
  const { value: active } = await until('a leader', async () => {
    for (const server of rig.servers) if ((await server.client.leader()).isSelf) return server;
    return undefined;
  });
  const standby = rig.servers.find((server) => server !== active);
  assert.ok(standby);
  const elsewhere = await refusal(standby.client.init({ ...SHARES, restart: true }));
  assert.equal(elsewhere.status, 500);
  assert.match(elsewhere.errors[0] ?? '', /init with restart is taken by the active node alone/);

  const second = await active.client.init({ ...SHARES, restart: true });
  note([second]);
  assert.equal(second.recoveryKeysBase64.length, 3);
  assert.notEqual(second.rootToken, first.rootToken);
  await assert.rejects(
    active.client.withToken(first.rootToken).read('auth/token/lookup-self'),
    /permission denied/,
  );
  // The void token was no use of a token.
  const third = await active.client.init({ ...SHARES, restart: true });
  note([third]);
  const root = active.client.withToken(third.rootToken);
  assert.equal((await root.read('auth/token/lookup-self'))?.data?.['display_name'], 'root');
  const refused = await refusal(active.client.init({ ...SHARES, restart: true }));
  assert.equal(refused.status, 400);
  assert.match(refused.errors[0] ?? '', /^Vault is already initialized, and a token has been used since$/);

  // The new recovery keys are the ones that count, in a sealed node of the same cluster too.
  await root.seal();
  await assert.rejects(unsealBy(active, first.recoveryKeysBase64), /failed to verify recovery key/);
  assert.equal((await unsealBy(active, third.recoveryKeysBase64)).sealed, false);
});

async function unsealBy({ client }: Rig['server'], [first, second]: readonly string[]) {
  assert.ok(first && second);
  await client.unseal(first);
  return await client.unseal(second);
}

async function refusal(asked: Promise<unknown>): Promise<ApiError> {
  try {
    await asked;
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }
  assert.fail('it was not refused');
}

async function assertNothingMade(rig: Rig): Promise<void> {
  assert.equal(await rig.server.client.isInitialized(), false);
  assert.equal((await rig.server.client.health()).status, 501);
  assert.deepEqual(rig.azure.secrets(VAULT_NAME).names(), []);
}

function tagsOfKek(rig: Rig): Record<string, string> {
  return rig.azure.secrets(VAULT_NAME).get(SECRET_NAME).tags;
}

function putsSeen(rig: Rig): number {
  return rig.azure.journal.entries({ target: VAULT_NAME, method: 'PUT' }).length;
}

function note(answers: readonly InitAnswer[]): void {
  for (const answer of answers) noteSecrets([answer.rootToken, ...answer.recoveryKeysBase64]);
}
