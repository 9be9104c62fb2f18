// What the local Azure costs and how fast it is, in a process of its own, over TLS, beside `openssl speed` on the same
// machine in the same run:
//
//   npm run bench:azure [-- --seconds 2] [--json <file>]

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { LocalAzure } from '../demo/local-azure.ts';
import { load } from './load.ts';

interface Site {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly token: string;
}

const { values } = parseArgs({ options: { seconds: { type: 'string' }, json: { type: 'string' } } });
const seconds = Number(values.seconds ?? 2);
const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-azure-'));
const startedAt = performance.now();
const azure = await LocalAzure.start(folder);
const startMs = Math.round(performance.now() - startedAt);
try {
  const { site, versionPath, blob } = await furnish(azure);
  const idleMb = await residentMb();
  const rows = [];
  for (const connections of [1, 16]) {
    rows.push({ what: 'secret read', ...(await loaded(site, connections, 'GET', '/secrets/hello')) });
    const body = JSON.stringify({ alg: 'RSA-OAEP-256', value: blob });
    const path = `${versionPath}/unwrapkey`;
    rows.push({ what: 'unwrapKey', ...(await loaded(site, connections, 'POST', path, body)) });
  }
  const opensslPerSecond = await opensslPrivateOperations();
  const report = {
    node: process.version,
    startMs,
    idleMb,
    loadedMb: await residentMb(),
    opensslPerSecond,
    rows,
  };
  console.log(
    `start to the first answer: ${startMs} ms; resident: ${idleMb} MB, ${report.loadedMb} MB after the load`,
  );
  console.log(`openssl speed rsa2048, private operations on one processor: ${opensslPerSecond}/s`);
  console.table(rows);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  await azure.stop();
  await rm(folder, { recursive: true, force: true });
}

/** A vault with a secret, a key, something wrapped with it, and the token of an identity that may use both. */
async function furnish(local: LocalAzure) {
  const [group, location] = ['bench', 'eastus'];
  await local.login();
  await local.createResourceGroup(group, location);
  const vault = await local.createKeyVault(group, 'kv-bench', location);
  const identity = await local.createIdentity(group, 'bench', location);
  await local.assignRole('Key Vault Secrets Officer', identity.principalId, vault.id);
  await local.assignRole('Key Vault Crypto Officer', identity.principalId, vault.id);
  const { hostname: host, port } = new URL(vault.vaultUri);
  const ca = await readFile(local.addresses.caFile, 'utf8');
  const token = await local.identityToken(identity.clientId);
  const site: Site = { host, port: Number(port), ca, token };
  await local.askVault('PUT', `${vault.vaultUri}/secrets/hello`, token, { value: 'w'.repeat(44) });
  const { key } = await local.askVault('POST', `${vault.vaultUri}/keys/unseal/create`, token, {
    kty: 'RSA',
    key_size: 2048,
  });
  const { kid } = key as { kid: string };
  const value = Buffer.alloc(32, 7).toString('base64url');
  const wrapped = await local.askVault('POST', `${kid}/wrapkey`, token, { alg: 'RSA-OAEP-256', value });
  return { site, versionPath: new URL(kid).pathname, blob: String(wrapped['value']) };
}

async function loaded(site: Site, connections: number, method: string, path: string, body = '') {
  const head =
    `${method} ${path}?api-version=7.5 HTTP/1.1\r\nhost: ${site.host}:${site.port}\r\n` +
    `authorization: Bearer ${site.token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const { port, ca, host: servername } = site;
  const plan = { port, ca, servername, connections, seconds, request: () => `${head}${body}` };
  const { requestsPerSecond, p50Ms, p99Ms } = await load(plan);
  return { connections, requestsPerSecond, p50Ms, p99Ms };
}

async function residentMb(): Promise<number> {
  const status = await readFile(`/proc/${azure.pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024);
}

/** The last line of its table: `rsa  2048 bits 0.000612s 0.000018s   1634.0  55555.6`. */
async function opensslPrivateOperations(): Promise<number> {
  const { stdout } = await promisify(execFile)('openssl', ['speed', '-seconds', '2', 'rsa2048']);
  const figures = /^rsa\s+2048 bits\s+(.*)$/m.exec(stdout)?.[1]?.trim().split(/\s+/) ?? [];
  return Math.round(Number(figures[2]));
}
