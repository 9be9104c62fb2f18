// The process that initialises is killed: at each of its calls to Azure, before and after Azure has acted, and at
// random. Started again, it is not initialised and a second init succeeds with the same KEK, or it is initialised and
// opens, and `restart` gives the keys that were lost.

import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { InitAnswer } from '../../src/client/answers.ts';
import { ApiError } from '../../src/client/api-error.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { Rig, SECRET_NAME, VAULT_NAME } from './rig.ts';

const SHARES = { recoveryShares: 3, recoveryThreshold: 2 };
/** More calls than an initialisation makes; seen are about ten. */
const CALLS_MAX = 40;

type Moment = 'before' | 'after';

describe('a process that is killed while it initialises', { timeout: 240_000, concurrency: 2 }, () => {
  for (const moment of ['before', 'after'] as const) {
    test(`${moment} Azure has acted on its n-th call, for every n`, async (context) => {
      await using rig = await Rig.build();
      rig.grant('Key Vault Secrets Officer');
      const ends: string[] = [];
      for (let call = 1; ; call += 1) {
        assert.ok(call < CALLS_MAX, 'it ends');
        await clear(rig);
        await rig.start();
        const killed = killAtCall(rig, call, moment);
        const answer = await rig.server.client.init(SHARES).catch((error: unknown) => error);
        const wasKilled = killed.disarm();
        if (!wasKilled) {
          note(answer);
          break;
        }
        ends.push(await assertMends(rig, `killed ${moment} call ${call}`));
      }
      context.diagnostic(ends.join(' '));
      assert.ok(ends.length >= 8, `there are calls to be killed at; seen ${ends.length}`);
      assert.ok(ends.includes('repeated') && ends.includes('restarted'), ends.join(' '));
    });
  }

  test('at ten random times', async (context) => {
    await using rig = await Rig.build();
    rig.grant('Key Vault Secrets Officer');
    const ends: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      await clear(rig);
      await rig.start();
      const delayMs = Math.floor(Math.random() * 300);
      const answer = rig.server.client.init(SHARES).then(note, () => undefined);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await rig.server.stop('SIGKILL');
      await answer;
      ends.push(`${delayMs}:${await assertMends(rig, `killed after ${delayMs} ms`)}`);
    }
    context.diagnostic(ends.join(' '));
  });
});

/** A new, empty world for the same server. */
async function clear(rig: Rig): Promise<void> {
  await rig.server.stop('SIGKILL');
  const data = join(rig.folder, 'data');
  await rm(data, { recursive: true });
  await mkdir(data, { mode: 0o700 });
  const secrets = rig.azure.secrets(VAULT_NAME);
  if (!secrets.names().includes(SECRET_NAME)) return;
  noteSecrets([secrets.get(SECRET_NAME).value]);
  secrets.delete(SECRET_NAME);
  secrets.purge(SECRET_NAME);
}

/** Kills the server at a call to IMDS or the vault, in the same turn of this process in which Azure meets it. */
function killAtCall({ azure, server }: Rig, call: number, moment: Moment): { disarm(): boolean } {
  const { faults, journal } = azure;
  let seen = 0;
  let killed = false;
  const count = () => {
    seen += 1;
    if (seen !== call || server.pid === undefined) return;
    process.kill(server.pid, 'SIGKILL');
    killed = true;
  };
  if (moment === 'before') {
    faults.meet = (target, method) => {
      count();
      // What a dead process has sent is not carried out either: that is the moment after.
      return killed
        ? [{ target, kind: 'refuse', id: 'killed', hits: 1 }]
        : Object.getPrototypeOf(faults).meet.call(faults, target, method);
    };
  } else {
    journal.record = (entry) => {
      Object.getPrototypeOf(journal).record.call(journal, entry);
      count();
    };
  }
  return {
    disarm() {
      Reflect.deleteProperty(faults, 'meet');
      Reflect.deleteProperty(journal, 'record');
      return killed;
    },
  };
}

/** Which of the two ways it took. */
async function assertMends(rig: Rig, when: string): Promise<'repeated' | 'restarted'> {
  const { server } = rig;
  await until('the killed process to be gone', async () => (server.isRunning ? undefined : true));
  await rig.start();
  const wasInitialised = await server.client.isInitialized();
  if (wasInitialised) {
    await until('it to lead', async () => ((await server.client.leader()).isSelf ? true : undefined));
  }
  const answer = await server.client.init({ ...SHARES, restart: wasInitialised });
  note(answer);
  const status = await rig.untilUnsealed(server);
  const secrets = rig.azure.secrets(VAULT_NAME);
  assert.equal(secrets.versions(SECRET_NAME).length, 1, `${when}: one version of the KEK`);
  assert.equal(secrets.get(SECRET_NAME).tags['latchkey-cluster-id'], status.clusterId, when);
  const root = server.client.withToken(answer.rootToken);
  assert.equal((await root.read('auth/token/lookup-self'))?.data?.['display_name'], 'root', when);
  const refused: unknown = await server.client.init({ ...SHARES, restart: true }).catch((error) => error);
  assert.ok(refused instanceof ApiError && refused.status === 400, when);
  return wasInitialised ? 'restarted' : 'repeated';
}

function note(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('rootToken' in answer)) return;
  const { rootToken, recoveryKeysBase64 } = answer as InitAnswer;
  noteSecrets([rootToken, ...recoveryKeysBase64]);
}
