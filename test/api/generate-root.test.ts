// A new root token by a quorum of unseal keys, over the API and with our own command line.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runLatchkey } from '../../demo/command-line.ts';
import type { JsonObject } from '../../src/base/json.ts';
import type { VaultClient } from '../../src/client/client.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { ConfiguredServer } from './configured-server.ts';

const ATTEMPT = 'sys/generate-root/attempt';
const IDLE = {
  nonce: '',
  started: false,
  progress: 0,
  required: 2,
  complete: false,
  encoded_token: '',
  encoded_root_token: '',
  pgp_fingerprint: '',
  otp: '',
  otp_length: 28,
};

describe('generate-root with unseal keys', () => {
  let server: ConfiguredServer;
  /** Without a token, as whoever needs this has none. */
  let nobody: VaultClient;
  let keys: readonly string[];
  before(async () => {
    server = await ConfiguredServer.start();
    nobody = server.client;
    keys = (await server.initialise(3, 2)).keysBase64;
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = async (
    method: 'GET' | 'PUT' | 'DELETE',
    path: string,
    body?: JsonObject,
  ): Promise<JsonObject> => ((await nobody.request({ method, path, body })).body ?? {}) as JsonObject;
  const give = (key: string | undefined, nonce: unknown) =>
    ask('PUT', 'sys/generate-root/update', { key: key ?? '', nonce: String(nonce) });

  /** Token XOR OTP, computed here once more. */
  function decode(encoded: unknown, otp: unknown): string {
    const [hidden, pad] = [Buffer.from(String(encoded), 'base64'), Buffer.from(String(otp))];
    assert.equal(hidden.length, pad.length);
    const token = Buffer.from(hidden.map((byte, at) => byte ^ (pad[at] ?? 0))).toString('latin1');
    noteSecrets([token]);
    return token;
  }

  test('the server’s OTP: two keys give a root token, and the attempt is over', async () => {
    assert.deepEqual(await ask('GET', ATTEMPT), IDLE);
    const started = await ask('PUT', ATTEMPT);
    const { nonce, otp } = started;
    assert.match(String(otp), /^[0-9A-Za-z]{28}$/);
    assert.deepEqual(started, { ...IDLE, started: true, nonce, otp });
    assert.deepEqual(await ask('GET', ATTEMPT), { ...IDLE, started: true, nonce }, 'the OTP is shown once');
    const first = await give(keys[0], nonce);
    assert.deepEqual([first['progress'], first['complete'], first['encoded_token']], [1, false, '']);
    // Hex is as good as base64, and names of members in any case, as in Go.
    const hex = Buffer.from(keys[2] ?? '', 'base64').toString('hex');
    const last = await ask('PUT', 'sys/generate-root/update', { Key: hex, NONCE: String(nonce) });
    assert.deepEqual([last['progress'], last['required'], last['complete']], [2, 2, true]);
    assert.equal(last['encoded_root_token'], last['encoded_token']);
    assert.doesNotMatch(String(last['encoded_token']), /=/);
    const token = decode(last['encoded_token'], otp);
    const self = await nobody.withToken(token).read('auth/token/lookup-self');
    assert.deepEqual(
      [self?.data?.['policies'], self?.data?.['ttl'], self?.data?.['orphan']],
      [['root'], 0, true],
    );
    assert.deepEqual(await ask('GET', ATTEMPT), IDLE);
    await assert.rejects(give(keys[0], nonce), /no root generation in progress/);
    const decoded = await nobody.write('sys/decode-token', {
      encoded_token: last['encoded_token'] ?? '',
      otp: otp ?? '',
    });
    assert.equal(decoded?.data?.['token'], token);
  });

  test('what is wrong is told with Vault’s words, and nothing of it ends the attempt', async () => {
    await assert.rejects(ask('PUT', ATTEMPT, { otp: 'short' }), /OTP string has incorrect length/);
    await assert.rejects(
      ask('PUT', ATTEMPT, { pgp_key: 'mQENB' }),
      /error parsing PGP key: PGP is not in this version/,
    );
    const otp = 'abcdefghijklmnopqrstuvwxyz01';
    const { nonce, otp: shown } = await ask('PUT', ATTEMPT, { otp });
    assert.equal(shown, '', 'whoever brought the OTP knows it');
    await assert.rejects(ask('PUT', ATTEMPT, {}), /root generation already in progress/);
    await assert.rejects(
      give(keys[0], 'another'),
      new RegExp(`nonce for this root generation operation is .*${nonce}`),
    );
    await assert.rejects(give('', nonce), /'key' must be specified in request body as JSON/);
    await assert.rejects(give('!', nonce), /'key' must be a valid hex or base64 string/);
    await assert.rejects(give('AAAA', nonce), /key is shorter than minimum 16 bytes/);
    assert.equal((await give(keys[0], nonce))['progress'], 1);
    await assert.rejects(give(keys[0], nonce), /given key has already been provided/);
    const wrong = Buffer.from(keys[1] ?? '', 'base64');
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    await assert.rejects(
      give(wrong.toString('base64'), nonce),
      /root generation aborted: unseal key verification failed/,
    );
    const after = await ask('GET', ATTEMPT);
    assert.deepEqual([after['started'], after['progress'], after['nonce']], [true, 0, nonce]);
    await give(keys[1], nonce);
    const last = await give(keys[2], nonce);
    const token = decode(last['encoded_token'], otp);
    assert.ok(await nobody.withToken(token).read('sys/mounts'));
  });

  test('cancel forgets the keys; without an attempt it is no error', async () => {
    const { nonce } = await ask('PUT', ATTEMPT);
    await give(keys[0], nonce);
    await ask('DELETE', ATTEMPT);
    await ask('DELETE', ATTEMPT);
    assert.deepEqual(await ask('GET', ATTEMPT), IDLE);
    const again = await ask('PUT', ATTEMPT);
    assert.notEqual(again['nonce'], nonce);
    assert.equal((await give(keys[1], again['nonce']))['progress'], 1);
    await ask('DELETE', ATTEMPT);
  });

  test('OpenBao’s twin wants a token, and answers in the envelope', async () => {
    await assert.rejects(ask('GET', 'sys/generate-root-token/attempt'), /permission denied/);
    const { client } = server;
    const started = (await client.write('sys/generate-root-token/attempt', {}))?.data ?? {};
    assert.ok(!('encoded_root_token' in started));
    const nonce = started['nonce'] ?? '';
    await client.write('sys/generate-root-token/update', { key: keys[0] ?? '', nonce });
    const last = await client.write('sys/generate-root-token/update', { key: keys[1] ?? '', nonce });
    assert.match(decode(last?.data?.['encoded_token'], started['otp']), /^hvs\./);
  });

  test('the command line goes the whole way', async () => {
    const run = async (...args: string[]) => {
      const ran = await runLatchkey(server, ['operator', 'generate-root', ...args], '');
      assert.equal(ran.code, 0, ran.stderr);
      return ran.stdout;
    };
    const row = (text: string, name: string) => new RegExp(`^${name} +(\\S+)$`, 'm').exec(text)?.[1] ?? '';
    const started = await run('-init');
    const [nonce, otp] = [row(started, 'Nonce'), row(started, 'OTP')];
    assert.equal(row(started, 'Progress'), '0/2');
    assert.equal(row(await run(`-nonce=${nonce}`, keys[0] ?? ''), 'Progress'), '1/2');
    assert.equal(row(await run('-status'), 'Started'), 'true');
    const last = await run(`-nonce=${nonce}`, keys[1] ?? '');
    assert.equal(row(last, 'Complete'), 'true');
    const token = (await run(`-decode=${row(last, 'Encoded Token')}`, `-otp=${otp}`)).trim();
    noteSecrets([token]);
    assert.ok(await nobody.withToken(token).read('sys/mounts'));
    assert.match(await run('-cancel'), /Success! Root token generation canceled/);
  });

  test('a listener may leave it out', async () => {
    await using shut = await ConfiguredServer.startUnsealed({
      listener: 'disable_unauthed_generate_root_endpoints = true',
    });
    const anonymous = shut.client.withToken(undefined);
    const attempt = anonymous.request({ method: 'GET', path: ATTEMPT });
    await assert.rejects(attempt, /unsupported path/);
    assert.ok((await shut.client.read('sys/generate-root-token/attempt'))?.data);
  });
});
