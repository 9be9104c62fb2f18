// An initialised node is started while something in Azure, or on the way to it, is wrong: it is up, sealed, says why and
// what mends it, and opens by itself in the same process once it is mended.

import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runLatchkey } from '../../demo/command-line.ts';
import { until } from '../../demo/conditions.ts';
import { makeCertificates } from '../../emulator/src/certificates.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { SealStatusFault } from '../../src/client/answers.ts';
import { openLmdb } from '../../src/storage/lmdb/lmdb.ts';
import { unfenced } from '../../src/storage/storage.ts';
import { Gate } from './gate.ts';
import { Rig, SECRET_NAME, VAULT_NAME } from './rig.ts';

const OFFICER = 'Key Vault Secrets Officer';
const ASK_VAULT = /curl -v https:\/\/kv-test\.vault\.localhost:\d+\/healthstatus/;
const OTHER_ID = '00000000-0000-4000-8000-000000000000';

interface Trouble {
  readonly name: string;
  /** While the server is down. Returns what mends it in Azure; undefined if only another config does. */
  play(rig: Rig): Promise<Mend | undefined> | Mend | undefined;
  readonly stage: string;
  readonly class: string;
  readonly httpStatus?: number;
  /** What the sentence and the remedy must say. */
  readonly sentence: RegExp;
  readonly remedy: RegExp;
  /** It is tried again after some minutes only, or at a SIGHUP. */
  readonly rare?: true;
}

type Mend = () => Promise<void> | void;

const IDENTITY_TROUBLES: readonly Trouble[] = [
  {
    name: 'IMDS is not there',
    async play(rig) {
      const gate = await Gate.closed();
      await rig.reconfigure(rig.server, { imds_endpoint: `http://127.0.0.1:${gate.port}` });
      return () => openFor(rig, gate, rig.azure.imdsUrl);
    },
    stage: 'token',
    class: 'imds_unreachable',
    sentence: /cannot reach IMDS at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): is this an Azure machine/,
    remedy: /curl .*Metadata:true/,
  },
  imdsStatus(410, 'imds_updating', /IMDS at .* is being updated \(410\)/, /wait/),
  imdsStatus(429, 'imds_throttled', /IMDS at .* is throttling \(429\)/, /wait/),
  imdsStatus(500, 'imds_failed', /IMDS at .* gave no token \(HTTP 500\)/, /curl .*Metadata:true/),
  {
    name: 'the identity was taken off the machine',
    play({ azure, identity }) {
      azure.detachIdentity(identity.principalId);
      return () => azure.attachIdentity(identity.principalId);
    },
    stage: 'token',
    class: 'imds_identity_not_found',
    httpStatus: 400,
    sentence: /has no identity [0-9a-f-]{36} for this machine/,
    remedy: /az vm identity assign/,
  },
  {
    name: 'the vault is of another tenant',
    play({ azure }) {
      azure.createVault(VAULT_NAME, { tenantId: OTHER_ID });
      return () => void azure.createVault(VAULT_NAME);
    },
    stage: 'token',
    class: 'keyvault_unauthorized',
    httpStatus: 401,
    sentence:
      /wrong tenant: kv-test\.vault\.localhost belongs to tenant 00000000-0000-4000-8000-000000000000, this node is set to /,
    remedy: /az keyvault show --name kv-test --query properties.tenantId/,
  },
];

