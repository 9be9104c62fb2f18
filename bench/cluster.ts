// What a cluster of three costs and how fast it is, on real processes beside a local Azure:
//
//   npm run bench:cluster [-- --seconds 3] [--json <file>]
//
// Start to unsealed, fail-over, hand-over, idle memory; kv reads and durable writes at 1, 16 and 64 connections, beside
// a server that gives a fixed answer, which is the ceiling of this machine in this run. No verdict: figures alone.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { until } from '../demo/conditions.ts';
import { type ServerProcess, unsealed } from '../demo/server-process.ts';
import { Stage } from '../demo/stage.ts';
import { STORY } from '../demo/story.ts';
import { type LoadResult, load } from './load.ts';

const CONNECTIONS = [1, 16, 64];
const STARTS = 8;
const FAIL_OVERS = 5;

if (process.argv[2] === 'fixed') await serveFixed();
else await measure();

async function measure(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, json: { type: 'string' } } });
  const seconds = Number(values.seconds ?? 3);
  const stage = await Stage.build();
  try {
    for (const step of STORY.filter((candidate) => candidate.number <= 5)) await step.run(stage, 0);
    const idle = await idleMemory(stage);
    const loads = await kvLoads(stage, seconds);
    const rest = {
      'start to unsealed, ms': await starts(stage),
      'fail-over after kill -9, ms': await failOvers(stage, 'SIGKILL'),
      'hand-over on SIGTERM, ms': await failOvers(stage, 'SIGTERM'),
    };
    console.log('\nidle memory, MB resident:', idle.join(', '));
    for (const [name, times] of Object.entries(rest)) console.log(`${name}: ${summary(times)}`);
    console.table(loads);
    if (values.json !== undefined)
      await writeFile(values.json, JSON.stringify({ idle, ...rest, loads }, null, 2));
  } finally {
    await stage.clear(false);
  }
}

async function idleMemory(stage: Stage): Promise<number[]> {
  return Promise.all(
    stage.servers.map(async (server) => {
      const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
    }),
  );
}

async function kvLoads(stage: Stage, seconds: number): Promise<Record<string, LoadResult>> {
  const active = await stage.active();
  const port = Number(new URL(active.address).port);
  const head = (verb: string, path: string) =>
    `${verb} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: ${stage.rootToken}\r\n`;
  const body = JSON.stringify({ data: { password: 'x'.repeat(64), user: 'app' } });
  const read = () => `${head('GET', '/v1/secret/data/hello')}\r\n`;
  const write = (count: number) =>
    `${head('POST', `/v1/secret/data/bench/${count % 1_000}`)}Content-Length: ${body.length}\r\n\r\n${body}`;
  const results: Record<string, LoadResult> = {};
  const fixed = await startFixed();
  for (const connections of CONNECTIONS) {
    const plan = { connections, seconds };
    results[`fixed answer, ${connections}`] = await load({ ...plan, port: fixed.port, request: read });
    results[`kv v2 read, ${connections}`] = await load({ ...plan, port, request: read });
    results[`kv v2 durable write, ${connections}`] = await load({ ...plan, port, request: write });
  }
  fixed.stop();
  return results;
}

/** One node again and again, while the others are up. */
async function starts(stage: Stage): Promise<number[]> {
  const times: number[] = [];
  const leader = await stage.active();
  const server = stage.servers.find((candidate) => candidate !== leader);
  if (server === undefined) throw new Error('there is no standby');
  for (let round = 0; round < STARTS; round += 1) {
    await server.stop('SIGTERM');
    const startedAt = performance.now();
    server.start();
    await until('it to unseal', () => unsealed(server));
    times.push(Math.round(performance.now() - startedAt));
  }
  return times;
}

/** From the signal to the first read that another node answers. */
async function failOvers(stage: Stage, signal: 'SIGKILL' | 'SIGTERM'): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < FAIL_OVERS; round += 1) {
    const leader = await stage.active();
    const other = stage.servers.find((candidate) => candidate !== leader);
    if (other === undefined) throw new Error('there is no other node');
    const client = other.client.withToken(stage.rootToken);
    const startedAt = performance.now();
    const gone = leader.stop(signal);
    await until('a read', () => client.kvGet('secret', 'hello'));
    // The read may have been answered by the leader that was still going; ask until the new one leads.
    await until('another leader', async () => ((await leads(stage, leader)) ? true : undefined));
    await client.kvGet('secret', 'hello');
    times.push(Math.round(performance.now() - startedAt));
    await gone;
    leader.start();
    await until('it to be back', () => unsealed(leader));
  }
  return times;
}

async function leads(stage: Stage, except: ServerProcess): Promise<boolean> {
  for (const server of stage.servers.filter((candidate) => candidate !== except)) {
    if ((await server.client.leader()).isSelf) return true;
  }
  return false;
}

function summary(times: readonly number[]): string {
  const sorted = times.toSorted((left, right) => left - right);
  return `min ${sorted[0]}, median ${sorted[Math.floor(sorted.length / 2)]}, max ${sorted.at(-1)} (${times.length} runs)`;
}

async function startFixed(): Promise<{ readonly port: number; stop(): void }> {
  const child = fork(fileURLToPath(import.meta.url), ['fixed']);
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => void child.kill() };
}

async function serveFixed(): Promise<void> {
  const answer = JSON.stringify({ data: { padding: 'x'.repeat(380) } });
  const server = createServer((_request, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      .end(answer);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  process.send?.((server.address() as AddressInfo).port);
}
