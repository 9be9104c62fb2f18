// The client against real sockets: TLS and its trust, names, redirects, limits, deadlines, retries.

// @peculiar/x509 needs it before it loads.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { LatchkeyError } from '../base/errors.ts';
import { ApiError, UnreachableError } from './api-error.ts';
import { VaultClient } from './client.ts';
import { clientOptionsFromEnv, type TlsOptions } from './options.ts';

const TOKEN = 'hvs.not-a-real-token-0123456';

interface Pems {
  readonly folder: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}
let pems: Pems;

before(async () => {
  pems = await certificates(['vault-0.localhost']);
});
after(() => rm(pems.folder, { recursive: true }));

/** A CA, and a certificate for `names` that serves as the server's and as a client's. */
async function certificates(names: readonly string[]): Promise<Pems> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const times = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const caKeys = await pair();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test CA',
    keys: caKeys,
    signingAlgorithm: algorithm,
    ...times,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const keys = await pair();
  const leaf = await x509.X509CertificateGenerator.create({
    subject: 'CN=leaf',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: algorithm,
    ...times,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-client-'));
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  for (const [name, text] of Object.entries({
    'ca.pem': ca.toString('pem'),
    'cert.pem': leaf.toString('pem'),
    'key.pem': key,
  })) {
    await writeFile(join(folder, name), text);
  }
  return { folder, ca: ca.toString('pem'), cert: leaf.toString('pem'), key };
}

/** Listens on a free port of the loopback address until the scope ends. */
async function listen(server: Server): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function answering(
  status: number,
  text: string,
  headers: http.OutgoingHttpHeaders = {},
): http.RequestListener {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end(text);
  };
}

async function refusalOf(act: Promise<unknown>): Promise<UnreachableError> {
  try {
    await act;
  } catch (error) {
    assert.ok(error instanceof UnreachableError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was answered' });
}

test('TLS: a CA by file, by folder or as text; a name under .localhost; none of them trusts nothing else', async () => {
  await using server = await listen(
    https.createServer({ cert: pems.cert, key: pems.key }, answering(200, '{"data":{"a":"b"}}')),
  );
  const read = (tls: TlsOptions, host = 'vault-0.localhost') =>
    new VaultClient({ address: `https://${host}:${server.port}`, tls }).read('x');
  const caFile = join(pems.folder, 'ca.pem');
  assert.deepEqual((await read({ caFile }))?.data, { a: 'b' });
  assert.deepEqual((await read({ caFolder: pems.folder }).catch(() => undefined))?.data, { a: 'b' });
  assert.deepEqual((await read({ caPem: pems.ca }))?.data, { a: 'b' });
  assert.deepEqual((await read({ skipVerify: true }))?.data, { a: 'b' });
  assert.deepEqual((await read({ caFile, serverName: 'vault-0.localhost' }, '127.0.0.1'))?.data, { a: 'b' });
  assert.match((await refusalOf(read({}))).message, /x509: certificate signed by unknown authority/);
  assert.match(
    (await refusalOf(read({ caFile }, '127.0.0.1'))).message,
    /x509: .* not valid for "127\.0\.0\.1"/,
  );
});

test('TLS: a client certificate is presented', async () => {
  const options = {
    cert: pems.cert,
    key: pems.key,
    ca: pems.ca,
    requestCert: true,
    rejectUnauthorized: true,
  };
  await using server = await listen(https.createServer(options, answering(200, '{"data":{"a":"b"}}')));
  const tls = {
    caPem: pems.ca,
    certFile: join(pems.folder, 'cert.pem'),
    keyFile: join(pems.folder, 'key.pem'),
  };
  const address = `https://vault-0.localhost:${server.port}`;
  assert.deepEqual((await new VaultClient({ address, tls }).read('x'))?.data, { a: 'b' });
  await refusalOf(new VaultClient({ address, tls: { caPem: pems.ca } }).read('x'));
});

test('an HTTP server at an https address, and the other way round', async () => {
  await using plain = await listen(http.createServer(answering(200, '{}')));
  const toPlain = new VaultClient({ address: `https://127.0.0.1:${plain.port}`, tls: { skipVerify: true } });
  assert.match((await refusalOf(toPlain.read('x'))).message, /HTTP response to HTTPS client/);
  await using secure = await listen(
    https.createServer({ cert: pems.cert, key: pems.key }, answering(200, '{}')),
  );
  await refusalOf(new VaultClient({ address: `http://127.0.0.1:${secure.port}` }).read('x'));
});

test('one redirect is followed with method, body and token; a second is not; never from https to http', async () => {
  const asked: string[] = [];
  await using target = await listen(
    http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      asked.push(`${request.method} ${request.url} ${request.headers['x-vault-token']} ${body}`);
      response.end('{"data":{"ok":true}}');
    }),
  );
  const location = `http://127.0.0.1:${target.port}/v1/secret/data/x?a=1`;
  await using standby = await listen(http.createServer(answering(307, '', { Location: location })));
  const client = new VaultClient({ address: `http://127.0.0.1:${standby.port}`, token: TOKEN });
  assert.deepEqual((await client.write('secret/data/x', { k: 'v' }))?.data, { ok: true });
  assert.deepEqual(asked, [`PUT /v1/secret/data/x?a=1 ${TOKEN} {"k":"v"}`]);

  const onward = `http://127.0.0.1:${standby.port}/v1/secret/data/x`;
  await using twice = await listen(http.createServer(answering(307, '', { Location: onward })));
  const error = await new VaultClient({ address: `http://127.0.0.1:${twice.port}` })
    .read('x')
    .catch((one) => one);
  assert.ok(error instanceof ApiError && error.status === 307);
  const unfollowed = await new VaultClient({ ...client.options, disableRedirects: true })
    .read('x')
    .catch((one) => one);
  assert.ok(unfollowed instanceof ApiError && unfollowed.status === 307);

  await using secure = await listen(
    https.createServer({ cert: pems.cert, key: pems.key }, answering(307, '', { Location: location })),
  );
  const downgrade = new VaultClient({
    address: `https://vault-0.localhost:${secure.port}`,
    tls: { caPem: pems.ca },
  });
  await assert.rejects(downgrade.read('x'), /redirect would cause protocol downgrade/);
  assert.equal(asked.length, 1);
});