const SECRET_TROUBLES: readonly Trouble[] = [
  {
    name: 'no role',
    play(rig) {
      rig.revokeAll();
      return () => rig.grant('Key Vault Secrets User');
    },
    stage: 'key',
    class: 'keyvault_forbidden_rbac',
    httpStatus: 403,
    sentence: /refused secrets\/getSecret on https:\S+\/secrets\/vault-unseal-key: identity [0-9a-f-]{36}/,
    remedy: /az role assignment create --role "Key Vault Secrets User" --assignee-object-id [0-9a-f-]{36}/,
  },
  {
    name: 'the secret is disabled',
    play({ azure }) {
      azure.secrets(VAULT_NAME).setEnabled(SECRET_NAME, false);
      return () => azure.secrets(VAULT_NAME).setEnabled(SECRET_NAME, true);
    },
    stage: 'key',
    class: 'keyvault_secret_disabled',
    httpStatus: 403,
    sentence: /secrets\/vault-unseal-key\/[0-9a-f]{32} is disabled/,
    remedy:
      /az keyvault secret set-attributes --vault-name kv-test --name vault-unseal-key --version [0-9a-f]{32} --enabled true/,
  },
  {
    name: 'the secret is deleted',
    play({ azure }) {
      azure.secrets(VAULT_NAME).delete(SECRET_NAME);
      return () => azure.secrets(VAULT_NAME).recover(SECRET_NAME);
    },
    stage: 'key',
    class: 'keyvault_secret_deleted',
    httpStatus: 404,
    sentence: /secret vault-unseal-key in https:\S+ is deleted; it can be recovered until \d{4}-\d\d-\d\d/,
    remedy: /az keyvault secret recover --vault-name kv-test --name vault-unseal-key/,
  },
  {
    name: 'the config names a vault that never had the KEK',
    async play(rig) {
      const other = rig.azure.createVault('kv-other');
      const { principalId } = rig.identity;
      rig.azure.assignRole({ principalId, role: OFFICER, scope: other.id });
      await rig.reconfigure(rig.server, { vault_uri: other.uri });
      return undefined;
    },
    stage: 'key',
    class: 'keyvault_secret_not_found',
    httpStatus: 404,
    sentence: /the data was sealed by https:\/\/kv-test\.\S+; this node is set to https:\/\/kv-other/,
    remedy: /set vault_uri = "https:\/\/kv-test\.\S+", or restore a backup/,
  },
  {
    name: 'the stored copy points to the KEK of another cluster',
    async play(rig) {
      const [own] = rig.azure.secrets(VAULT_NAME).versions(SECRET_NAME);
      const value = Buffer.alloc(32, 7).toString('base64');
      const foreign = rig.azure
        .secrets(VAULT_NAME)
        .set(SECRET_NAME, value, { 'latchkey-cluster-id': OTHER_ID });
      assert.ok(own);
      await replaceInRootKeys(rig, own, foreign);
      return () => replaceInRootKeys(rig, foreign, own);
    },
    stage: 'unwrap',
    class: 'kek_mismatch',
    sentence: /does not open the stored copy: it is another KEK, or the data belongs to another cluster/,
    remedy: /set vault_uri and secret_name to where this data was sealed/,
    rare: true,
  },
];

