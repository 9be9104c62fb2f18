// What the steps of the story act on: a folder, a local Azure, three servers, and what was found out on the way.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdServer } from './etcd-server.ts';
import { type IdentityResource, LocalAzure, type VaultResource } from './local-azure.ts';
import { choosePorts } from './ports.ts';
import { PostgresqlServer } from './postgresql-server.ts';
import {
  leaderOf,
  type SealStanza,
  type ServerPlace,
  ServerProcess,
  type StorePlace,
} from './server-process.ts';

export const GROUP = 'my-resource-group';
export const VAULT = 'my-vault-for-auto-unseal';
export const IDENTITY = 'vault-identity';
export const LOCATION = 'eastus';
export const SECRET_NAME = 'vault-unseal-key';

/** Where a cluster's KEK is, and who fetches it. */
export interface Cluster {
  readonly vault: VaultResource;
  readonly identity: IdentityResource;
}

export const DEMO_STORAGES = ['lmdb', 'postgresql', 'etcd'] as const;
export type DemoStorage = (typeof DEMO_STORAGES)[number];

/** Gets filled as the story goes on; a step that comes too early fails with words. */
export class Stage {
  readonly folder: string;
  #azure: LocalAzure | undefined;
  #cluster: Cluster | undefined;
  #roleAssignment = '';
  #servers: readonly ServerProcess[] = [];
  /** Of all clusters: the story ends up with two. */
  readonly #processes: {
    readonly server: ServerProcess;
    readonly place: ServerPlace;
    readonly store: StorePlace;
  }[] = [];
  #rootToken = '';
  /** Every secret that the story has met, for the test that looks for them in the logs. */
  readonly secrets: string[] = [];

  /** Undefined: the clusters lie in LMDB. */
  readonly #database: PostgresqlServer | EtcdServer | undefined;

  private constructor(folder: string, database: PostgresqlServer | EtcdServer | undefined) {
    this.folder = folder;
    this.#database = database;
  }

  static async build(storage: DemoStorage = 'lmdb'): Promise<Stage> {
    const database = await databaseOf(storage);
    return new Stage(await mkdtemp(join(tmpdir(), 'latchkey-demo-')), database);
  }

  get azure(): LocalAzure {
    return need(this.#azure, 'the local Azure (step 1)');
  }

  get cluster(): Cluster {
    return need(this.#cluster, 'vault and identity (step 2)');
  }

  get servers(): readonly ServerProcess[] {
    if (this.#servers.length === 0) throw new Error('the servers (step 3) are not there');
    return this.#servers;
  }

  get rootToken(): string {
    return this.#rootToken;
  }

  set rootToken(token: string) {
    this.secrets.push(token);
    this.#rootToken = token;
  }

  get roleAssignment(): string {
    return this.#roleAssignment;
  }

  set roleAssignment(id: string) {
    this.#roleAssignment = id;
  }

  async startAzure(): Promise<LocalAzure> {
    this.#azure = await LocalAzure.start(this.folder);
    return this.#azure;
  }

  found(cluster: Cluster): void {
    this.#cluster = cluster;
  }

  /** Writes vault-0.hcl to vault-2.hcl on one shared store. */
  async prepareServers(firstPort: number): Promise<readonly ServerProcess[]> {
    const ports = await choosePorts(firstPort);
    const seal = this.stanzaOf(this.cluster);
    const places = ports.map((pair, index) => ({ name: `vault-${index}`, folder: this.folder, ...pair }));
    this.#servers = await Promise.all(places.map((place) => this.#prepare(place, 'data', seal)));
    return this.#servers;
  }

  /** A server of another cluster: a store of its own, and a key of the Key Vault for its KEK. */
  async prepareKeyServer(name: string, cluster: Cluster, keyName: string): Promise<ServerProcess> {
    const [pair] = await choosePorts(0);
    if (pair === undefined) throw new Error('there is no free port');
    const seal = { ...this.stanzaOf(cluster), key_name: keyName };
    return this.#prepare({ name, folder: this.folder, ...pair }, `data-${name}`, seal);
  }

  async #prepare(place: ServerPlace, name: string, seal: SealStanza): Promise<ServerProcess> {
    const store = await this.#store(name);
    const server = await ServerProcess.prepare(place, store, seal);
    this.#processes.push({ server, place, store });
    return server;
  }

  async #store(name: string): Promise<StorePlace> {
    if (this.#database instanceof EtcdServer) {
      return { endpoints: this.#database.endpoints, path: `/${name}/` };
    }
    if (this.#database !== undefined) {
      return { connectionUrl: this.#database.url, table: name.replaceAll('-', '_') };
    }
    const folder = join(this.folder, name);
    await mkdir(folder, { mode: 0o700, recursive: true });
    return folder;
  }

  /** With the managed identity of the cluster. */
  stanzaOf({ vault, identity }: Cluster): SealStanza {
    const { addresses } = this.azure;
    return {
      tenant_id: addresses.tenantId,
      vault_uri: vault.vaultUri,
      client_id: identity.clientId,
      authority_host: addresses.authorityUrl,
      imds_endpoint: addresses.imdsUrl,
      ca_cert: addresses.caFile,
    };
  }

  /** Gives one server another seal stanza; it takes effect at its next start. */
  async reconfigure(server: ServerProcess, seal: SealStanza): Promise<void> {
    const found = this.#processes.find((candidate) => candidate.server === server);
    if (found === undefined) throw new Error(`${server.name} is not on this stage`);
    await server.configure(found.place, found.store, seal);
  }

  /** The server that leads now, once one does. */
  active(): Promise<ServerProcess> {
    return leaderOf(this.servers);
  }

  /** Ends every process and removes the folder. */
  async clear(keepFolder: boolean): Promise<void> {
    await Promise.allSettled(this.#processes.map(({ server }) => server.stop('SIGKILL')));
    await this.#azure?.stop();
    await this.#database?.[Symbol.asyncDispose]();
    if (!keepFolder) await rm(this.folder, { recursive: true, force: true });
  }
}

async function databaseOf(storage: DemoStorage): Promise<PostgresqlServer | EtcdServer | undefined> {
  if (storage === 'postgresql') return PostgresqlServer.start();
  if (storage === 'etcd') return EtcdServer.start({ members: 3 });
  return undefined;
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is not there`);
  return value;
}
