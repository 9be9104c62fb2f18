// The local Azure of the demo, in a process of its own, and the few ARM calls that `az` would make.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the emulator says when it is ready. */
export interface AzureAddresses {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly authorityUrl: string;
  readonly armUrl: string;
  readonly imdsUrl: string;
  readonly adminUrl: string;
  readonly caFile: string;
  readonly keyVaultAudience: string;
  readonly aksIssuerUrl: string;
  readonly operatorObjectId: string;
}

interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly adminToken: string;
}

export interface ServicePrincipal {
  readonly clientId: string;
  readonly principalId: string;
  readonly clientSecret: string;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface VaultResource {
  readonly id: string;
  readonly vaultUri: string;
}

export interface IdentityResource {
  readonly id: string;
  readonly clientId: string;
  readonly principalId: string;
}

const ROLES = {
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6',
  'Key Vault Crypto Officer': '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
  'Key Vault Crypto Service Encryption User': 'e147488a-f6f5-4113-8e2d-b22465e65bf6',
} as const;

export class LocalAzure {
  readonly addresses: AzureAddresses;
  readonly #child: ChildProcess;
  readonly #ca: string;
  readonly #credentials: Credentials;
  #token = '';

  private constructor(child: ChildProcess, addresses: AzureAddresses, ca: string, credentials: Credentials) {
    this.#child = child;
    this.addresses = addresses;
    this.#ca = ca;
    this.#credentials = credentials;
  }

  static async start(folder: string): Promise<LocalAzure> {
    const cli = join(import.meta.dirname, '..', 'emulator', 'src', 'cli.ts');
    const caFile = join(folder, 'azure-ca.pem');
    const credentialsFile = join(folder, 'azure-operator.json');
    const child = spawn(
      process.execPath,
      [
        cli,
        'start',
        '--port=0',
        '--imds-port=0',
        '--admin-port=0',
        `--ca-file=${caFile}`,
        `--credentials-file=${credentialsFile}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stderr.pipe(createWriteStream(join(folder, 'azure.log'), { flags: 'a' }));
    const addresses = await firstLine(child);
    const credentials = JSON.parse(await readFile(credentialsFile, 'utf8')) as Credentials;
    return new LocalAzure(child, addresses, await readFile(caFile, 'utf8'), credentials);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }

  /** `az login --service-principal …` */
  async login(): Promise<void> {
    this.#token = await this.#tokenFor('https://management.azure.com');
  }

  async #tokenFor(audience: string): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: this.#credentials.clientId,
      client_secret: this.#credentials.clientSecret,
      scope: `${audience}/.default`,
    });
    const url = `${this.addresses.authorityUrl}/${this.addresses.tenantId}/oauth2/v2.0/token`;
    const answer = await this.#call('POST', url, form.toString(), 'application/x-www-form-urlencoded');
    return String(answer['access_token']);
  }

  /** `az group create …` */
  async createResourceGroup(name: string, location: string): Promise<void> {
    await this.#arm(
      'PUT',
      `/subscriptions/${this.addresses.subscriptionId}/resourcegroups/${name}`,
      '2024-11-01',
      { location },
    );
  }

  /** `az keyvault create …` */
  async createKeyVault(group: string, name: string, location: string): Promise<VaultResource> {
    const { tenantId } = this.addresses;
    const body = {
      location,
      properties: {
        tenantId,
        sku: { family: 'A', name: 'standard' },
        accessPolicies: [],
        enableRbacAuthorization: true,
      },
    };
    const path = `${this.#groupPath(group)}/providers/Microsoft.KeyVault/vaults/${name}`;
    const answer = await this.#arm('PUT', path, '2023-02-01', body);
    const properties = answer['properties'] as { vaultUri: string };
    return { id: String(answer['id']), vaultUri: properties.vaultUri.replace(/\/$/, '') };
  }

  /** `az identity create …` */
  async createIdentity(group: string, name: string, location: string): Promise<IdentityResource> {
    const path = `${this.#groupPath(group)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
    const answer = await this.#arm('PUT', path, '2023-01-31', { location });
    const properties = answer['properties'] as { clientId: string; principalId: string };
    return { id: String(answer['id']), ...properties };
  }

  /** `az role assignment create …`; gives the id of the assignment. */
  async assignRole(role: keyof typeof ROLES, principalId: string, scope: string): Promise<string> {
    const definition = `/subscriptions/${this.addresses.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${ROLES[role]}`;
    const path = `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
    const answer = await this.#arm('PUT', path, '2022-04-01', {
      properties: { roleDefinitionId: definition, principalId, principalType: 'ServicePrincipal' },
    });
    return String(answer['id']);
  }

  /** `az role assignment delete …` */
  async deleteRoleAssignment(id: string): Promise<void> {
    await this.#arm('DELETE', id, '2022-04-01');
  }

  /** `az keyvault key create …`, by whoever is logged in: that takes a role on the vault's data. */
  async createKey(vaultUri: string, name: string): Promise<void> {
    const token = await this.#tokenFor(this.addresses.keyVaultAudience);
    const body = { kty: 'RSA', key_size: 2048, key_ops: ['wrapKey', 'unwrapKey'] };
    await this.askVault('POST', `${vaultUri}/keys/${name}/create`, token, body);
  }

  /** `az ad sp create-for-rbac …`; that is Graph on Azure, and the admin port here. */
  async createServicePrincipal(displayName: string): Promise<ServicePrincipal> {
    const { clientId, principalId, clientSecret } = await this.#admin('applications', { displayName });
    return {
      clientId: String(clientId),
      principalId: String(principalId),
      clientSecret: String(clientSecret),
    };
  }

  /** `az identity federated-credential create …`: the identity may be used by whoever shows the account's token. */
  async trustServiceAccount(
    identity: IdentityResource,
    name: string,
    account: ServiceAccount,
  ): Promise<void> {
    await this.#arm('PUT', `${identity.id}/federatedIdentityCredentials/${name}`, '2023-01-31', {
      properties: {
        issuer: this.addresses.aksIssuerUrl,
        subject: `system:serviceaccount:${account.namespace}:${account.serviceAccount}`,
        audiences: ['api://AzureADTokenExchange'],
      },
    });
  }

