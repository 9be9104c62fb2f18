// A server that gives a fixed answer, plain and over TLS, in a process of its own: the ceiling of this machine in this run.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificate.ts';

export interface FixedServer extends Disposable {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly pid: number;
}

/** About as long as that of a small secret of kv version 2. */
const ANSWER = JSON.stringify({ data: { padding: 'x'.repeat(380) } });

if (process.argv[2] === 'fixed-answer') await serve();

export async function startFixedServer(certificate: Certificate): Promise<FixedServer> {
  const child: ChildProcess = fork(import.meta.filename, ['fixed-answer']);
  child.send(certificate);
  const [[plainPort, tlsPort]] = (await once(child, 'message')) as [[number, number]];
  return { plainPort, tlsPort, pid: child.pid ?? 0, [Symbol.dispose]: () => void child.kill() };
}

async function serve(): Promise<void> {
  const [certificate] = (await once(process, 'message')) as [Certificate];
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    // A body is read to its end, as any server would.
    request.resume();
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
      .end(ANSWER);
  };
  const servers = [http.createServer(answer), https.createServer(certificate, answer)];
  const ports = servers.map(async (server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  });
  process.send?.(await Promise.all(ports));
}
