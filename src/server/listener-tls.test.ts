// TLS of the listener with real sockets: which versions, suites and client certificates it takes, and how changed
// files come into use while connections stay.

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { suite, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { until } from '../../demo/conditions.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { CallHandler } from '../core/call.ts';
import { type Listener, openListener } from './listener.ts';
import { certificateFiles, RawClient } from './test/raw-client.ts';
import type { TlsFiles } from './tls-files.ts';

const handler: CallHandler = {
  handle: async () => ({ kind: 'response', response: { data: { ok: true }, dress: 'raw' }, mountType: '' }),
};

const GET = 'GET /v1/a HTTP/1.1\r\nHost: a\r\n\r\n';

interface Opened extends Listener, AsyncDisposable {
  readonly said: string[];
}

async function open(tls: TlsFiles, tlsLookMs = 0): Promise<Opened> {
  const said: string[] = [];
  const note = (level: string) => (message: string) => void said.push(`${level}: ${message}`);
  const log: Logger = { ...silentLogger, info: note('info'), error: note('error'), child: () => log };
  const listener = await openListener({ address: '127.0.0.1:0', tls, tlsLookMs }, handler, log);
  return { ...listener, said, [Symbol.asyncDispose]: () => listener.close(0) };
}

async function answers(port: number, options: ConnectionOptions): Promise<boolean> {
  await using client = await RawClient.open(port, options);
  await client.send(GET);
  return (await client.answer()).status === 200;
}

/** Version and suite that a handshake comes to. */
async function agreed(port: number, options: ConnectionOptions): Promise<string> {
  await using client = await RawClient.open(port, options);
  const socket = client.socket as TLSSocket;
  return `${socket.getProtocol()} ${socket.getCipher().name}`;
}

suite('what is offered', () => {
  test('the suites that are named, and no others; TLS 1.3 keeps its own', async () => {
    await using files = await certificateFiles();
    const ca = files.pem;
    const cipherSuites = ['ECDHE-ECDSA-AES128-GCM-SHA256'];
    await using listener = await open({ ...files, cipherSuites });
    assert.equal(await agreed(listener.port, { ca, maxVersion: 'TLSv1.2' }), `TLSv1.2 ${cipherSuites[0]}`);
    const other = { ca, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' } as const;
    await assert.rejects(RawClient.open(listener.port, other), /handshake|SSL/);
    assert.match(await agreed(listener.port, { ca }), /^TLSv1.3 TLS_AES_256/);
    await using narrow = await open({ ...files, cipherSuites: ['TLS_CHACHA20_POLY1305_SHA256'] });
    assert.equal(await agreed(narrow.port, { ca }), 'TLSv1.3 TLS_CHACHA20_POLY1305_SHA256');
    await assert.rejects(RawClient.open(narrow.port, { ca, maxVersion: 'TLSv1.2' }), /version|SSL/);
  });

  test('the key exchanges that are named, and no others', async () => {
    await using files = await certificateFiles();
    const ca = files.pem;
    await using listener = await open({ ...files, keyExchanges: ['X25519MLKEM768', 'P-384'] });
    assert.ok(await answers(listener.port, { ca, ecdhCurve: 'X25519MLKEM768' }));
    assert.ok(await answers(listener.port, { ca, ecdhCurve: 'P-384' }));
    await assert.rejects(RawClient.open(listener.port, { ca, ecdhCurve: 'X25519' }), /handshake|SSL/);
  });

  test('no key behind a passphrase, in words', async () => {
    await using files = await certificateFiles();
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'swordfish' } as const;
    await writeFile(files.key, createPrivateKey(files.keyPem).export(options));
    await assert.rejects(open(files), /is encrypted with a passphrase/);
  });

  test('the versions between minimum and maximum', async () => {
    await using files = await certificateFiles();
    const ca = files.pem;
    await using old = await open({ ...files, maxVersion: 'TLSv1.2' });
    assert.match(await agreed(old.port, { ca }), /^TLSv1.2/);
    await assert.rejects(RawClient.open(old.port, { ca, minVersion: 'TLSv1.3' }), /version|SSL/);
    await using recent = await open({ ...files, minVersion: 'TLSv1.3' });
    await assert.rejects(RawClient.open(recent.port, { ca, maxVersion: 'TLSv1.2' }), /version|SSL/);
  });
});

suite('client certificates', () => {
  test('are required, requested or not asked for', async () => {
    await using files = await certificateFiles();
    await using stranger = await certificateFiles();
    const clientCa = files.cert;
    const ca = files.pem;
    const own = { ca, cert: files.pem, key: files.keyPem };
    const foreign = { ca, cert: stranger.pem, key: stranger.keyPem };
    for (const [clientCert, isAsked] of [
      ['require', true],
      ['request', true],
      ['ignore', false],
    ] as const) {
      await using listener = await open({ ...files, clientCa, clientCert });
      assert.equal(await asksForCertificate(listener.port, ca), isAsked, clientCert);
      assert.ok(await answers(listener.port, own));
      for (const options of [foreign, { ca }]) {
        if (clientCert === 'require') await assert.rejects(answers(listener.port, options));
        else assert.ok(await answers(listener.port, options));
      }
    }
  });

  test('an authority that changes holds for new connections', async () => {
    await using files = await certificateFiles();
    await using others = await certificateFiles();
    const clientCa = join(files.folder, 'authority.pem');
    await writeFile(clientCa, files.pem);
    await using listener = await open({ ...files, clientCa, clientCert: 'require' }, 5);
    const own = { ca: files.pem, cert: files.pem, key: files.keyPem };
    const other = { ca: files.pem, cert: others.pem, key: others.keyPem };
    assert.ok(await answers(listener.port, own));
    await assert.rejects(answers(listener.port, other));
    await writeFile(clientCa, others.pem);
    await until(
      'the other authority',
      async () => await answers(listener.port, other).catch(() => undefined),
    );
    await assert.rejects(answers(listener.port, own));
    await writeFile(clientCa, 'nothing of the kind');
    await until(
      'a word about the file',
      async () => listener.said.some((line) => line.startsWith('error')) || undefined,
    );
    await assert.rejects(answers(listener.port, own));
    assert.ok(await answers(listener.port, other), 'the authority before stays');
  });
});

suite('files that change', () => {
  test('a link that is swapped above them, as Kubernetes does it; open connections stay', async () => {
    await using first = await certificateFiles();
    await using second = await certificateFiles();
    const mount = await mkdtemp(join(tmpdir(), 'latchkey-mount-'));
    try {
      await publish(mount, 'one', first);
      for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(mount, name));
      await using listener = await open({ cert: join(mount, 'tls.crt'), key: join(mount, 'tls.key') }, 5);
      await using kept = await RawClient.open(listener.port, { ca: first.pem });
      await kept.send(GET);
      assert.equal((await kept.answer()).status, 200);
      await publish(mount, 'two', second);
      await until('the second certificate', async () => {
        return await answers(listener.port, { ca: second.pem }).catch(() => undefined);
      });
      await assert.rejects(answers(listener.port, { ca: first.pem }));
      await kept.send(GET);
      assert.equal((await kept.answer()).status, 200, 'the connection from before is still served');
      assert.deepEqual(listener.said, [
        'info: TLS files changed and were read again; new connections use them',
      ]);
    } finally {
      await rm(mount, { recursive: true });
    }
  });

  test('a broken file, and a key of another certificate, keep the old ones, are told once, and mend', async () => {
    await using files = await certificateFiles();
    await using others = await certificateFiles();
    await using listener = await open(files, 5);
    const errors = () => listener.said.filter((line) => line.startsWith('error')).length;
    const breaks: (() => Promise<void>)[] = [
      () => replace(files.cert, 'no certificate'),
      () => rm(files.cert),
      () => replace(files.cert, others.pem),
    ];
    for (const [index, breakIt] of breaks.entries()) {
      await breakIt();
      await until('the failure to be told', async () => errors() > index || undefined);
      assert.ok(await answers(listener.port, { ca: files.pem }));
    }
    // Many looks later it has still been said once for each change.
    await until('some looks', waitLooks(20));
    assert.equal(errors(), breaks.length, listener.said.join('\n'));
    assert.equal(listener.said.length, breaks.length);
    await writeFile(files.key, others.keyPem);
    await until(
      'the new pair',
      async () => await answers(listener.port, { ca: others.pem }).catch(() => undefined),
    );
    assert.equal(
      listener.said.at(-1),
      'info: TLS files changed and were read again; new connections use them',
    );
  });
});