  /** The token that AKS keeps in each pod of a service account. */
  async aksToken(account: ServiceAccount): Promise<string> {
    return String((await this.#admin('aks-tokens', { ...account }))['token']);
  }

  /** Names of the secrets of a vault, asked for as the identity would: a token from IMDS, then Key Vault. */
  async secretNames(vaultUri: string, clientId: string): Promise<readonly string[]> {
    const token = await this.identityToken(clientId);
    const answer = await this.askVault('GET', `${vaultUri}/secrets`, token);
    const items = answer['value'] as readonly { id: string }[];
    return items.map((item) => new URL(item.id).pathname.split('/')[2] ?? '');
  }

  /** From IMDS, for Key Vault. */
  async identityToken(clientId: string): Promise<string> {
    const query = new URLSearchParams({
      'api-version': '2018-02-01',
      resource: this.addresses.keyVaultAudience,
      client_id: clientId,
    });
    const answer = await fetch(`${this.addresses.imdsUrl}/metadata/identity/oauth2/token?${query}`, {
      headers: { Metadata: 'true' },
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  /** One call of Key Vault's own API. */
  askVault(method: string, url: string, token: string, body?: unknown): Promise<Record<string, unknown>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.#call(method, `${url}?api-version=7.5`, text, 'application/json', token);
  }

  /** What belongs to Graph or to a cluster is not in ARM; the emulator does it at its admin port. */
  async #admin(path: string, body: Record<string, string>): Promise<Record<string, unknown>> {
    const reply = await fetch(`${this.addresses.adminUrl}/${path}`, {
      method: 'POST',
      headers: { 'x-admin-token': this.#credentials.adminToken },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`POST /${path} at the admin port gave ${reply.status}`);
    return (await reply.json()) as Record<string, unknown>;
  }

  #groupPath(group: string): string {
    return `/subscriptions/${this.addresses.subscriptionId}/resourceGroups/${group}`;
  }

  #arm(method: string, path: string, version: string, body?: unknown): Promise<Record<string, unknown>> {
    const url = `${this.addresses.armUrl}${path}?api-version=${version}`;
    return this.#call(method, url, body === undefined ? undefined : JSON.stringify(body), 'application/json');
  }

  #call(
    method: string,
    url: string,
    body: string | undefined,
    type: string,
    token = this.#token,
  ): Promise<Record<string, unknown>> {
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token !== '') headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = type;
    const call = request(
      url,
      { method, headers, ca: this.#ca, lookup: toLoopback, timeout: 10_000 },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8');
        reply.on('data', (piece: string) => {
          text += piece;
        });
        reply.on('end', () => {
          const status = reply.statusCode ?? 0;
          if (status >= 400) reject(new Error(`${method} ${new URL(url).pathname} gave ${status}: ${text}`));
          else resolve(text === '' ? {} : (JSON.parse(text) as Record<string, unknown>));
        });
      },
    );
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error(`${method} ${url} did not answer`)));
    call.end(body);
    return promise;
  }
}

/** `*.localhost` is loopback by RFC 6761, but not to every resolver. */
const toLoopback: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

/** The emulator prints one JSON line once it listens. */
async function firstLine(child: ChildProcess): Promise<AzureAddresses> {
  if (child.stdout === null) throw new Error('the emulator has no output');
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    if (line.startsWith('{')) return JSON.parse(line) as AzureAddresses;
  }
  throw new Error('the local Azure ended before it was ready; see azure.log');
}
