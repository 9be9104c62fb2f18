// What a listener may be set to do with each request, over real sockets: whose address it sees, which headers every
// answer carries, what it takes and how long it waits.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { LatchkeyError } from '../base/errors.ts';
import { silentLogger } from '../base/log.ts';
import type { Answer, Call } from '../core/call.ts';
import { JSON_LIMITS } from './json-limits.ts';
import { type Listener, type ListenerOptions, openListener } from './listener.ts';
import { type RawAnswer, RawClient } from './test/raw-client.ts';

type Handle = (call: Call) => Promise<Answer>;
interface Opened extends Listener, AsyncDisposable {}

const say = (data: NonNullable<Extract<Answer, { kind: 'response' }>['response']['data']>): Answer => ({
  kind: 'response',
  response: { data, dress: 'raw' },
  mountType: '',
});

async function open(options: Partial<ListenerOptions>, handle: Handle): Promise<Opened> {
  const listener = await openListener({ address: '127.0.0.1:0', ...options }, { handle }, silentLogger);
  return { ...listener, [Symbol.asyncDispose]: () => listener.close(0) };
}

async function ask(listener: Listener, bytes: string): Promise<RawAnswer> {
  await using client = await RawClient.open(listener.port);
  await client.send(bytes);
  return await client.answer();
}

const get = (path: string, ...headers: string[]) =>
  `GET /v1/${path} HTTP/1.1\r\nHost: a\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`;

