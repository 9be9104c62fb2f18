// Ports for three servers on one machine.

import { createServer } from 'node:net';

export interface PortPair {
  readonly apiPort: number;
  readonly clusterPort: number;
}

/**
 * Below those that systems give to outgoing connections (from 32768 on Linux): one of these may be taken by anybody
 * between the moment when it is found free and the moment when a server wants it.
 */
const FIRST = 10_000;
const COUNT = 22_000;
/** Processes that choose at the same time begin at different places. */
const STEP = 37;
let chosen = 0;

/** 8200/8201, 8210/8211, 8220/8221 if they are free, else others. `firstPort` 0: others at once. */
export async function choosePorts(firstPort: number): Promise<readonly PortPair[]> {
  const wanted = [0, 10, 20].map((step) => ({
    apiPort: firstPort + step,
    clusterPort: firstPort + step + 1,
  }));
  if (
    firstPort !== 0 &&
    (await reserve(wanted.flatMap((pair) => [pair.apiPort, pair.clusterPort]))).length === 6
  ) {
    return wanted;
  }
  const free = await freePorts(6);
  return [0, 2, 4].map((at) => ({ apiPort: free[at] ?? 0, clusterPort: free[at + 1] ?? 0 }));
}

/** Different ones, on loopback, never the same twice in one process. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const free: number[] = [];
  while (free.length < count) free.push(...(await reserve([nextPort()])));
  return free;
}

function nextPort(): number {
  const port = FIRST + ((process.pid * STEP + chosen) % COUNT);
  chosen += 1;
  return port;
}

/** Ports that could be bound, all at the same time, and were let go. */
async function reserve(ports: readonly number[]): Promise<number[]> {
  const servers = ports.map(() => createServer());
  const bound: number[] = [];
  for (const [index, server] of servers.entries()) {
    const port = await new Promise<number | undefined>((resolve) => {
      server.once('error', () => resolve(undefined));
      server.listen(ports[index], '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });
    if (port !== undefined) bound.push(port);
  }
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
  return bound;
}
