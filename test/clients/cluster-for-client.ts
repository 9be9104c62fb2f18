// Two fresh nodes over TLS on one LMDB store with the Shamir seal, for one run of one client: nothing is initialised.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { ServerProcess } from '../../demo/server-process.ts';
import { makeCertificates } from '../../emulator/src/certificates.ts';
import { keepLogs, noteSecrets } from '../leaks/ledger.ts';

export class ClusterForClient implements AsyncDisposable {
  readonly folder: string;
  readonly caFile: string;
  readonly secretsFile: string;
  readonly servers: readonly [ServerProcess, ServerProcess];

  private constructor(folder: string, caFile: string, servers: readonly [ServerProcess, ServerProcess]) {
    this.folder = folder;
    this.caFile = caFile;
    this.secretsFile = join(folder, 'secrets');
    this.servers = servers;
  }

  static async start(): Promise<ClusterForClient> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-clients-'));
    const data = join(folder, 'data');
    await mkdir(data, { mode: 0o700 });
    const tls = await writeCertificates(folder);
    const prepare = async (name: string, at: number): Promise<ServerProcess> => {
      const pair = ports[at];
      if (pair === undefined) throw new Error('there is no free port');
      return ServerProcess.prepare({ name, folder, ...pair, tls }, data, undefined);
    };
    const ports = await choosePorts(0);
    const servers = [await prepare('vault-0', 0), await prepare('vault-1', 1)] as const;
    const cluster = new ClusterForClient(folder, tls.caFile, servers);
    await writeFile(cluster.secretsFile, '', { mode: 0o600 });
    for (const server of servers) server.start();
    for (const server of servers) {
      // Until it has read its storage it cannot say that there is no cluster, and health is 503.
      await until(`${server.name} to be ready`, async () =>
        (await server.client.health()).status === 501 ? true : undefined,
      );
    }
    return cluster;
  }

  /** What the client has named as secret. */
  async secrets(): Promise<readonly string[]> {
    return (await readFile(this.secretsFile, 'utf8')).split('\n').filter((line) => line !== '');
  }

  /** What the servers have written, by file: their logs, and the audit files. */
  async logs(): Promise<ReadonlyMap<string, string>> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.log'));
    return new Map(
      await Promise.all(
        names.map(async (name) => [name, await readFile(join(this.folder, name), 'utf8')] as const),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.servers.map((server) => server.stop('SIGKILL')));
    noteSecrets(await this.secrets());
    keepLogs(this.folder);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function writeCertificates(folder: string) {
  const { caPem, leafPem, leafKeyPem } = await makeCertificates();
  const files = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
  };
  await writeFile(files.caFile, caPem);
  await writeFile(files.certFile, leafPem);
  await writeFile(files.keyFile, leafKeyPem, { mode: 0o600 });
  return files;
}
