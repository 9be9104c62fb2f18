// One server process of the demo: its HCL file, its start, its end, and what it says on the way.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SealStatus } from '../src/client/answers.ts';
import { VaultClient } from '../src/client/client.ts';
import { until } from './conditions.ts';

export interface ServerPlace {
  /** `vault-0`, … */
  readonly name: string;
  readonly folder: string;
  readonly apiPort: number;
  readonly clusterPort: number;
  /** Without it the listener speaks plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
}

/** The folder of an LMDB store, tables in PostgreSQL, or keys in etcd. */
export type StorePlace =
  | string
  | { readonly connectionUrl: string; readonly table: string }
  | { readonly endpoints: readonly string[]; readonly path: string };

/** The members of the `seal "azurekeyvault"` stanza. */
export interface SealStanza {
  readonly tenant_id: string;
  readonly vault_uri: string;
  readonly client_id: string;
  readonly authority_host: string;
  readonly imds_endpoint: string;
  readonly ca_cert: string;
  /** Chooses the key variant. */
  readonly key_name?: string;
  /** `file:///…` or the secret itself. It, or a token's file, takes the place of the managed identity. */
  readonly client_secret?: string;
  readonly federated_token_file?: string;
  /** Further lines of the stanza, as they stand in HCL. */
  readonly further?: string;
}

export class ServerProcess {
  readonly name: string;
  readonly address: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly client: VaultClient;
  #child: ChildProcess | undefined;

  private constructor(place: ServerPlace) {
    this.name = place.name;
    this.address = addressOf(place);
    this.configFile = join(place.folder, `${place.name}.hcl`);
    this.logFile = join(place.folder, `${place.name}.log`);
    this.client = new VaultClient({
      address: this.address,
      ...(place.tls === undefined ? {} : { tls: { caFile: place.tls.caFile } }),
    });
  }

  static async prepare(
    place: ServerPlace,
    store: StorePlace,
    seal: SealStanza | undefined,
  ): Promise<ServerProcess> {
    const server = new ServerProcess(place);
    await server.configure(place, store, seal);
    return server;
  }

  /** Writes the config file anew; the next start reads it. */
  async configure(place: ServerPlace, store: StorePlace, seal: SealStanza | undefined): Promise<void> {
    await writeFile(this.configFile, hclOf(place, store, seal), { mode: 0o600 });
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Returns as soon as the process is spawned. */
  start(): void {
    const launcher = join(import.meta.dirname, '..', 'bin', 'latchkey');
    const child = spawn(launcher, ['server', `-config=${this.configFile}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(this.logFile, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
  }

  /** `SIGKILL` is the crash, `SIGTERM` the orderly stop. Resolves when the process is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** The status once it says unsealed. */
export async function unsealed(server: ServerProcess): Promise<SealStatus | undefined> {
  const status = await server.client.sealStatus();
  return status.sealed ? undefined : status;
}

/** The one of them that leads now, once one does. */
export async function leaderOf(servers: readonly ServerProcess[]): Promise<ServerProcess> {
  const { value } = await until('a node to lead', async () => {
    for (const server of servers.filter((candidate) => candidate.isRunning)) {
      if ((await server.client.leader().catch(() => undefined))?.isSelf) return server;
    }
    return undefined;
  });
  return value;
}

function addressOf({ apiPort, tls }: ServerPlace): string {
  return tls === undefined ? `http://127.0.0.1:${apiPort}` : `https://localhost:${apiPort}`;
}

function hclOf(place: ServerPlace, store: StorePlace, seal: SealStanza | undefined): string {
  return `# ${place.name}: made by the demo, and all that a node needs.
${storageLines(store)}

listener "tcp" {
  address         = "127.0.0.1:${place.apiPort}"
  cluster_address = "127.0.0.1:${place.clusterPort}"
${tlsLines(place)}}

api_addr     = "${addressOf(place)}"
cluster_addr = "https://127.0.0.1:${place.clusterPort}"
cluster_name = "latchkey-demo"

${seal === undefined ? '' : stanzaOf(seal)}`;
}

function storageLines(store: StorePlace): string {
  if (typeof store === 'string') return `storage "lmdb" {\n  path = "${store}"\n}\n`;
  if ('endpoints' in store) {
    return `storage "etcd" {\n  address = "${store.endpoints.join(',')}"\n  path    = "${store.path}"\n}\n`;
  }
  return `storage "postgresql" {\n  connection_url = "${store.connectionUrl}"\n  table          = "${store.table}"\n}\n`;
}

function tlsLines({ tls }: ServerPlace): string {
  if (tls === undefined) return '  tls_disable     = true\n';
  return `  tls_cert_file   = "${tls.certFile}"\n  tls_key_file    = "${tls.keyFile}"\n`;
}

function stanzaOf(seal: SealStanza): string {
  return `seal "azurekeyvault" {
  tenant_id = "${seal.tenant_id}"
  vault_uri = "${seal.vault_uri}"
  client_id = "${seal.client_id}"
${chosenLines(seal)}
  # Only because this Azure is a local one; on Azure itself leave these out and write vault_name.
  authority_host = "${seal.authority_host}"
  imds_endpoint  = "${seal.imds_endpoint}"
  ca_cert        = "${seal.ca_cert}"
${seal.further ?? ''}}
`;
}

/** Where the KEK is, and how to sign in. */
function chosenLines({ key_name, client_secret, federated_token_file }: SealStanza): string {
  const isOther = client_secret !== undefined || federated_token_file !== undefined;
  const members = Object.entries({ key_name, client_secret, federated_token_file });
  const lines = members.flatMap(([key, value]) => (value === undefined ? [] : [`  ${key} = "${value}"\n`]));
  return `${isOther ? '' : '  use_managed_identity = true\n'}${lines.join('')}`;
}
