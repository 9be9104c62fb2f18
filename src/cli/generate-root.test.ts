// `operator key-status`, `rotate` and `generate-root`, played against fixed answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeToken, makeOtp } from './root-token-otp.ts';
import { PlayServer, run } from './test-rig.ts';

const IDLE = {
  nonce: '',
  started: false,
  progress: 0,
  required: 3,
  complete: false,
  encoded_token: '',
  otp: '',
  otp_length: 28,
};
const STARTED = { ...IDLE, nonce: 'n-1', started: true };

function environment(play: PlayServer) {
  return { VAULT_ADDR: play.address, VAULT_TOKEN: 'hvs.not-a-real-token' };
}

test('key-status and rotate', async () => {
  const status = { term: 2, install_time: '2026-11-04T10:07:00.123456789Z', encryptions: 42 };
  await using play = await PlayServer.start({
    'GET /v1/sys/key-status': { body: { data: status, ...status } },
    'PUT /v1/sys/rotate': [{ status: 204 }, { status: 403, body: { errors: ['permission denied'] } }],
  });
  const env = environment(play);
  const rows = 'Key Term            2\nInstall Time        04 Nov 26 10:07 UTC\nEncryption Count    42\n';
  assert.deepEqual(await run('operator key-status', env), { code: 0, out: rows, err: '' });
  assert.deepEqual(JSON.parse((await run('operator key-status -format=json', env)).out), status);
  assert.equal((await run('operator rotate', env)).out, `Success! Rotated key\n\n${rows}`);
  const refused = await run('operator rotate', env);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /^Error rotating key: Error making API request/);
});

test('generate-root: start, give keys, cancel', async () => {
  const done = { ...STARTED, progress: 3, complete: true, encoded_token: 'Abc+', encoded_root_token: 'Abc+' };
  await using play = await PlayServer.start({
    'GET /v1/sys/generate-root/attempt': [{ body: IDLE }, { body: STARTED }],
    'PUT /v1/sys/generate-root/attempt': { body: { ...STARTED, otp: 'one-time' } },
    'PUT /v1/sys/generate-root/update': [{ body: { ...STARTED, progress: 1 } }, { body: done }],
    'DELETE /v1/sys/generate-root/attempt': { status: 204 },
  });
  const env = environment(play);
  const early = await run('operator generate-root', env, { input: 'key-1' });
  assert.equal(early.code, 1);
  assert.match(early.err, /No root generation is in progress/);
  const started = await run('operator generate-root -init', env);
  assert.equal(
    started.out,
    'Nonce         n-1\nStarted       true\nProgress      0/3\nComplete      false\nOTP           one-time\nOTP Length    28\n',
  );
  const typed = await run('operator generate-root', env, { input: 'key-1\n' });
  assert.match(typed.err, /^Operation nonce: n-1\n/);
  assert.match(typed.out, /^Progress +1\/3$/m);
  const unsure = await run('operator generate-root -', env, { input: 'key-2' });
  assert.deepEqual([unsure.code, unsure.err], [1, 'Missing nonce value: give it with -nonce\n']);
  const last = await run('operator generate-root -nonce=n-1 -', env, { input: 'key-2\n' });
  assert.match(last.out, /^Complete +true\nEncoded Token +Abc\+\n/m);
  assert.equal(JSON.parse((await run('operator generate-root -status -format=json', env)).out).nonce, 'n-1');
  const canceled = await run('operator generate-root -cancel', env);
  assert.equal(canceled.out, 'Success! Root token generation canceled (if it was started)\n');
  assert.deepEqual(
    play.lines.filter((line) => !line.startsWith('GET')),
    [
      'PUT /v1/sys/generate-root/attempt {}',
      'PUT /v1/sys/generate-root/update {"key":"key-1","nonce":"n-1"}',
      'PUT /v1/sys/generate-root/update {"key":"key-2","nonce":"n-1"}',
      'DELETE /v1/sys/generate-root/attempt',
    ],
  );
});

test('an OTP is as long as the server wants, and decodes what it encoded', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/generate-root/attempt': [{ body: { ...IDLE, otp_length: 26 } }, { body: {} }],
  });
  const env = environment(play);
  assert.match((await run('operator generate-root -generate-otp', env)).out, /^[0-9A-Za-z]{26}$/);
  assert.match((await run('operator generate-root -generate-otp', env)).out, /^[0-9A-Za-z]{28}$/);
  // RFC 4648 base64 of the bytes of "hvs.token" XOR "123456789".
  const encoded = Buffer.from([0x59, 0x44, 0x40, 0x1a, 0x41, 0x59, 0x5c, 0x5d, 0x57]).toString('base64');
  const asked = play.asked.length;
  const decoded = await run(`operator generate-root -decode=${encoded} -otp=123456789`, env);
  assert.deepEqual(decoded, { code: 0, out: 'hvs.token', err: '' });
  const json = await run('operator generate-root -format=json -decode=- -otp=123456789', env, {
    input: `${encoded}\n`,
  });
  assert.deepEqual(JSON.parse(json.out), { token: 'hvs.token' });
  assert.equal(play.asked.length, asked, 'decoding asks no server');
});

test('a token of another length, another OTP, or no base64 is refused without being shown', async () => {
  const otp = makeOtp(9);
  assert.throws(() => decodeToken('WURAGkFZXF1X', `${otp}x`), /9 bytes and the OTP has 10/);
  assert.throws(() => decodeToken('not base64!', otp), /not base64/);
  assert.throws(() => decodeToken('WURAGkFZXF1X', '\x01'.repeat(9).replace(/.$/, '\x57')), /does not belong/);
  const env = { VAULT_ADDR: 'http://127.0.0.1:1' };
  for (const rest of ['-decode=WURA', '-init -cancel', '-decode=WURA -status -otp=abc', '-status key']) {
    assert.equal((await run(`operator generate-root ${rest}`, env)).code, 1, rest);
  }
});