/** In one step, where writing would first leave an empty file, which is a change of its own. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** Counts tries of `until`, each of which is longer than a look. */
function waitLooks(count: number): () => Promise<true | undefined> {
  let left = count;
  return async () => {
    left -= 1;
    return left <= 0 ? true : undefined;
  };
}

/** `..data` points to a folder, and is replaced by a rename. */
async function publish(mount: string, name: string, files: { pem: string; keyPem: string }): Promise<void> {
  await mkdir(join(mount, name));
  await writeFile(join(mount, name, 'tls.crt'), files.pem);
  await writeFile(join(mount, name, 'tls.key'), files.keyPem);
  await symlink(name, join(mount, '..tmp'));
  await rename(join(mount, '..tmp'), join(mount, '..data'));
}

/** In TLS 1.2 the server's first flight is readable: a CertificateRequest (RFC 5246, 7.4.4) is message 13 of it. */
async function asksForCertificate(port: number, ca: string): Promise<boolean> {
  const tcp = connectTcp(port, '127.0.0.1');
  const flight: Buffer[] = [];
  const tap = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => void tcp.write(chunk, () => done()),
    final: (done) => void tcp.end(() => done()),
  });
  tcp.on('data', (chunk: Buffer) => {
    flight.push(chunk);
    tap.push(chunk);
  });
  const secure = connectTls({ socket: tap, ca, host: '127.0.0.1', maxVersion: 'TLSv1.2' });
  try {
    // With a certificate that is required and not sent, the handshake fails after the flight.
    await new Promise<void>((resolve) =>
      secure.once('secureConnect', resolve).once('error', () => resolve()),
    );
  } finally {
    secure.destroy();
    tcp.destroy();
  }
  return messageTypes(Buffer.concat(flight)).includes(13);
}

function messageTypes(bytes: Buffer): number[] {
  let handshake = Buffer.alloc(0);
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === 22; at += 5 + bytes.readUInt16BE(at + 3)) {
    handshake = Buffer.concat([handshake, bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3))]);
  }
  const types: number[] = [];
  for (let at = 0; at + 4 <= handshake.length; at += 4 + handshake.readUIntBE(at + 1, 3)) {
    types.push(handshake[at] ?? -1);
    if (types.at(-1) === 14) break;
  }
  return types;
}
