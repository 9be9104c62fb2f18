import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAuthority } from '../../test/auth/authority.ts';
import { SecureServer } from '../../test/auth/secure-server.ts';
import { serviceUrl, WebCaller, WebFault } from './web-caller.ts';

const LIMITS = { deadlineMs: 5_000, answerBytesMax: 1_024 };
const never = new AbortController().signal;

const start = () => SecureServer.start(({ path }) => ({ status: 200, json: { path } }));

function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => assert.fail('expected a fault'),
    (error: unknown) => {
      assert.ok(error instanceof WebFault, String(error));
      return error.message;
    },
  );
}

test('calls under one trust share connections, and an idle one that was let go is replaced', async () => {
  await using server = await start();
  using web = new WebCaller(LIMITS);
  const call = (signal = never) => {
    const url = new URL(`${server.url}/x?y=1`);
    return web.call({ url, method: 'GET', headers: {}, caPem: server.caPem, signal });
  };
  for (let count = 0; count < 3; count += 1) {
    assert.deepEqual(await call(), { status: 200, isSuccess: true, body: '{"path":"/x?y=1"}' });
  }
  assert.equal(server.connections, 1);
  server.dropConnections();
  assert.equal((await call()).status, 200);
  assert.equal(server.connections, 2);
  assert.equal(await faultOf(call(AbortSignal.abort())), 'the request was given up');
});

test('many trusts, one after the other, do not cut the calls of the others', async () => {
  await using server = await start();
  using web = new WebCaller(LIMITS);
  const call = (caPem: string) => {
    return web.call({ url: new URL(server.url), method: 'GET', headers: {}, caPem, signal: never });
  };
  const foreign = (await makeAuthority()).caPem;
  server.manners = 'hold';
  const held = call(server.caPem);
  await server.isHolding();
  for (let count = 0; count < 6; count += 1) {
    assert.match(await faultOf(call(`${foreign}${'\n'.repeat(count)}`)), /^no connection/);
  }
  server.release();
  assert.equal((await held).status, 200);
});

test('a closed caller ends what is under way and calls nobody any more', async () => {
  await using server = await start();
  const web = new WebCaller(LIMITS);
  const call = () =>
    web.call({ url: new URL(server.url), method: 'GET', headers: {}, caPem: server.caPem, signal: never });
  await call();
  server.manners = 'hold';
  const held = faultOf(call());
  await server.isHolding();
  web[Symbol.dispose]();
  assert.match(await held, /^(no connection \(ECONNRESET\)|the mount is closed)$/);
  assert.equal(await faultOf(call()), 'the mount is closed');
});

test('only https addresses may be asked, and http ones of this very host', () => {
  const fine = [
    'https://k8s',
    'https://[fe80::1]:6443/x',
    'http://127.0.0.1:1',
    'http://localhost',
    'http://[::1]/',
  ];
  for (const text of fine) assert.ok(serviceUrl(text), text);
  const foul = [
    'http://k8s',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
    'http://10.0.0.1',
    'https://user@k8s',
    'https://:password@k8s',
    'https://k8s/#x',
    'file:///etc/passwd',
    'k8s:443',
    '//k8s',
    '',
  ];
  for (const text of foul) assert.equal(serviceUrl(text), undefined, text);
});
