// The listener over real sockets and TLS: limits, deadlines, malformed input, order, reload and close.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { LatchkeyError } from '../base/errors.ts';
import { type LogFields, type Logger, silentLogger } from '../base/log.ts';
import type { Answer, Call } from '../core/call.ts';
import { type Listener, type ListenerOptions, openListener } from './listener.ts';
import { certificateFiles, RawClient } from './test/raw-client.ts';

const MIB = 1024 * 1024;

type Handle = (call: Call) => Promise<Answer>;
interface Opened extends Listener, AsyncDisposable {}

const echo: Handle = async ({ verb, path, input }) => say({ verb, path, input });

function say(data: NonNullable<Extract<Answer, { kind: 'response' }>['response']['data']>): Answer {
  return { kind: 'response', response: { data, dress: 'raw' }, mountType: '' };
}

async function open(
  handle: Handle = echo,
  options: Partial<ListenerOptions> = {},
  log: Logger = silentLogger,
): Promise<Opened> {
  const listener = await openListener({ address: '127.0.0.1:0', ...options }, { handle }, log);
  return { ...listener, [Symbol.asyncDispose]: () => listener.close(0) };
}

const get = (path: string) => `GET /v1/${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Waits until `holds`, at most ten seconds. */
async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < end, 'it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

suite('answers', () => {
  test('carry Vault’s headers; HSTS over TLS alone', async () => {
    await using files = await certificateFiles();
    await using plain = await open();
    await using secure = await open(echo, { tls: files });
    for (const [listener, trust] of [
      [plain, undefined],
      [secure, { ca: files.pem }],
    ] as const) {
      await using client = await RawClient.open(listener.port, trust);
      await client.send(get('a'));
      const { headers } = await client.answer();
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal('strict-transport-security' in headers, trust !== undefined);
    }
  });

  test('health answers HEAD without a body, other paths do not take it', async () => {
    await using listener = await open(async () => ({
      kind: 'response',
      response: { dress: 'raw', data: { sealed: true }, health: { condition: 'sealed', codes: {} } },
      mountType: 'system',
    }));
    await using client = await RawClient.open(listener.port);
    await client.send('HEAD /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.answer(true)).status, 503);
    await client.send('HEAD /v1/secret/a HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.answer(true)).status, 405);
    await client.send(get('sys/health'));
    assert.equal((await client.answer()).body, '{"sealed":true}\n');
  });

  test('outside /v1 there is nothing', async () => {
    await using listener = await open();
    await using client = await RawClient.open(listener.port);
    for (const path of ['/', '/ui', '/ui/', '/v1', '/v2/a', '/V1/a']) {
      await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const { status, body } = await client.answer();
      assert.deepEqual([path, status, body], [path, 404, '{"errors":[]}\n']);
    }
  });

  test('a redirect has the place and no body, for LIST too', async () => {
    await using listener = await open(async () => ({ kind: 'redirect', origin: 'https://active:8200' }));
    await using client = await RawClient.open(listener.port);
    for (const verb of ['GET', 'LIST']) {
      await client.send(`${verb} /v1/a%2Fb?x=1&y=%20 HTTP/1.1\r\nHost: a\r\n\r\n`);
      const { status, headers, body } = await client.answer();
      assert.deepEqual([status, body], [307, '']);
      assert.equal(headers['location'], 'https://active:8200/v1/a%2Fb?x=1&y=%20');
    }
  });

  test('JSON is taken under any Content-Type, even a malformed one', async () => {
    await using listener = await open();
    await using client = await RawClient.open(listener.port);
    for (const type of [
      '',
      'Content-Type: text/plain\r\n',
      'Content-Type: ;;nonsense\r\n',
      'Content-Type:\r\n',
    ]) {
      await client.send(`POST /v1/a HTTP/1.1\r\nHost: a\r\n${type}Content-Length: 7\r\n\r\n{"b":1}`);
      const { status, body } = await client.answer();
      assert.deepEqual([type, status, JSON.parse(body).input], [type, 200, { b: 1 }]);
    }
  });

  test('a DELETE and a GET with a body are answered by their query', async () => {
    await using listener = await open();
    await using client = await RawClient.open(listener.port);
    for (const verb of ['DELETE', 'GET']) {
      await client.send(
        `${verb} /v1/a?n=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n{"b":1}${get('next')}`,
      );
      assert.deepEqual(JSON.parse((await client.answer()).body).input, { n: '1' });
      assert.equal(JSON.parse((await client.answer()).body).path, 'next');
    }
  });

  test('pipelined requests run one after the other', async () => {
    const seen: string[] = [];
    await using listener = await open(async (call) => {
      seen.push(`${call.path} starts`);
      await new Promise((resolve) => setTimeout(resolve, call.path === '1' ? 10 : 0));
      seen.push(`${call.path} ends`);
      return say({});
    });
    await using client = await RawClient.open(listener.port);
    await client.send(get('1') + get('2') + get('3'));
    for (let count = 0; count < 3; count += 1) await client.answer();
    assert.deepEqual(
      seen,
      ['1', '2', '3'].flatMap((path) => [`${path} starts`, `${path} ends`]),
    );
  });

  test('the call names the client and what the listener lets it see', async () => {
    const calls: Call[] = [];
    const note: Handle = async (call) => {
      calls.push(call);
      return say({});
    };
    await using listener = await open(note, { sealDetail: false });
    await using client = await RawClient.open(listener.port);
    await client.send(get('a') + get('a'));
    await client.answer();
    await client.answer();
    assert.deepEqual(calls[0]?.listener, { loopback: true, sealDetail: false });
    assert.equal(calls[0]?.remoteAddress, '127.0.0.1');
    assert.notEqual(calls[0]?.id, calls[1]?.id);
    await using wide = await open(note, { address: ':0' });
    assert.deepEqual(wide.traits, { loopback: false, sealDetail: false });
  });
});

suite('limits', () => {
  test('a body of exactly 32 MiB is read', async () => {
    await using listener = await open(async (call) => say({ size: String(call.input['a']).length }));
    await using client = await RawClient.open(listener.port);
    await client.send(`POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: ${32 * MIB}\r\n\r\n`);
    await client.send(`{"a":"${'x'.repeat(32 * MIB - 8)}"}`);
    assert.equal((await client.answer()).body, `{"size":${32 * MIB - 8}}\n`);
  });

  test('one byte more is 413 before it is read, and the connection ends without a reset', async () => {
    await using listener = await open();
    await using client = await RawClient.open(listener.port);
    await client.send(`POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: ${32 * MIB + 1}\r\n\r\n{`);
    const answer = await client.answer();
    assert.equal(answer.status, 413);
    assert.equal(answer.headers['connection'], 'close');
    assert.equal(answer.body, '{"errors":["http: request body too large"]}\n');
    client.socket.write(Buffer.alloc(4 * MIB, 'x'));
    assert.ok(await client.end(), 'the connection was reset');
  });

  test('a chunked body is cut at the limit', async () => {
    await using listener = await open(echo, { bodyBytesMax: 1_000 });
    await using client = await RawClient.open(listener.port);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let sent = 0; sent < 10; sent += 1) await client.send(`80\r\n${' '.repeat(128)}\r\n`);
    assert.equal((await client.answer()).status, 413);
    assert.ok(await client.end());
  });

  test('a client that asks first is told to go on, or not to', async () => {
    await using listener = await open(echo, { bodyBytesMax: 1_000 });
    const ask = (length: number) =>
      `POST /v1/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    await using client = await RawClient.open(listener.port);
    await client.send(ask(2));
    assert.equal((await client.answer()).status, 100);
    await client.send('{}');
    assert.equal((await client.answer()).status, 200);
    await client.send(ask(1_001));
    assert.equal((await client.answer()).status, 413);
  });

  test('headers over the limit are 431, a long token too', async () => {
    await using listener = await open();
    await using client = await RawClient.open(listener.port);
    await client.send(`GET /v1/a HTTP/1.1\r\nHost: a\r\nX-Vault-Token: ${'t'.repeat(8_193)}\r\n\r\n`);
    assert.equal((await client.answer()).status, 431);
    await client.send(`GET /v1/a HTTP/1.1\r\nHost: a\r\nX-Much: ${'m'.repeat(70_000)}\r\n\r\n`);
    const answer = await client.answer();
    assert.equal(answer.status, 431);
    assert.match(answer.body, /headers are too large/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.ok(await client.end());
  });

  test('headers that dribble are cut off with 408, before and after a LIST', async () => {
    await using listener = await open(echo, { headerMsMax: 200 });
    for (const before of ['', 'LIST /v1/a HTTP/1.1\r\nHost: a\r\n\r\n']) {
      await using client = await RawClient.open(listener.port);
      await client.send(before);
      if (before !== '') assert.equal((await client.answer()).status, 200);
      await client.send('GET /v1/a HTTP/1.1\r\nX-');
      assert.equal((await client.answer()).status, 408);
      assert.ok(await client.end());
    }
    await using client = await RawClient.open(listener.port);
    await client.send('LIS');
    await client.end();
  });

  test('a body that does not come is cut off with 408', async () => {
    await using listener = await open(echo, { headerMsMax: 100, readMsMax: 200 });
    await using client = await RawClient.open(listener.port);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{');
    assert.equal((await client.answer()).status, 408);
    assert.ok(await client.end());
  });

  test('an idle connection is closed', async () => {
    await using listener = await open(echo, { idleMsMax: 50 });
    await using client = await RawClient.open(listener.port);
    await client.send('LIST /v1/a HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.answer();
    assert.ok(await client.end());
  });

  test('the wait between requests does not cut off a slow LIST', async () => {
    const gate = Promise.withResolvers<void>();
    await using listener = await open(
      async (call) => {
        if (call.path === 'slow/') await gate.promise;
        return say({ path: call.path });
      },
      { idleMsMax: 1 },
    );
    await using client = await RawClient.open(listener.port);
    await client.send(`${get('a')}LIST /v1/slow HTTP/1.1\r\nHost: a\r\n\r\n`);
    await client.answer();
    // Node adds a second to the idle time.
    setTimeout(gate.resolve, 1_300);
    assert.equal((await client.answer()).body, '{"path":"slow/"}\n');
  });

  test('connections over the number are closed', async () => {
    await using listener = await open(echo, { connectionsMax: 1 });
    await using first = await RawClient.open(listener.port);
    await first.send(get('a'));
    await first.answer();
    await using second = await RawClient.open(listener.port);
    await second.end();
    await first.send(get('a'));
    assert.equal((await first.answer()).status, 200);
  });

  test('a call that takes too long is aborted and answered 504', async () => {
    let reason: unknown;
    await using listener = await open(
      (call) =>
        new Promise((_, reject) => {
          call.signal.addEventListener('abort', () => {
            reason = call.signal.reason;
            reject(reason);
          });
        }),
      { requestMsMax: 50 },
    );
    await using client = await RawClient.open(listener.port);
    await client.send(get('a'));
    const answer = await client.answer();
    assert.equal(answer.status, 504);
    assert.equal(answer.body, '{"errors":["the request took longer than 50ms"]}\n');
    assert.ok(reason instanceof LatchkeyError && reason.code === 'timeout');
  });

  test('a client that goes away aborts its call, and no other', async () => {
    const signals: AbortSignal[] = [];
    await using listener = await open(async (call) => {
      signals.push(call.signal);
      if (call.path === 'wait')
        await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      return say({});
    });
    await using other = await RawClient.open(listener.port);
    await other.send(get('a'));
    await other.answer();
    const client = await RawClient.open(listener.port);
    await client.send(get('wait'));
    await until(() => signals.length === 2);
    client.socket.destroy();
    await until(() => signals[1]?.aborted === true);
    assert.equal(signals[0]?.aborted, false);
  });

  test('an aborted upload reaches nobody', async () => {
    let calls = 0;
    await using listener = await open(async () => {
      calls += 1;
      return say({});
    });
    const client = await RawClient.open(listener.port);
    await client.send('POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"a"');
    client.socket.destroy();
    await using other = await RawClient.open(listener.port);
    await other.send(get('a'));
    await other.answer();
    assert.equal(calls, 1);
  });
});

suite('malformed input', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['not HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['an unknown verb', 'FOO /v1/a HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['a known verb that Vault has not', 'PROPFIND /v1/a HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['OPTIONS', 'OPTIONS /v1/a HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['no host', 'GET /v1/a HTTP/1.1\r\n\r\n', 400],
    ['a header without colon', 'GET /v1/a HTTP/1.1\r\nHost: a\r\nbad\r\n\r\n', 400],
    [
      'two lengths',
      'POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
      400,
    ],
    [
      'length and chunks',
      'POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['a bad chunk', 'POST /v1/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['a bad escape', 'GET /v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['half a character', 'GET /v1/%c3 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['NUL in the path', 'GET /v1/a%00b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['upwards', 'GET /v1/a/../b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['upwards, escaped', 'GET /v1/a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['not JSON', 'PUT /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello', 400],
    ['a list flag that is none', 'GET /v1/a?list=maybe HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ];
  for (const [name, bytes, status] of cases) {
    test(`${name}: ${status}, and the next client is served`, async () => {
      await using listener = await open();
      await using client = await RawClient.open(listener.port);
      await client.send(Buffer.from(bytes, 'latin1'));
      const answer = await client.answer();
      assert.equal(answer.status, status);
      assert.ok(Array.isArray(JSON.parse(answer.body).errors));
      assert.equal(answer.headers['cache-control'], 'no-store');
      await using other = await RawClient.open(listener.port);
      await other.send(get('a'));
      assert.equal((await other.answer()).status, 200);
    });
  }

  test('a broken message after a sound one: both are answered, in order', async () => {
    await using listener = await open(async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return say({ path: call.path });
    });
    await using client = await RawClient.open(listener.port);
    await client.send(`${get('1')}${get('2')}nonsense\r\n\r\n`);
    assert.equal((await client.answer()).body, '{"path":"1"}\n');
    assert.equal((await client.answer()).body, '{"path":"2"}\n');
    assert.equal((await client.answer()).status, 400);
    assert.ok(await client.end());
  });
});

suite('failures', () => {
  test('an unknown error is an internal error to the caller, and its text does not reach the log', async () => {
    const lines: [string, LogFields | undefined][] = [];
    const log: Logger = { ...silentLogger, error: (message, fields) => lines.push([message, fields]) };
    await using listener = await open(
      async (call) => {
        if (call.path === 'known') throw new LatchkeyError('internal', 'public', { detail: 'disk said no' });
        throw new SyntaxError('Unexpected token in s3cret-value');
      },
      {},
      log,
    );
    await using client = await RawClient.open(listener.port);
    for (const path of ['known', 'unknown']) {
      await client.send(get(path));
      const { status, body } = await client.answer();
      assert.equal(status, 500);
      assert.deepEqual(JSON.parse(body), { errors: ['1 error occurred:\n\t* internal error\n\n'] });
    }
    assert.match(String(lines[0]?.[1]?.['cause']), /disk said no/);
    assert.match(String(lines[1]?.[1]?.['cause']), /^SyntaxError at /);
    assert.doesNotMatch(JSON.stringify(lines), /s3cret/);
  });

  test('an address in use, a bad address and unusable TLS files are config errors that name it', async () => {
    await using listener = await open();
    await using files = await certificateFiles();
    const refused = (options: Partial<ListenerOptions>, words: RegExp) =>
      assert.rejects(open(echo, options), (error: unknown) => {
        assert.ok(error instanceof LatchkeyError && error.code === 'config_invalid');
        assert.match(error.message, words);
        return true;
      });
    await refused({ address: listener.address }, new RegExp(`${listener.address}.*EADDRINUSE`));
    for (const address of ['127.0.0.1', 'a:b', '::1:80', '127.0.0.1:70000', '']) {
      await refused({ address }, /host:port/);
    }
    await refused({ tls: { cert: '/nowhere/cert.pem', key: files.key } }, /\/nowhere\/cert\.pem.*ENOENT/);
    await refused({ tls: { cert: files.key, key: files.key } }, /cannot be used together/);
    await refused({ tls: { ...files, clientCert: 'require' } }, /client CA/);
  });
});

suite('TLS', () => {
  test('reload serves the new certificate; a broken file leaves the old one', async () => {
    await using files = await certificateFiles();
    await using listener = await open(echo, { tls: files });
    const works = async (pem: string) => {
      await using client = await RawClient.open(listener.port, { ca: pem });
      await client.send(get('a'));
      return (await client.answer()).status === 200;
    };
    assert.ok(await works(files.pem));
    const renewed = await files.renew();
    assert.ok(await works(files.pem), 'nothing changes before reload');
    await listener.reload();
    assert.ok(await works(renewed));
    await assert.rejects(works(files.pem), /self-signed|unable to verify|signature/);
    await writeFile(files.cert, 'not a certificate');
    await assert.rejects(listener.reload(), LatchkeyError);
    assert.ok(await works(renewed));
  });

  test('below TLS 1.2 there is no handshake', async () => {
    await using files = await certificateFiles();
    await using listener = await open(echo, { tls: files });
    const old = {
      ca: files.pem,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    } as const;
    await assert.rejects(RawClient.open(listener.port, old));
    await using strict = await open(echo, { tls: { ...files, minVersion: 'TLSv1.3' } });
    await assert.rejects(RawClient.open(strict.port, { ca: files.pem, maxVersion: 'TLSv1.2' }));
  });

  test('a client certificate is asked for, and required if the listener says so', async () => {
    await using files = await certificateFiles();
    const clientCa = join(files.folder, 'ca.pem');
    await writeFile(clientCa, files.pem);
    const mine = { ca: files.pem, cert: files.pem, key: files.keyPem };
    for (const clientCert of ['require', 'request', 'ignore'] as const) {
      await using listener = await open(echo, { tls: { ...files, clientCa, clientCert } });
      await using known = await RawClient.open(listener.port, mine);
      await known.send(get('a'));
      assert.equal((await known.answer()).status, 200);
      // In TLS 1.3 the client learns of the refusal only when it reads.
      await using unknown = await RawClient.open(listener.port, { ca: files.pem });
      await unknown.send(get('a'));
      if (clientCert === 'require') await assert.rejects(unknown.answer());
      else assert.equal((await unknown.answer()).status, 200);
    }
  });

  test('plain HTTP on a TLS port ends, and the next client is served', async () => {
    await using files = await certificateFiles();
    await using listener = await open(echo, { tls: files });
    await using plain = await RawClient.open(listener.port);
    await plain.send(get('a'));
    await plain.end();
    await using client = await RawClient.open(listener.port, { ca: files.pem });
    await client.send(get('a'));
    assert.equal((await client.answer()).status, 200);
  });
});

suite('close', () => {
  test('lets an answer finish, says so, closes idle connections at once and takes no more', async () => {
    const gate = Promise.withResolvers<void>();
    let started = false;
    const listener = await open(async () => {
      started = true;
      await gate.promise;
      return say({ done: true });
    });
    await using idle = await RawClient.open(listener.port);
    await using busy = await RawClient.open(listener.port);
    await busy.send(get('a'));
    await until(() => started);
    const closed = listener.close(10_000);
    await idle.end();
    await assert.rejects(RawClient.open(listener.port), /ECONNREFUSED/);
    gate.resolve();
    const answer = await busy.answer();
    assert.equal(answer.body, '{"done":true}\n');
    assert.equal(answer.headers['connection'], 'close');
    assert.ok(await busy.end());
    await closed;
  });

  test('cuts off after the grace, aborting the call; also in the middle of a TLS handshake', async () => {
    await using files = await certificateFiles();
    let signal: AbortSignal | undefined;
    const hang: Handle = (call) => {
      signal = call.signal;
      return new Promise(() => {});
    };
    const listener = await open(hang, { tls: files });
    await using silent = await RawClient.open(listener.port);
    await using client = await RawClient.open(listener.port, { ca: files.pem });
    await client.send(get('a'));
    await until(() => signal !== undefined);
    await listener.close(20);
    await client.end();
    await silent.end();
    await until(() => signal?.aborted === true);
  });

  test('a client of Node keeps its connection alive and is let go', async () => {
    const listener = await open();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest({ port: listener.port, path: '/v1/a' }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      sent.on('error', reject).end();
    });
    assert.equal(status, 200);
    await listener.close(5_000);
  });
});
