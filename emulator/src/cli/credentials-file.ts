// The file by which `env`, `exec` and `aks-token` find a running emulator: addresses, and two secrets.

import { lstat, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Addresses, azConfigFiles } from '../client-environment.ts';
import type { Azure } from '../index.ts';

/** The secrets are the operator's client secret and the admin token. */
export type Credentials = Addresses & {
  clientId: string;
  clientSecret: string;
  objectId: string;
  adminToken: string;
  identityEndpoint: string;
  /** A secret of the machine. */
  identityHeader: string;
};

/** In a folder that only its owner can enter; refuses one that somebody else has put there first. */
export async function defaultCredentialsFile(): Promise<string> {
  const { uid } = userInfo();
  const folder = join(process.env['XDG_RUNTIME_DIR'] || tmpdir(), `azure-emulator-${uid}`);
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  const foreign = uid >= 0 && (found.uid !== uid || (found.mode & 0o077) !== 0);
  if (!found.isDirectory() || foreign) {
    throw new Error(
      `${folder} is not a folder that only you can use: remove it, or name a --credentials-file`,
    );
  }
  return join(folder, 'running.json');
}

function azConfigDirOf(credentialsFile: string): string {
  return `${credentialsFile}.az`;
}

/** Everything but secrets: this may end in a log. */
export function addressesOf(azure: Azure, credentialsFile: string): Addresses {
  return {
    authorityUrl: azure.authorityUrl,
    armUrl: azure.armUrl,
    keyVaultAudience: azure.keyVaultAudience,
    keyVaultDnsSuffix: `vault.localhost:${azure.port}`,
    imdsUrl: azure.imdsUrl,
    proxyUrl: azure.proxyUrl,
    adminUrl: azure.adminUrl,
    aksIssuerUrl: azure.aksIssuerUrl,
    tenantId: azure.tenantId,
    subscriptionId: azure.subscriptionId,
    operatorClientId: azure.operator.clientId,
    operatorObjectId: azure.operator.objectId,
    caFile: azure.caFile,
    azConfigDir: azConfigDirOf(credentialsFile),
    intercept: azure.intercept,
    pid: process.pid,
  };
}

/** Owner-only from its first byte on; an old file of that name is replaced only if its mode can be set first. */
export async function writeCredentials(path: string, azure: Azure): Promise<void> {
  const addresses = addressesOf(azure, path);
  await rm(addresses.azConfigDir, { recursive: true, force: true });
  await writeAzConfig(addresses.azConfigDir, azConfigFiles(addresses, azure.operator));
  const file = await open(path, 'w', 0o600);
  try {
    await file.chmod(0o600);
    const content: Credentials = {
      ...addresses,
      ...azure.operator,
      adminToken: azure.adminToken,
      identityEndpoint: azure.identityEndpoint,
      identityHeader: azure.identityHeader,
    };
    await file.writeFile(`${JSON.stringify(content)}\n`);
  } finally {
    await file.close();
  }
}

export async function writeAzConfig(folder: string, files: Record<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content, { mode: 0o600 });
  }
}

/** Takes az's state with it, which knows the operator's secret. Leaves a file that another emulator has written since. */
export async function removeCredentials(path: string): Promise<void> {
  const found = await readCredentials(path).catch(() => undefined);
  if (found?.pid !== process.pid) return;
  await rm(azConfigDirOf(path), { recursive: true, force: true });
  await rm(path, { force: true });
}

/** Throws with words when there is none. */
export async function readCredentials(path: string): Promise<Credentials> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new Error(`no emulator runs that has written ${path}`);
  }
  return JSON.parse(text) as Credentials;
}

/** Whether the emulator that wrote it still answers. */
export async function isAlive({ adminUrl, adminToken }: Credentials): Promise<boolean> {
  try {
    const answer = await fetch(`${adminUrl}/settings`, {
      headers: { 'x-admin-token': adminToken },
      signal: AbortSignal.timeout(2_000),
    });
    return answer.ok;
  } catch {
    return false;
  }
}
