// Both ends over real sockets, TLS and, where something is killed or stopped, real processes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import * as http2 from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { fromUtf8, toBase64, utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { type ClusterHandlers, type ClusterListener, openClusterListener } from './active.ts';
import { type ClusterIdentity, createClusterIdentity } from './certificate.ts';
import type { MemberEcho } from './members.ts';
import { type ActiveLink, type ConnectOptions, connectToActive } from './standby.ts';
import * as wire from './wire.ts';

const newIdentity = () => createClusterIdentity({ random: systemRandom, clock: systemClock });
const never = new AbortController().signal;
const identity = newIdentity();
const echoing: ClusterHandlers = { request: async (request) => request, heartbeat() {} };
const report: MemberEcho = { nodeId: 'n', hostname: 'h', apiAddress: 'a', clusterAddress: 'c', version: 'v' };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Limits = Parameters<typeof openClusterListener>[2];

async function listen(handlers?: Partial<ClusterHandlers>, limits?: Limits, log: Logger = silentLogger) {
  const listener = await openClusterListener({ host: '127.0.0.1', port: 0 }, log, limits);
  cleanups.push(() => listener.close());
  if (handlers !== undefined) listener.serve(identity, { ...echoing, ...handlers });
  return listener;
}

function link(
  listener: Pick<ClusterListener, 'address'>,
  options?: ConnectOptions,
  by = identity,
): ActiveLink {
  const made = connectToActive(
    { address: `https://127.0.0.1:${listener.address.port}`, identity: by },
    options,
  );
  cleanups.push(() => made.close());
  return made;
}

/** Passes bytes on, counts the connections that came, and cuts them when told to. */
async function countingProxy(listener: ClusterListener) {
  const ends = new Set<Socket>();
  const counted = {
    connections: 0,
    address: { host: '127.0.0.1', port: 0 },
    cut: () => {
      for (const end of ends) end.destroy();
    },
  };
  const proxy = createTcpServer((socket) => {
    counted.connections += 1;
    const onward = connectTcp(listener.address.port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const [end, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      ends.add(end.on('error', () => {}).on('close', () => other.destroy()));
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  cleanups.push(() => proxy.close());
  counted.address.port = (proxy.address() as { port: number }).port;
  return counted;
}

/** Unlike `once`, does not fail on an error that comes before. */
function closing(thing: EventEmitter): Promise<void> {
  return new Promise((done) => thing.once('close', () => done()));
}

/** Fails unless `work` rejects as a fault of this kind; gives the fault. */
async function fault(
  work: Promise<unknown>,
  delivery: wire.Delivery,
  code: string,
): Promise<wire.ForwardFault> {
  const outcome = await work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof wire.ForwardFault, String(outcome));
  assert.deepEqual(
    [outcome.delivery, outcome.code],
    [delivery, code],
    `${outcome.message}: ${outcome.detail}`,
  );
  return outcome;
}

/** A handler that never answers by itself, and what became of it. */
function hanging() {
  const begun = Promise.withResolvers<AbortSignal>();
  const ended = Promise.withResolvers<unknown>();
  const request: ClusterHandlers['request'] = (_request, _peer, signal) => {
    begun.resolve(signal);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        ended.resolve(signal.reason);
        reject(signal.reason);
      });
    });
  };
  return { request, begun: begun.promise, ended: ended.promise };
}

test('a request goes there and its answer comes back, with the address of who carried it', async () => {
  const listener = await listen({
    request: async (request, peer) => utf8(`${fromUtf8(request)} from ${peer.remoteAddress}`),
  });
  assert.equal(fromUtf8(await link(listener).send(utf8('hello'), never)), 'hello from 127.0.0.1');
});

test('an empty message, 20 MiB and the largest message come back unchanged', async () => {
  const active = link(await listen({}));
  for (const size of [0, 20 * 1024 * 1024, wire.MESSAGE_BYTES_MAX]) {
    const message = Buffer.alloc(size);
    systemRandom.fill(message);
    assert.equal(Buffer.compare(await active.send(message, never), message), 0, `${size} bytes`);
  }
});

test('a thousand requests at once are all answered, each with its own answer, over one connection', async () => {
  const listener = await listen({});
  const counting = await countingProxy(listener);
  const active = link(counting);
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, async (_, count) =>
      fromUtf8(await active.send(utf8(`request ${count}`), never)),
    ),
  );
  assert.ok(answers.every((answer, count) => answer === `request ${count}`));
  assert.equal(counting.connections, 1);
});