const post = (path: string, body: string) =>
  `POST /v1/${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

suite('the address of a client', () => {
  const whose: Handle = async ({ remoteAddress }) => say({ remoteAddress });
  const rules = {
    authorizedAddrs: ['127.0.0.0/8'],
    hopSkips: 0,
    rejectNotPresent: true,
    rejectNotAuthorized: true,
  };

  test('is the other end’s without rules, whatever a header says', async () => {
    await using listener = await open({}, whose);
    const { body } = await ask(listener, get('a', 'X-Forwarded-For: 203.0.113.5'));
    assert.equal(body, '{"remoteAddress":"127.0.0.1"}\n');
  });

  test('is the header’s with them; several lines are one chain', async () => {
    await using listener = await open({ forwardedFor: { ...rules, hopSkips: 1 } }, whose);
    const lines = ['X-Forwarded-For: 1.1.1.1, 203.0.113.5', 'x-forwarded-for: 10.0.0.1'];
    const { body } = await ask(listener, get('a', ...lines));
    assert.equal(body, '{"remoteAddress":"203.0.113.5"}\n');
  });

  test('a refusal is a 400, and the handler is not asked', async () => {
    await using listener = await open({ forwardedFor: rules }, async () => assert.fail('it was asked'));
    const { status, body } = await ask(listener, get('sys/health'));
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(body), {
      errors: ['missing x-forwarded-for header and configured to reject when not present'],
    });
  });
});

suite('headers of the config', () => {
  const handle: Handle = async ({ path }) => {
    if (path === 'nothing') return { kind: 'response', response: {}, mountType: '' };
    if (path === 'elsewhere') return { kind: 'redirect', origin: 'http://b' };
    if (path === 'closed') throw new LatchkeyError('sealed', 'Vault is sealed');
    return say({});
  };
  const responseHeaders = [
    {
      status: 'default',
      headers: [
        { name: 'X-Every', value: 'default' },
        { name: 'X-Layer', value: 'default' },
        { name: 'cache-control', value: 'no-store, private' },
      ],
    },
    { status: '4xx', headers: [{ name: 'x-layer', value: 'class' }] },
    { status: '404', headers: [{ name: 'X-Layer', value: 'status' }] },
    { status: '2xx', headers: [{ name: 'X-Good', value: 'yes' }] },
  ];

  test('stand on every answer, also on those to broken requests; the nearest to the status wins', async () => {
    await using listener = await open({ responseHeaders, bodyBytesMax: 10 }, handle);
    const table: [bytes: string, status: number, layer: string][] = [
      [get('a'), 200, 'default'],
      [post('nothing', ''), 204, 'default'],
      [get('elsewhere'), 307, 'default'],
      [get('closed'), 503, 'default'],
      [get('nothing'), 404, 'status'],
      ['GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n', 404, 'status'],
      [post('a', '{"a":"12345678901"}'), 413, 'class'],
      ['nonsense\r\n\r\n', 400, 'class'],
      ['BREW /v1/a HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'class'],
      ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'class'],
      [get('a', `X-Long: ${'x'.repeat(70_000)}`), 431, 'class'],
    ];
    for (const [bytes, status, layer] of table) {
      const answer = await ask(listener, bytes);
      const { headers } = answer;
      assert.equal(answer.status, status, bytes.slice(0, 40));
      assert.equal(headers['x-every'], 'default', bytes.slice(0, 40));
      assert.equal(headers['x-layer'], layer, bytes.slice(0, 40));
      assert.equal(headers['x-good'], status < 300 ? 'yes' : undefined);
      assert.equal(headers['cache-control'], 'no-store, private');
    }
  });

  test('change for all answers from then on, also on connections that are open', async () => {
    await using listener = await open({ responseHeaders }, handle);
    await using client = await RawClient.open(listener.port);
    await client.send(get('a'));
    assert.equal((await client.answer()).headers['x-every'], 'default');
    listener.setResponseHeaders([{ status: '200', headers: [{ name: 'X-New', value: '1' }] }]);
    await client.send(get('a'));
    const { headers } = await client.answer();
    assert.deepEqual([headers['x-every'], headers['x-new']], [undefined, '1']);
    assert.equal(headers['cache-control'], 'no-store', 'our own is back');
  });
});

suite('what is taken', () => {
  test('a body that is too complex is a 413 with Vault’s text', async () => {
    const jsonLimits = { ...JSON_LIMITS, arrayElementsMax: 2 };
    await using listener = await open({ jsonLimits }, async ({ input }) => say(input));
    assert.equal((await ask(listener, post('a', '{"a":[1,2]}'))).status, 200);
    const { status, body } = await ask(listener, post('a', '{"a":[1,2,3]}'));
    assert.equal(status, 413);
    assert.deepEqual(JSON.parse(body), { errors: ['JSON array exceeds allowed element count'] });
  });

  test('a token header up to its limit', async () => {
    await using listener = await open({ tokenHeaderBytesMax: 20 }, async ({ token }) =>
      say({ token: token ?? '' }),
    );
    assert.equal((await ask(listener, get('a', `X-Vault-Token: ${'t'.repeat(20)}`))).status, 200);
    assert.equal((await ask(listener, get('a', `X-Vault-Token: ${'t'.repeat(21)}`))).status, 431);
  });

  test('paths that are closed here are there for nobody, and their neighbours are', async () => {
    await using listener = await open({ closedPaths: ['sys/generate-root/'] }, async ({ path }) =>
      say({ path }),
    );
    for (const path of ['sys/generate-root', 'sys/generate-root/attempt', 'sys/generate%2droot/update']) {
      assert.equal((await ask(listener, get(path))).status, 404, path);
    }
    for (const path of [
      'sys/generate-roots',
      'sys/generate-root-token/attempt',
      'secret/sys/generate-root/a',
    ]) {
      assert.equal((await ask(listener, get(path))).status, 200, path);
    }
  });
});

suite('how long it waits', () => {
  test('a request that takes too long is a 504 that names the time, and its call is aborted', async () => {
    let signal: AbortSignal | undefined;
    const hang: Handle = (call) => {
      signal = call.signal;
      return new Promise(() => {});
    };
    await using listener = await open({ requestMsMax: 40 }, hang);
    const { status, body } = await ask(listener, get('a'));
    assert.equal(status, 504);
    assert.match(body, /longer than 40ms/);
    assert.ok(signal?.aborted);
  });

  test('headers and bodies that come too slowly end with a 408', async () => {
    await using listener = await open({ headerMsMax: 100, readMsMax: 200 }, async () => say({}));
    assert.equal((await ask(listener, 'GET /v1/a HTTP/1.1\r\n')).status, 408);
    const slow = 'POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{';
    assert.equal((await ask(listener, slow)).status, 408);
  });

  test('an answer that is not taken in time is cut off; one that is, is whole', async () => {
    const text = 'x'.repeat(40_000_000);
    const options = { writeMsMax: 300, connectionsMax: 1 };
    await using listener = await open(options, async ({ path }) => say(path === 'big' ? { text } : {}));
    await using client = await RawClient.open(listener.port);
    await client.send(get('a'));
    assert.equal((await client.answer()).status, 200);
    // Never read, so the kernel's buffers fill up, and only the limit ends the connection and makes room for the next.
    client.socket.pause();
    await client.send(get('big'));
    await until(
      'room for another client',
      async () => (await ask(listener, get('a'))).status === 200 || undefined,
    );
    client.socket.resume();
    await client.end();
    assert.ok(client.socket.bytesRead < text.length, `${client.socket.bytesRead} bytes`);
  });
});
