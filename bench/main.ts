// What a node costs and how fast it is, on real processes, beside a server that gives a fixed answer in the same run:
//
//   npm run bench [-- --quick] [--seconds 2] [--json <file>]
//
// No verdict: figures alone. `npm run bench:cluster` measures fail-over and hand-over, `node bench/http-edge.ts` the
// framework at the edge.

import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ApiError } from '../src/client/api-error.ts';
import { BenchServer } from './bench-server.ts';
import { makeCertificate } from './certificate.ts';
import { cpuMs } from './cpu-time.ts';
import { type FixedServer, startFixedServer } from './fixed-server.ts';
import { type LoadResult, load } from './load.ts';
import { startTimes } from './starts.ts';

interface Row extends Omit<LoadResult, 'requests'> {
  readonly what: string;
  readonly transport: 'plain' | 'tls';
  readonly audit: 'off' | 'on';
  /** Processor time of the server for one request, microseconds. */
  readonly cpuUs: number;
  /** Of the requests per second that the fixed answer had with the same transport and connections, percent. */
  readonly ofCeiling: number;
}

/** The whole request; `count` grows with each. */
type Maker = (count: number) => string;

/** What is loaded: ours, or the fixed answer. */
type Target = Pick<FixedServer, 'plainPort' | 'tlsPort' | 'pid'>;

/** Keys that the durable writes go round. */
const WRITE_KEYS = 1_000;

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, seconds: { type: 'string' }, json: { type: 'string' } },
});
const seconds = Number(values.seconds ?? (values.quick ? 0.5 : 2));
const connections = values.quick ? [1, 16] : [1, 16, 64];
const certificate = await makeCertificate();
const machine = {
  node: process.version,
  processors: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
  loadBefore: loadavg()[0]?.toFixed(2),
};
const starts = await startTimes(values.quick ? 3 : 10);
const { rows, idleMb, loadedMb } = await measureLoads();
const report = { machine, starts, idleMb, loadedMb, rows };
console.log(machine);
console.log('\nstart to unsealed, ms');
console.table(starts);
console.log(`memory, MB resident: ${idleMb} idle after the unsealing, ${loadedMb} after all loads\n`);
console.table(rows);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);

async function measureLoads(): Promise<{ rows: readonly Row[]; idleMb: number; loadedMb: number }> {
  await using server = await BenchServer.start(certificate);
  using fixed = await startFixedServer(certificate);
  await server.root.kvPut('secret', 'hello', { password: 'x'.repeat(64), user: 'app' });
  const idleMb = await server.memory();
  const measured: Row[] = [];
  const makers = await makersOf(server);
  // The first requests pay for the compiler.
  for (const request of makers.values()) {
    await load({ port: server.plainPort, connections: 4, seconds: Math.min(seconds, 1), request });
  }
  for (const transport of ['plain', 'tls'] as const) {
    for (const audit of ['off', 'on'] as const) {
      if (audit === 'on') {
        const options = { file_path: `${server.folder}/audit.log` };
        await server.root.write('sys/audit/file', { type: 'file', options });
      }
      for (const count of connections) {
        measured.push(...(await measureRound(server, fixed, makers, { transport, audit, count })));
      }
    }
    await server.root.delete('sys/audit/file');
  }
  return { rows: measured, idleMb, loadedMb: await server.memory() };
}

/** The ceiling first, then each load. */
async function measureRound(
  server: BenchServer,
  fixed: FixedServer,
  makers: ReadonlyMap<string, Maker>,
  { transport, audit, count }: Pick<Row, 'transport' | 'audit'> & { readonly count: number },
): Promise<Row[]> {
  const ca = transport === 'tls' ? certificate.cert : undefined;
  const run = async (target: Target, request: Maker) => {
    const port = transport === 'tls' ? target.tlsPort : target.plainPort;
    const cpuBefore = await cpuMs(target.pid);
    const { requests, ...result } = await load({ port, ca, connections: count, seconds, request });
    const cpuUs = Math.round((((await cpuMs(target.pid)) - cpuBefore) * 1_000) / requests);
    return { ...result, cpuUs };
  };
  const read = makers.get('kv v2 read');
  if (read === undefined) throw new Error('there is no read');
  const ceiling = await run(fixed, read);
  const rows: Row[] = [{ what: 'fixed answer', transport, audit: 'off', ...ceiling, ofCeiling: 100 }];
  for (const [what, maker] of makers) {
    const result = await run(server, maker);
    const ofCeiling = Math.round((result.requestsPerSecond / ceiling.requestsPerSecond) * 100);
    rows.push({ what, transport, audit, ...result, ofCeiling });
  }
  return rows;
}

async function makersOf(server: BenchServer): Promise<ReadonlyMap<string, Maker>> {
  const token = `X-Vault-Token: ${server.rootToken}\r\n`;
  const body = JSON.stringify({ data: { password: 'x'.repeat(64), user: 'app' } });
  const post = (path: string, headers: string, text: string) =>
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: ${text.length}\r\n\r\n${text}`;
  const makers = new Map<string, Maker>([
    ['kv v2 read', () => `GET /v1/secret/data/hello HTTP/1.1\r\nHost: 127.0.0.1\r\n${token}\r\n`],
    ['kv v2 durable write', (count) => post(`/v1/secret/data/bench/${count % WRITE_KEYS}`, token, body)],
  ]);
  const login = await approleLogin(server);
  if (login === undefined) console.log('approle login: this server has no approle');
  else makers.set('approle login', () => post('/v1/auth/approle/login', '', login));
  return makers;
}

/** The body of a login by role id and secret id, both good for any number of logins. Undefined without the method. */
async function approleLogin({ root }: BenchServer): Promise<string | undefined> {
  try {
    await root.write('sys/auth/approle', { type: 'approle' });
  } catch (error) {
    if (error instanceof ApiError && error.message.includes('plugin not found')) return undefined;
    throw error;
  }
  await root.write('auth/approle/role/bench', { token_policies: 'default', token_ttl: '5m' });
  const role = await root.read('auth/approle/role/bench/role-id');
  const secret = await root.write('auth/approle/role/bench/secret-id', {});
  return JSON.stringify({ role_id: role?.data?.['role_id'], secret_id: secret?.data?.['secret_id'] });
}
