// A cluster of real server processes on one store, and a local Azure inside the test's own process, whose insides the
// test can reach: for playing faults. The story's own rig, with Azure in a process too, is demo/stage.ts.

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Azure, startAzure } from '@latchkey/azure-emulator';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import {
  leaderOf,
  type SealStanza,
  type ServerPlace,
  ServerProcess,
  type StorePlace,
} from '../../demo/server-process.ts';
import type { InitAnswer, SealStatus } from '../../src/client/answers.ts';
import { keepLogs, noteSecrets } from '../leaks/ledger.ts';

export const VAULT_NAME = 'kv-test';
export const SECRET_NAME = 'vault-unseal-key';

export interface Identity {
  readonly clientId: string;
  readonly principalId: string;
}

export class Rig implements AsyncDisposable {
  readonly azure: Azure;
  readonly identity: Identity;
  readonly vault: { readonly id: string; readonly uri: string };
  readonly servers: readonly ServerProcess[];
  readonly #folder: string;
  readonly #places: readonly ServerPlace[];
  readonly #store: StorePlace;

  private constructor(
    folder: string,
    azure: Azure,
    places: readonly ServerPlace[],
    servers: ServerProcess[],
    store: StorePlace,
  ) {
    this.#folder = folder;
    this.azure = azure;
    this.vault = azure.createVault(VAULT_NAME);
    this.identity = azure.createIdentity('vault-identity');
    this.#places = places;
    this.#store = store;
    this.servers = servers;
  }

  /** Azure is up with vault and identity, without any role; config files are written; no server runs yet. */
  static async build(count: 1 | 2 | 3 = 1, store?: StorePlace): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
    const data = join(folder, 'data');
    await mkdir(data, { mode: 0o700 });
    const azure = await startAzure({ caFile: join(folder, 'azure-ca.pem') });
    const pairs = (await choosePorts(0)).slice(0, count);
    const places = pairs.map((pair, index) => ({ name: `vault-${index}`, folder, ...pair }));
    const servers: ServerProcess[] = [];
    const rig = new Rig(folder, azure, places, servers, store ?? data);
    for (const place of places) servers.push(await ServerProcess.prepare(place, rig.#store, rig.stanza()));
    return rig;
  }

  get folder(): string {
    return this.#folder;
  }

  /** The only server of a rig of one, or the first. */
  get server(): ServerProcess {
    const [first] = this.servers;
    if (first === undefined) throw new Error('the rig has no server');
    return first;
  }

  stanza(changes: Partial<SealStanza> = {}): SealStanza {
    return {
      tenant_id: this.azure.tenantId,
      vault_uri: this.vault.uri,
      client_id: this.identity.clientId,
      authority_host: this.azure.authorityUrl,
      imds_endpoint: this.azure.imdsUrl,
      ca_cert: this.azure.caFile,
      ...changes,
    };
  }

  /** Gives one server another seal stanza; it takes effect at its next start. */
  async reconfigure(server: ServerProcess, changes: Partial<SealStanza>): Promise<void> {
    const place = this.#places.find((candidate) => candidate.name === server.name);
    if (place === undefined) throw new Error(`${server.name} is not of this rig`);
    await server.configure(place, this.#store, this.stanza(changes));
  }

  /** At the scope of the vault. */
  grant(role: string): void {
    this.azure.assignRole({ principalId: this.identity.principalId, role, scope: this.vault.id });
  }

  revokeAll(): void {
    this.azure.removeRoles({ principalId: this.identity.principalId });
  }

  /** Starts all servers and waits until each answers. */
  async start(): Promise<void> {
    for (const server of this.servers) server.start();
    for (const server of this.servers)
      await until(`${server.name} to answer`, () => server.client.sealStatus());
  }

  /** Grants Key Vault Secrets Officer, starts, initialises by the first server and waits for all to unseal. */
  async startInitialised(): Promise<InitAnswer> {
    this.grant('Key Vault Secrets Officer');
    await this.start();
    const answer = await this.server.client.init({ recoveryShares: 3, recoveryThreshold: 2 });
    noteSecrets([answer.rootToken, ...answer.recoveryKeysBase64]);
    for (const server of this.servers) await this.untilUnsealed(server);
    return answer;
  }

  /** The server that leads now, once one does; other than `former`. */
  active(former?: ServerProcess): Promise<ServerProcess> {
    return leaderOf(this.servers.filter((server) => server !== former));
  }

  /** The active node and one that follows it, once there are both. */
  async untilFollowed(): Promise<readonly [active: ServerProcess, standby: ServerProcess]> {
    const { value } = await until('one active node and one that follows it', async () => {
      const found = await Promise.all(
        this.servers.map(async (server) => ({ server, status: (await server.client.health()).status })),
      );
      const active = found.find(({ status }) => status === 200)?.server;
      const standby = found.find(({ status }) => status === 429)?.server;
      return active && standby && ([active, standby] as const);
    });
    return value;
  }

  async untilUnsealed(server: ServerProcess): Promise<SealStatus> {
    const { value } = await until(`${server.name} to unseal`, async () => {
      const status = await server.client.sealStatus();
      return status.sealed ? undefined : status;
    });
    return value;
  }

  /** The status once it is sealed by fault with this class. */
  async untilFault(server: ServerProcess, faultClass: string): Promise<SealStatus> {
    const { value } = await until(`${server.name} to be sealed by ${faultClass}`, async () => {
      const status = await server.client.sealStatus();
      if (status.lastError !== undefined && status.lastError.class !== faultClass) {
        throw new Error(`${status.lastError.class}: ${status.lastError.sentence}`);
      }
      return status.lastError?.class === faultClass ? status : undefined;
    });
    return value;
  }

  /** Every version of the KEK that the vault has held, in base64. */
  #keks(): string[] {
    const secrets = this.azure.secrets(VAULT_NAME);
    const versions = secrets.names().includes(SECRET_NAME) ? secrets.versions(SECRET_NAME) : [];
    return versions.map((version) => secrets.get(SECRET_NAME, version).value);
  }

  /** What the server has logged since it was first started. */
  logOf(server: ServerProcess): Promise<string> {
    return readFile(server.logFile, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.servers.map((server) => server.stop('SIGKILL')));
    noteSecrets(this.#keks());
    keepLogs(this.#folder);
    await this.azure.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