test('a request over the limit is not sent, an answer over it is a failure of the active node', async () => {
  let calls = 0;
  const listener = await listen({
    request: async () => {
      calls += 1;
      return new Uint8Array(wire.MESSAGE_BYTES_MAX + 1);
    },
  });
  const active = link(listener);
  await fault(
    active.send(new Uint8Array(wire.MESSAGE_BYTES_MAX + 1), never),
    'not_delivered',
    'payload_too_large',
  );
  assert.equal(calls, 0);
  await fault(active.send(utf8('x'), never), 'unknown', 'internal');
});

test('a heartbeat is heard, and shows round trip and clock skew', async () => {
  const heard: MemberEcho[] = [];
  const ahead = { ...systemClock, now: () => Date.now() + 60_000 };
  const listener = await listen({ heartbeat: (echo) => heard.push(echo) }, { clock: ahead });
  const echo = await link(listener).heartbeat(report, never);
  assert.deepEqual(heard, [report]);
  assert.ok(echo.roundTripMs > 0 && echo.roundTripMs < 5_000);
  assert.ok(Math.abs(echo.clockSkewMs - 60_000) < 5_000, `${echo.clockSkewMs}`);
});

test('a standby with the certificate of another tenure is refused, and knows that nothing was delivered', async () => {
  let calls = 0;
  const listener = await listen({
    request: async (request) => {
      calls += 1;
      return request;
    },
  });
  await fault(link(listener, {}, newIdentity()).send(utf8('x'), never), 'not_delivered', 'no_active_node');
  assert.equal(calls, 0);
});

test('a standby sends nothing to a server that shows another certificate', async () => {
  const wrong = newIdentity();
  const received: Buffer[] = [];
  const impostor = wrong.withCredentials((credentials) =>
    createTlsServer({ ...credentials, ALPNProtocols: [wire.CLUSTER_PROTOCOL] }, (socket) => {
      socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {});
    }),
  );
  impostor.on('tlsClientError', () => {});
  impostor.listen(0, '127.0.0.1');
  await once(impostor, 'listening');
  cleanups.push(() => impostor.close());
  const address = impostor.address() as { port: number };
  const active = link({ address: { host: '127.0.0.1', port: address.port } });
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  assert.deepEqual(received, []);
});

/** The credentials with a key that outlives the call, as a client of its own making needs them. */
function credentialsOf(owner: ClusterIdentity): ConnectionOptions {
  return owner.withCredentials((credentials) => ({
    ...credentials,
    key: Buffer.from(credentials.key),
  }));
}

/** What a foreign client gets: how its attempt ended, and every byte it was sent after the handshake. */
async function intrude(listener: ClusterListener, options: ConnectionOptions) {
  const { port } = listener.address;
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  let received = 0;
  let failure = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.byteLength;
  });
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  await closing(socket);
  return { received, failure };
}