const NETWORK_TROUBLES: readonly Trouble[] = [
  {
    name: 'the vault is deleted',
    play(rig) {
      rig.azure.deleteVault(VAULT_NAME);
      return () => {
        rig.azure.recoverVault(VAULT_NAME);
        rig.grant(OFFICER);
      };
    },
    stage: 'key',
    class: 'tcp_reset',
    sentence: /the connection to kv-test\.vault\.localhost .* was cut/,
    remedy: ASK_VAULT,
  },
  {
    name: 'the host answers 404: there is no such vault',
    async play(rig) {
      rig.azure.settings.unknownVault = 'not-found';
      await rig.reconfigure(rig.server, { vault_uri: rig.azure.vaultUri('kv-nowhere') });
      return undefined;
    },
    stage: 'key',
    class: 'keyvault_not_found',
    httpStatus: 404,
    sentence: /kv-nowhere\.vault\.localhost answered 404 .*: is it a Key Vault, and does the vault exist\?/,
    remedy: /az keyvault show --name kv-nowhere/,
  },
  {
    name: 'the name of the vault does not resolve',
    async play(rig) {
      await rig.reconfigure(rig.server, { vault_uri: 'https://kv.invalid' });
      return undefined;
    },
    stage: 'dns',
    class: 'dns_failed',
    sentence: /no address found for kv\.invalid \(E\w+\): is the vault's name right/,
    remedy: /az keyvault show --name kv /,
  },
  {
    name: 'the certificate is of an unknown authority',
    async play(rig) {
      const { caPem } = await makeCertificates();
      const file = join(rig.folder, 'other-ca.pem');
      await writeFile(file, caPem);
      await rig.reconfigure(rig.server, { ca_cert: file });
      return undefined;
    },
    stage: 'tls',
    class: 'tls_untrusted',
    sentence: /the certificate of kv-test\.vault\.localhost .* was not signed by the authority in ca_cert/,
    remedy: /set ca_cert in the seal stanza/,
  },
  {
    name: 'the vault refuses connections',
    async play(rig) {
      const gate = await Gate.closed();
      await rig.reconfigure(rig.server, { vault_uri: `https://${VAULT_NAME}.vault.localhost:${gate.port}` });
      return () => openFor(rig, gate, rig.azure.authorityUrl);
    },
    stage: 'tcp',
    class: 'tcp_refused',
    sentence: /kv-test\.vault\.localhost \(127\.0\.0\.1:\d+\) refused the TCP connection/,
    remedy: ASK_VAULT,
  },
  vaultFault({ kind: 'refuse' }, 'tcp_reset', /the connection to kv-test\S+ .* was cut before the answer/),
  vaultFault(
    { kind: 'status', status: 503 },
    'keyvault_unavailable',
    /kv-test\.vault\.localhost answered 503/,
  ),
  vaultFault(
    { kind: 'status', status: 429, retryAfterSeconds: 2 },
    'keyvault_throttled',
    /kv-test\.vault\.localhost is throttling \(429\)/,
    /az monitor metrics list/,
  ),
];

const CONFIG_TROUBLES: readonly Trouble[] = [
  {
    name: 'cluster_id pins another cluster',
    async play(rig) {
      await appendFile(rig.server.configFile, `cluster_id = "${OTHER_ID}"\n`);
      return undefined;
    },
    stage: 'config',
    class: 'cluster_id_mismatch',
    sentence: /The storage belongs to cluster [0-9a-f-]{36}, and cluster_id in the config pins 0{8}-/,
    remedy: /cluster_id|storage/,
  },
  {
    name: 'the seal stanza has another name',
    async play(rig) {
      await rig.reconfigure(rig.server, { further: '  name = "spare"\n' });
      return undefined;
    },
    stage: 'config',
    class: 'no_copy_for_seal',
    sentence: /was sealed by "azurekeyvault" \(azurekeyvault, https:\S+\), and this node is set to "spare"/,
    remedy: /name = "azurekeyvault"/,
  },
];

const TROUBLES = [...IDENTITY_TROUBLES, ...SECRET_TROUBLES, ...NETWORK_TROUBLES, ...CONFIG_TROUBLES];

describe('started while', { timeout: 240_000 }, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.build();
    await rig.startInitialised();
  });
  after(() => rig[Symbol.asyncDispose]());

  for (const trouble of TROUBLES) {
    test(`${trouble.name}: ${trouble.class}`, async () => {
      await rig.server.stop('SIGTERM');
      await rig.reconfigure(rig.server, {});
      const mend = await trouble.play(rig);
      rig.server.start();
      const { pid } = rig.server;
      try {
        await assertTold(rig, trouble);
      } finally {
        await mend?.();
        if (mend === undefined) await restart(rig);
        else if (trouble.rare && pid !== undefined) process.kill(pid, 'SIGHUP');
      }
      await rig.untilUnsealed(rig.server);
      if (mend !== undefined) assert.equal(rig.server.pid, pid, 'it opened by itself');
    });
  }
});

