// A load of HTTP requests over keep-alive connections, one in flight on each, by raw sockets, so that the sender costs
// little beside the server.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface LoadResult {
  readonly connections: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadPlan {
  readonly port: number;
  /** PEM of the server's certificate: the load goes over TLS. */
  readonly ca?: string | undefined;
  /** Name in that certificate; default `127.0.0.1`. */
  readonly servername?: string;
  readonly connections: number;
  readonly seconds: number;
  /** The whole request; `count` grows with each, over all connections. */
  request(count: number): string;
}

/** Fails at the first answer that is not 2xx: a refused request is fast and means nothing. */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const times: number[] = [];
  let count = 0;
  const startedAt = performance.now();
  const end = startedAt + plan.seconds * 1_000;
  await Promise.all(
    Array.from({ length: plan.connections }, async () => {
      const line = await open(plan);
      while (performance.now() < end) {
        const sentAt = performance.now();
        count += 1;
        await exchange(line, plan.request(count));
        times.push(performance.now() - sentAt);
      }
      line.socket.destroy();
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  times.sort((left, right) => left - right);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return {
    connections: plan.connections,
    requests: times.length,
    requestsPerSecond: Math.round(times.length / seconds),
    p50Ms: round(at(0.5)),
    p99Ms: round(at(0.99)),
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

interface Line {
  readonly socket: Socket;
  pending: { done: () => void; failed: (error: Error) => void } | undefined;
  received: Buffer;
}

function open({ port, ca, servername = '' }: LoadPlan): Promise<Line> {
  const { promise, resolve, reject } = Promise.withResolvers<Line>();
  const socket =
    ca === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca, servername });
  const line: Line = { socket, pending: undefined, received: Buffer.alloc(0) };
  socket.setNoDelay(true);
  socket.once(ca === undefined ? 'connect' : 'secureConnect', () => resolve(line)).once('error', reject);
  socket.on('data', (piece: Buffer) => {
    line.received = line.received.length === 0 ? piece : Buffer.concat([line.received, piece]);
    const size = wholeAnswer(line.received);
    if (size === undefined) return;
    const status = line.received.toString('latin1', 9, 12);
    line.received = line.received.subarray(size);
    if (status.startsWith('2')) line.pending?.done();
    else line.pending?.failed(new Error(`an answer of status ${status} under load`));
  });
  return promise;
}

function exchange(line: Line, request: string): Promise<void> {
  return new Promise((done, failed) => {
    line.pending = { done, failed };
    line.socket.write(request);
  });
}

/** Bytes of a complete answer with a Content-Length. */
function wholeAnswer(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, headEnd))?.[1];
  const size = headEnd + 4 + Number(length ?? 0);
  return bytes.length >= size ? size : undefined;
}