test('a server that hangs ends at the deadline or at the signal', async () => {
  await using server = await listen(createServer(() => {}));
  const client = new VaultClient({ address: `http://127.0.0.1:${server.port}`, timeoutMs: 50 });
  const error = await refusalOf(client.read('x'));
  assert.equal(error.code, 'timeout');
  assert.match(error.message, /^Get "http:\/\/127\.0\.0\.1:\d+\/v1\/x": no answer within 0\.05 s/);
  const patient = new VaultClient({ address: `http://127.0.0.1:${server.port}` });
  const reason = new Error('no more');
  const call = patient.read('x', undefined, AbortSignal.any([AbortSignal.abort(reason)]));
  await assert.rejects(call, (thrown) => thrown === reason);
  const stop = new AbortController();
  const pending = patient.read('x', undefined, stop.signal);
  stop.abort(reason);
  await assert.rejects(pending, (thrown) => thrown === reason);
});

test('an answer cut short, too many headers, and a name that does not resolve', async () => {
  await using cut = await listen(
    createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data"');
    }),
  );
  await refusalOf(new VaultClient({ address: `http://127.0.0.1:${cut.port}` }).read('x'));
  await using long = await listen(http.createServer(answering(200, '{}', { 'X-Long': 'x'.repeat(70_000) })));
  await refusalOf(new VaultClient({ address: `http://127.0.0.1:${long.port}` }).read('x'));
  const nowhere = await refusalOf(new VaultClient({ address: 'http://nowhere.invalid' }).read('x'));
  assert.match(nowhere.message, /lookup nowhere\.invalid: no such host/);
});

test('an answer larger than the limit is refused while it comes', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  await using server = await listen(
    http.createServer((_request, response) => {
      let sent = 0;
      const more = () => {
        while (sent < 70) {
          sent += 1;
          if (!response.write(chunk)) return response.once('drain', more);
        }
        return response.end();
      };
      response.on('error', () => {});
      more();
    }),
  );
  const error = await refusalOf(new VaultClient({ address: `http://127.0.0.1:${server.port}` }).read('x'));
  assert.equal(error.reason, 'TOO_LARGE');
});