/** With the config as it should be. */
async function restart(rig: Rig): Promise<void> {
  await rig.server.stop('SIGTERM');
  await rig.reconfigure(rig.server, {});
  rig.server.start();
}

async function assertTold(rig: Rig, trouble: Trouble): Promise<void> {
  const { server } = rig;
  const status = await rig.untilFault(server, trouble.class);
  const fault = status.lastError;
  assert.ok(fault);
  assert.equal(status.sealed, true);
  assert.equal(status.initialized, true);
  assert.equal(status.unsealState, 'fault');
  assert.equal(fault.stage, trouble.stage);
  assert.equal(fault.httpStatus, trouble.httpStatus ?? 0);
  assert.match(fault.sentence, trouble.sentence);
  assert.equal((await server.client.health()).status, 503);
  const printed = await runLatchkey(server, ['status'], '');
  assert.equal(printed.code, 2, printed.stderr);
  const why = printed.stdout.split('\n').find((line) => line.startsWith('Why sealed: ')) ?? '';
  assert.match(why, trouble.sentence);
  assert.ok(why.includes(`class ${trouble.class}`), why);
  assert.match(printed.stdout.split('\nTo mend it: ')[1] ?? '', trouble.remedy);
  await assertLogged(rig, fault);
}

/** One line for the first attempt, with all that one needs. */
async function assertLogged(rig: Rig, fault: SealStatusFault): Promise<void> {
  const { value: line } = await until('the log to say why', async () => {
    const last = (await rig.logOf(rig.server)).split(' listening: ').at(-1) ?? '';
    return last.split('\n').find((candidate) => candidate.includes('still sealed: '));
  });
  for (const words of [`stage=${fault.stage}`, `class=${fault.class}`, `attempt=1`, fault.sentence]) {
    assert.ok(line.includes(words), `${words} in: ${line}`);
  }
}

function imdsStatus(status: number, faultClass: string, sentence: RegExp, remedy: RegExp): Trouble {
  return {
    name: `IMDS answers ${status}`,
    play({ azure }) {
      azure.faults.add({ target: 'imds', kind: 'status', status });
      return () => void azure.faults.clear();
    },
    stage: 'token',
    class: faultClass,
    httpStatus: status,
    sentence,
    remedy,
  };
}

function vaultFault(
  spec: { readonly kind: 'refuse' | 'status'; readonly status?: number; readonly retryAfterSeconds?: number },
  faultClass: string,
  sentence: RegExp,
  remedy = ASK_VAULT,
): Trouble {
  return {
    name: spec.status === undefined ? 'the vault cuts connections' : `the vault answers ${spec.status}`,
    play({ azure }) {
      azure.faults.add({ target: VAULT_NAME, ...spec });
      return () => void azure.faults.clear();
    },
    stage: 'key',
    class: faultClass,
    ...(spec.status === undefined ? {} : { httpStatus: spec.status }),
    sentence,
    remedy,
  };
}

/** The service comes up, and the gate stays open until the rig's next config does without it. */
async function openFor(rig: Rig, gate: Gate, url: string): Promise<void> {
  await gate.open(Number(new URL(url).port));
  gates.push(gate);
  assert.ok(rig.server.isRunning);
}

const gates: Gate[] = [];
after(() => Promise.all(gates.map((gate) => gate[Symbol.asyncDispose]())));

/** While the server is down: another text of the same length in the plain record of the wrapped root key. */
async function replaceInRootKeys(rig: Rig, from: string, to: string): Promise<void> {
  const { storage, election } = await openLmdb({
    path: join(rig.folder, 'data'),
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    onPanic: (reason) => assert.fail(reason),
  });
  const bytes = await storage.get('core/root-keys');
  assert.ok(bytes);
  const value = Buffer.from(Buffer.from(bytes).toString('utf8').replace(from, to));
  await storage.write([{ kind: 'put', key: 'core/root-keys', value: new Uint8Array(value) }], unfenced);
  await election.close();
  await storage.close();
}