test('clients without our certificate, protocol or version get nothing at all', async () => {
  const listener = await listen({});
  const ours = credentialsOf(identity);
  const { cert, key } = credentialsOf(newIdentity());
  const theirs = { cert, key };
  const servername = wire.CLUSTER_SERVER_NAME;
  const ALPNProtocols = [wire.CLUSTER_PROTOCOL];
  const intruders: Record<string, ConnectionOptions> = {
    'no certificate': { servername, ALPNProtocols },
    'another certificate': { servername, ALPNProtocols, ...theirs },
    'another protocol': { servername, ALPNProtocols: ['h2'], ...ours },
    'no protocol': { servername, ...ours },
    'TLS 1.2': { servername, ALPNProtocols, ...ours, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  };
  for (const [name, options] of Object.entries(intruders)) {
    assert.equal((await intrude(listener, options)).received, 0, name);
  }
  assert.equal(fromUtf8(await link(listener).send(utf8('still there'), never)), 'still there');
});

/** A client of its own making that holds the right certificate. */
function welcomeClient({ address }: ClusterListener) {
  const credentials = credentialsOf(identity);
  const servername = wire.CLUSTER_SERVER_NAME;
  return connectTls({ ...credentials, ...address, servername, ALPNProtocols: [wire.CLUSTER_PROTOCOL] });
}

test('bytes that are neither TLS nor HTTP/2 end their connection and nothing else', async () => {
  const listener = await listen({});
  const plain = connectTcp(listener.address.port, '127.0.0.1').on('error', () => {});
  plain.write('GET / HTTP/1.1\r\n\r\n');
  plain.resume();
  await closing(plain);
  const inside = welcomeClient(listener);
  inside.on('error', () => {}).resume();
  await once(inside, 'secureConnect');
  inside.write(Buffer.alloc(1_000, 'x'));
  await closing(inside);
  assert.equal(fromUtf8(await link(listener).send(utf8('still there'), never)), 'still there');
});

/** To send what a standby of ours never would. */
async function rawSession(listener: ClusterListener): Promise<http2.ClientHttp2Session> {
  const socket = welcomeClient(listener);
  await once(socket, 'secureConnect');
  const session = http2.connect('https://x', { createConnection: () => socket });
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

async function rawStatus(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: string,
) {
  const stream = session.request({ ':method': 'POST', ...headers }, { endStream: false });
  stream.on('error', () => {}).resume();
  let status: unknown;
  stream.once('response', (answer) => {
    status = answer[':status'];
  });
  if (body === undefined) stream.end();
  else stream.end(body);
  await closing(stream);
  return status ?? stream.rstCode;
}

test('messages of a wrong path, size or form are turned away without reaching a handler', async () => {
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  const listener = await listen({
    request: async (request) => {
      count();
      return request;
    },
    heartbeat: count,
  });
  const session = await rawSession(listener);
  const size = (bytes: number) => ({ 'content-length': String(bytes) });
  const refused = http2.constants.NGHTTP2_REFUSED_STREAM;
  const tooLarge = wire.MESSAGE_BYTES_MAX + 1;
  assert.equal(await rawStatus(session, { ':path': '/other', ...size(1) }, 'x'), refused);
  assert.equal(await rawStatus(session, { ':path': wire.REQUEST_PATH }, 'x'), refused);
  assert.equal(await rawStatus(session, { ':path': wire.REQUEST_PATH, ...size(tooLarge) }, 'x'), refused);
  assert.equal(await rawStatus(session, { ':path': wire.HEARTBEAT_PATH, ...size(5_000) }, 'x'), refused);
  assert.equal(await rawStatus(session, { ':path': wire.HEARTBEAT_PATH, ...size(2) }, '{}'), 400);
  for (const body of ['x', 'xyz']) {
    const end = await rawStatus(await rawSession(listener), { ':path': wire.REQUEST_PATH, ...size(2) }, body);
    assert.ok(end !== 200 && end !== http2.constants.NGHTTP2_NO_ERROR, `${body}: ${end}`);
  }
  assert.equal(calls, 0);
});

test('without a tenure the port is open and nobody gets in; with one, the same link gets through', async () => {
  const listener = await listen();
  const active = link(listener);
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  listener.serve(identity, echoing);
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
  await listener.stopServing();
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  listener.serve(identity, echoing);
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
});

test('a new tenure ends the old one: its requests are aborted, its certificate opens nothing any more', async () => {
  const { request, begun, ended } = hanging();
  const listener = await listen({ request });
  const old = link(listener);
  const waiting = fault(old.send(utf8('x'), never), 'unknown', 'no_active_node');
  await begun;
  const next = newIdentity();
  listener.serve(next, echoing);
  next.wipe();
  assert.ok(hasCode(await ended, 'fenced'));
  await waiting;
  await fault(old.send(utf8('x'), never), 'not_delivered', 'no_active_node');
});

test('both ends keep working after the identity they were made of was wiped', async () => {
  const own = newIdentity();
  const listener = await listen();
  listener.serve(own, echoing);
  const active = link(listener, {}, own);
  own.wipe();
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
});

test('a tenure that ends with grace answers what it has begun and refuses the rest undelivered', async () => {
  const answer = Promise.withResolvers<Uint8Array>();
  const begun = Promise.withResolvers<void>();
  const listener = await listen({
    request: () => {
      begun.resolve();
      return answer.promise;
    },
  });
  const active = link(listener);
  const first = active.send(utf8('first'), never);
  await begun.promise;
  const stopped = listener.stopServing(10_000);
  await fault(active.send(utf8('second'), never), 'not_delivered', 'no_active_node');
  answer.resolve(utf8('done'));
  assert.equal(fromUtf8(await first), 'done');
  await stopped;
});

/** Lets so many turns of the event loop go by, to strike at a different point each time. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
}

test('whenever a tenure ends or the connection is cut, nothing that was handled is called undelivered', async () => {
  const seen = { answered: 0, not_delivered: 0, unknown: 0 };
  for (let round = 0; round < 60; round += 1) {
    const handled = new Set<string>();
    const listener = await listen({
      request: async (request) => {
        handled.add(fromUtf8(request));
        await turns(round % 4);
        return request;
      },
    });
    const proxy = await countingProxy(listener);
    const active = link(proxy);
    await active.send(utf8('connect'), never);
    const sends = Array.from({ length: 20 }, async (_, count) => {
      await turns(count);
      await active.send(utf8(`${count}`), never);
    });
    const outcomes = Promise.allSettled(sends);
    await turns(round % 20);
    if (round % 3 === 0) proxy.cut();
    await listener.stopServing(round % 3 === 1 ? 1_000 : 0);
    for (const [count, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'fulfilled') seen.answered += 1;
      else {
        assert.ok(outcome.reason instanceof wire.ForwardFault, String(outcome.reason));
        const { delivery, detail } = outcome.reason;
        seen[delivery] += 1;
        assert.ok(delivery === 'unknown' || !handled.has(`${count}`), `round ${round}, ${count}: ${detail}`);
      }
    }
    await active.close();
  }
  for (const [outcome, count] of Object.entries(seen)) assert.ok(count > 0, outcome);
});

test('grace has an end', async () => {
  const { request, begun, ended } = hanging();
  const listener = await listen({ request });
  const waiting = fault(link(listener).send(utf8('x'), never), 'unknown', 'no_active_node');
  await begun;
  await listener.stopServing(20);
  assert.ok(hasCode(await ended, 'fenced'));
  await waiting;
});

test('a caller that gives up gets its own reason, the handler is told, and the link stays of use', async () => {
  const { request, begun, ended } = hanging();
  const listener = await listen({
    request: (message, peer, signal) =>
      fromUtf8(message) === 'hang' ? request(message, peer, signal) : Promise.resolve(message),
  });
  const active = link(listener);
  const caller = new AbortController();
  const reason = new Error('the client went away');
  const waiting = assert.rejects(active.send(utf8('hang'), caller.signal), (error) => error === reason);
  await begun;
  caller.abort(reason);
  await waiting;
  assert.ok(hasCode(await ended, 'timeout'));
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
  await assert.rejects(active.send(utf8('x'), caller.signal), (error) => error === reason);
});

test('one caller that gives up while the connection is opened does not fail the others', async () => {
  const listener = await listen({});
  const active = link(listener);
  const caller = new AbortController();
  const gaveUp = assert.rejects(active.send(utf8('x'), caller.signal), { name: 'AbortError' });
  const other = active.send(utf8('y'), never);
  caller.abort();
  await gaveUp;
  assert.equal(fromUtf8(await other), 'y');
});

test('an active node that never answers costs the deadline and no more, on either end', async () => {
  const slow = hanging();
  const listener = await listen({ request: slow.request });
  await fault(link(listener, { requestMsMax: 50 }).send(utf8('x'), never), 'unknown', 'timeout');
  assert.ok(hasCode(await slow.ended, 'timeout'));
  const slower = hanging();
  const strict = await listen({ request: slower.request }, { requestMsMax: 50 });
  await fault(link(strict).send(utf8('x'), never), 'unknown', 'timeout');
  assert.ok(hasCode(await slower.ended, 'timeout'));
});

test('a handler that ignores its signal is left behind at the deadline', async () => {
  const listener = await listen({ request: () => new Promise(() => {}) }, { requestMsMax: 50 });
  await fault(link(listener).send(utf8('x'), never), 'unknown', 'timeout');
});

test('a request whose bytes stop coming is given up at the deadline', async () => {
  const listener = await listen({}, { requestMsMax: 50 });
  const session = await rawSession(listener);
  const stream = session.request({ ':method': 'POST', ':path': wire.REQUEST_PATH, 'content-length': '10' });
  stream.on('error', () => {}).resume();
  stream.write('x');
  await closing(stream);
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_CANCEL);
});

test('a handler that throws is logged here and not told there', async () => {
  const lines: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (message, fields) => lines.push(`${message} ${JSON.stringify(fields)}`),
  };
  const listener = await listen(
    {
      request: () => {
        throw new Error('a defect inside');
      },
    },
    {},
    log,
  );
  const { message, detail } = await fault(link(listener).send(utf8('x'), never), 'unknown', 'internal');
  assert.doesNotMatch(`${message} ${detail}`, /defect/);
  assert.match(lines.join(), /a defect inside/);
});

test('more bytes than the active node will hold are refused undelivered, and room comes back', async () => {
  const answer = Promise.withResolvers<Uint8Array>();
  const begun = Promise.withResolvers<void>();
  const listener = await listen(
    {
      request: () => {
        begun.resolve();
        return answer.promise;
      },
    },
    { heldBytesMax: 1_000 },
  );
  const active = link(listener);
  const first = active.send(new Uint8Array(600), never);
  await begun.promise;
  await fault(active.send(new Uint8Array(600), never), 'not_delivered', 'no_active_node');
  answer.resolve(utf8('done'));
  await first;
  assert.equal(fromUtf8(await active.send(new Uint8Array(600), never)), 'done');
});

test('a connection that says nothing is dropped; pings keep a quiet one', async () => {
  const listener = await listen({}, { idleMsMax: 400 });
  const silent = await rawSession(listener);
  const counting = await countingProxy(listener);
  const active = link(counting, { pingMs: 50 });
  await active.send(utf8('x'), never);
  await closing(silent);
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
  assert.equal(counting.connections, 1);
});

test('a link that is closed fails what is under way, or waits for it with grace, and sends no more', async () => {
  const { request, begun } = hanging();
  const listener = await listen({ request });
  const active = link(listener);
  const waiting = fault(active.send(utf8('x'), never), 'unknown', 'no_active_node');
  await begun;
  await active.close();
  await waiting;
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  await active.close();

  const answer = Promise.withResolvers<Uint8Array>();
  const started = Promise.withResolvers<void>();
  const patient = await listen({
    request: () => {
      started.resolve();
      return answer.promise;
    },
  });
  const graceful = link(patient);
  const first = graceful.send(utf8('x'), never);
  await started.promise;
  const closed = graceful.close(10_000);
  answer.resolve(utf8('done'));
  assert.equal(fromUtf8(await first), 'done');
  await closed;
});

test('a link closed while it connects lets go at once', async () => {
  const silent = createTcpServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  cleanups.push(() => silent.close());
  const { port } = silent.address() as { port: number };
  const active = link({ address: { host: '127.0.0.1', port } });
  const waiting = fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  await once(silent, 'connection');
  await active.close();
  await waiting;
});

test('nobody there, nobody answering and an unreadable address are all not delivered', async () => {
  const listener = await listen({});
  await listener.close();
  await fault(link(listener).send(utf8('x'), never), 'not_delivered', 'no_active_node');

  const silent = createTcpServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  cleanups.push(() => silent.close());
  const { port } = silent.address() as { port: number };
  const active = link({ address: { host: '127.0.0.1', port } }, { connectMsMax: 50 });
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');

  for (const address of ['', 'nowhere', 'http://a:1', 'https://', 'https://a:1/path']) {
    assert.throws(() => connectToActive({ address, identity }), wire.ForwardFault, address);
  }
});

test('an address that is taken is config_invalid', async () => {
  const listener = await listen();
  await assert.rejects(openClusterListener(listener.address, silentLogger), (error) =>
    hasCode(error, 'config_invalid'),
  );
});

/** An active node in a process of its own. It answers `hang` never, and says on stdout when it has got it. */
async function activeProcess(port = 0) {
  const here = new URL('.', import.meta.url);
  const program = `
    const { openClusterListener } = await import('${new URL('active.ts', here)}');
    const { parseClusterIdentity } = await import('${new URL('certificate.ts', here)}');
    const { silentLogger } = await import('${new URL('../base/log.ts', here)}');
    const [record] = await process.stdin.take(1).toArray();
    const listener = await openClusterListener({ host: '127.0.0.1', port: ${port} }, silentLogger);
    listener.serve(parseClusterIdentity(Buffer.from(String(record), 'base64')), {
      heartbeat() {},
      request: async (request) => {
        if (Buffer.from(request).toString() !== 'hang') return request;
        console.log('hanging');
        return new Promise(() => {});
      },
    });
    console.log(listener.address.port);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  child.stdin.write(`${toBase64(identity.serialize().expose())}\n`);
  const [said] = await once(child.stdout, 'data');
  return { child, exited, address: { host: '127.0.0.1', port: Number(said) } };
}

test('an active node killed in the middle of a request: outcome unknown at once, then the link finds the next', async () => {
  const { child, exited, address } = await activeProcess();
  const active = link({ address });
  const waiting = fault(active.send(utf8('hang'), never), 'unknown', 'no_active_node');
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await Promise.all([waiting, exited]);
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
  await activeProcess(address.port);
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
});

test('an active node that was stopped is noticed by its missing pong, and refuses new connections in time', async () => {
  const { child, address } = await activeProcess();
  const active = link({ address }, { pingMs: 100, connectMsMax: 100 });
  assert.equal(fromUtf8(await active.send(utf8('x'), never)), 'x');
  const waiting = fault(active.send(utf8('hang'), never), 'unknown', 'no_active_node');
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  await waiting;
  await fault(active.send(utf8('x'), never), 'not_delivered', 'no_active_node');
});
