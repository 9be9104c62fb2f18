// What an HTTP framework costs at the edge: Fastify with one wildcard route against bare node:http, in one run.
//
//   node bench/http-edge.ts [--rounds 3] [--seconds 2] [--json <file>]
//
// The server runs in a child process and reports the CPU time it used; the parent sends GETs over 32 keep-alive
// connections, one request in flight on each. CPU per request is the figure to compare: it does not depend on
// how fast the parent can send.

import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Certificate, makeCertificate } from './certificate.ts';

type Edge = 'node' | 'fastify';
interface Sample {
  readonly requests: number;
  readonly seconds: number;
  readonly cpuMicroseconds: number;
}
interface Row {
  readonly edge: Edge;
  readonly tls: boolean;
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number;
}

const CONNECTIONS = 32;
const BODY = JSON.stringify({ data: { padding: 'x'.repeat(400 - '{"data":{"padding":""}}'.length) } });
const REQUEST = Buffer.from(
  'GET /v1/secret/data/app/db HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: hvs.benchmark\r\nX-Vault-Request: true\r\n\r\n',
);

if (process.argv[2] === 'serve') await serve();
else await compare();

async function compare(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, seconds: { type: 'string' }, json: { type: 'string' } },
  });
  const rounds = Number(values.rounds ?? 3);
  const seconds = Number(values.seconds ?? 2);
  const certificate = await makeCertificate();
  const rows: Row[] = [];
  for (const overTls of [false, true]) {
    const samples: Record<Edge, Sample[]> = { node: [], fastify: [] };
    // Rounds alternate, so that a slow minute of the machine hits both.
    for (let round = 0; round < rounds; round += 1) {
      for (const edge of ['node', 'fastify'] as const) {
        samples[edge].push(await measure(edge, overTls ? certificate : undefined, seconds));
      }
    }
    for (const edge of ['node', 'fastify'] as const) rows.push(summarise(edge, overTls, samples[edge]));
  }
  print(rows, values.json);
}

function summarise(edge: Edge, overTls: boolean, samples: readonly Sample[]): Row {
  // The best round: everything that disturbs a measurement makes it slower.
  const rate = Math.max(...samples.map((sample) => sample.requests / sample.seconds));
  const cpu = Math.min(...samples.map((sample) => sample.cpuMicroseconds / sample.requests));
  return { edge, tls: overTls, requestsPerSecond: Math.round(rate), cpuMicrosecondsPerRequest: cpu };
}

function print(rows: readonly Row[], jsonPath: string | undefined): void {
  const ratios: Record<string, number> = {};
  console.log('edge      transport  requests/s  CPU µs/request  against node:http');
  for (const row of rows) {
    const base = rows.find((other) => other.edge === 'node' && other.tls === row.tls) ?? row;
    const ratio = row.cpuMicrosecondsPerRequest / base.cpuMicrosecondsPerRequest;
    const transport = row.tls ? 'tls' : 'plain';
    if (row.edge === 'fastify') ratios[transport] = ratio;
    console.log(
      `${row.edge.padEnd(10)}${transport.padEnd(11)}${String(row.requestsPerSecond).padStart(10)}` +
        `${row.cpuMicrosecondsPerRequest.toFixed(1).padStart(16)}${ratio.toFixed(2).padStart(19)}`,
    );
  }
  if (jsonPath !== undefined)
    writeFileSync(jsonPath, `${JSON.stringify({ node: process.version, rows, ratios }, null, 2)}\n`);
}

async function measure(edge: Edge, certificate: Certificate | undefined, seconds: number): Promise<Sample> {
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const answer = () =>
    new Promise<number>((resolve) => child.once('message', (value) => resolve(Number(value))));
  child.send({ edge, certificate });
  const port = await answer();
  await load(port, certificate !== undefined, 0.5);
  const usage = async () => {
    const reply = answer();
    child.send('usage');
    return await reply;
  };
  const cpuBefore = await usage();
  const started = performance.now();
  const requests = await load(port, certificate !== undefined, seconds);
  const elapsed = (performance.now() - started) / 1_000;
  const cpuMicroseconds = (await usage()) - cpuBefore;
  child.kill();
  return { requests, seconds: elapsed, cpuMicroseconds };
}

async function load(port: number, overTls: boolean, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => oneConnection(port, overTls, end)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Sends the next request when the last byte of an answer, the brace that closes the body, has come. */
function oneConnection(port: number, overTls: boolean, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    const socket = overTls
      ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.write(REQUEST))
      : net.connect({ port, host: '127.0.0.1' }, () => socket.write(REQUEST));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.at(-1) !== 0x7d) return;
      count += 1;
      if (performance.now() < end) socket.write(REQUEST);
      else socket.end(() => resolve(count));
    });
  });
}

async function serve(): Promise<void> {
  const order = await new Promise<{ edge: Edge; certificate?: Certificate }>((resolve) =>
    process.once('message', (message) => resolve(message as { edge: Edge; certificate?: Certificate })),
  );
  const port = await (order.edge === 'node' ? serveNode(order.certificate) : serveFastify(order.certificate));
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.(port);
}

function serveNode(certificate: Certificate | undefined): Promise<number> {
  const handle = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const body = await answerOf(request.url ?? '/');
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      'Content-Length': Buffer.byteLength(body),
    });
    response.end(body);
  };
  const server = certificate ? https.createServer(certificate, handle) : http.createServer(handle);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
}

async function serveFastify(certificate: Certificate | undefined): Promise<number> {
  const { fastify } = await import('fastify');
  const options = { logger: false, forceCloseConnections: true } as const;
  const app = certificate ? fastify({ ...options, https: certificate }) : fastify(options);
  const route = {
    method: ['GET', 'POST', 'PUT', 'DELETE'],
    url: '/*',
    handler: async (request: { url: string }, reply: { header(name: string, value: string): unknown }) => {
      reply.header('Content-Type', 'application/json');
      reply.header('Cache-Control', 'no-store');
      return await answerOf(request.url);
    },
  };
  (app as { route(options: typeof route): unknown }).route(route);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as net.AddressInfo).port;
}

/** Both edges pay one promise, as they would for a real handler. */
async function answerOf(url: string): Promise<string> {
  return url.startsWith('/v1/') ? BODY : '{}';
}