test('retries: a passing status and a refused connection, but not an answer that was lost', async () => {
  let calls = 0;
  await using server = await listen(
    http.createServer((request, response) => {
      calls += 1;
      if (request.url === '/v1/lost') return request.socket.destroy();
      response.writeHead(calls === 1 ? 503 : 200);
      return response.end('{"data":{"a":"b"}}');
    }),
  );
  const client = new VaultClient({ address: `http://127.0.0.1:${server.port}`, retriesMax: 2 });
  assert.deepEqual((await client.read('x'))?.data, { a: 'b' });
  assert.equal(calls, 2);
  await refusalOf(client.read('lost'));
  assert.equal(calls, 3);
});

test('paths are percent-encoded and dots are left for the server to refuse; an address may have a prefix', async () => {
  const urls: (string | undefined)[] = [];
  await using server = await listen(
    http.createServer((request, response) => {
      urls.push(request.url);
      response.writeHead(404).end('{"errors":[]}');
    }),
  );
  const client = new VaultClient({ address: `http://127.0.0.1:${server.port}/pre/` });
  await client.read('/a b/../ü?#/', { list: 'true', q: ['1', '&'] });
  assert.deepEqual(urls, ['/pre/v1/a%20b/../%C3%BC%3F%23/?list=true&q=1&q=%26']);
});

test('404: nothing there, a refusal with words, and a page of somebody else', async () => {
  const bodies = [
    '{"errors":[]}',
    '{"errors":["no handler for route"]}',
    '<html>',
    '{"data":null,"warnings":["w"]}',
  ];
  await using server = await listen(
    http.createServer((request, response) => {
      response.writeHead(404).end(bodies[Number(request.url?.charAt(4))]);
    }),
  );
  const client = new VaultClient({ address: `http://127.0.0.1:${server.port}`, token: TOKEN });
  assert.equal(await client.read('0'), undefined);
  for (const [path, words] of [
    ['1', '* no handler for route'],
    ['2', 'Raw Message:\n\n<html>'],
  ] as const) {
    const error = await client.read(path, { secret: 'query-value' }).catch((one) => one);
    assert.ok(error instanceof ApiError);
    assert.ok(error.message.endsWith(words), error.message);
    assert.equal(error.code, 'not_found');
    assert.ok(!error.message.includes('query-value'));
  }
  assert.deepEqual((await client.read('3'))?.warnings, ['w']);
});

test('options come from VAULT_*, then BAO_*, and say which one is wrong', () => {
  assert.equal(clientOptionsFromEnv({}).address, 'https://127.0.0.1:8200');
  const found = clientOptionsFromEnv({
    BAO_ADDR: 'http://bao',
    VAULT_ADDR: 'http://vault',
    BAO_TOKEN: 'b',
    VAULT_TOKEN: '',
    VAULT_SKIP_VERIFY: '1',
    VAULT_CLIENT_TIMEOUT: '90s',
    VAULT_MAX_RETRIES: '3',
  });
  assert.deepEqual(
    [found.address, found.token, found.tls?.skipVerify, found.timeoutMs, found.retriesMax],
    ['http://vault', 'b', true, 90_000, 3],
  );
  for (const [name, value] of [
    ['SKIP_VERIFY', 'maybe'],
    ['CLIENT_TIMEOUT', 'soon'],
    ['MAX_RETRIES', '-1'],
  ]) {
    assert.throws(() => clientOptionsFromEnv({ [`VAULT_${name}`]: value }), new RegExp(`VAULT_${name} is`));
  }
});

test('what cannot be sent is refused without being shown', () => {
  for (const token of ['hvs.a b', 'hvs.\n', 'hvs.ü']) {
    assert.throws(
      () => new VaultClient({ address: 'http://x', token }),
      (error) => error instanceof LatchkeyError && !error.message.includes('hvs'),
    );
  }
  assert.throws(() => new VaultClient({ address: 'ftp://me:password@host' }), /"ftp:\/\/host" is no http/);
});
