// bin/latchkey and the command line as real processes: which Node is taken, links, exit codes, a real terminal.

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PlayServer } from './test-rig.ts';

const CLI = new URL('./cli.ts', import.meta.url).href;
const LAUNCHER = fileURLToPath(new URL('../../bin/latchkey', import.meta.url));
const TOKEN = 'hvs.not-a-real-token-0123456';

/** A main.ts as the real one is, without a server. */
const MAIN = `import { runCli } from '${CLI}';
const { argv, env, stdin, stdout, stderr } = process;
process.exitCode = await runCli({ argv: argv.slice(2), env, stdin, stdout, stderr, isTty: stdout.isTTY === true });
`;

/** A tree with the launcher in bin/ and a small main in src/. `node`: which Node its node_modules holds. */
async function tree(
  t: { after(act: () => Promise<void>): void },
  node?: string,
  main = MAIN,
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'latchkey bin-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of ['bin', 'src', 'elsewhere', 'node_modules/.bin', 'path']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile(LAUNCHER, join(root, 'bin/latchkey'));
  await chmod(join(root, 'bin/latchkey'), 0o755);
  await writeFile(join(root, 'src/main.ts'), main);
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  if (node !== undefined) await symlink(node, join(root, 'node_modules/.bin/node'));
  return root;
}

/** A program called `node` that says it is an old one, or (given `real`) a new one. */
async function systemNode(root: string, version: string, real = ''): Promise<string> {
  const file = join(root, 'path/node');
  const onward = real === '' ? 'exit 9' : `exec '${real}' "$@"`;
  await writeFile(file, `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\n${onward}\n`);
  await chmod(file, 0o755);
  return `${join(root, 'path')}:/usr/bin:/bin`;
}

async function outcome(child: ChildProcessWithoutNullStreams, input = '') {
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, out, err };
}

test('the Node of node_modules goes before an old one of the system, by path and by link, without noise', async (t) => {
  const root = await tree(t, process.execPath);
  const env = { PATH: await systemNode(root, 'v20.20.2'), HOME: root };
  await symlink('../bin/latchkey', join(root, 'elsewhere/vault'));
  await symlink(join(root, 'elsewhere/vault'), join(root, 'path/vault'));
  for (const [program, cwd] of [
    [join(root, 'bin/latchkey'), '/'],
    [join(root, 'path/vault'), '/'],
    ['./elsewhere/vault', root],
    ['vault', '/'],
  ] as const) {
    const { code, out, err } = await outcome(spawn(program, ['version'], { cwd, env }));
    assert.match(out, /^Latchkey v\d/, program);
    assert.deepEqual([code, err], [0, ''], program);
  }
});

test("the system's Node is taken if it is new enough, else the launcher says what is missing", async (t) => {
  // A link that leads nowhere is what blocked install scripts leave behind.
  const root = await tree(t, './nothing');
  const start = (env: Record<string, string>) => spawn(join(root, 'bin/latchkey'), ['version'], { env });
  const fresh = await outcome(
    start({ PATH: await systemNode(root, 'v26.1.0', process.execPath), HOME: root }),
  );
  assert.deepEqual([fresh.code, fresh.err], [0, '']);
  const old = await outcome(start({ PATH: await systemNode(root, 'v20.20.2'), HOME: root }));
  assert.deepEqual([old.code, old.out], [1, '']);
  assert.match(old.err, /needs Node\.js 26 or newer \(found: v20\.20\.2\)/);
});

test('flags that shut out debuggers are set, arguments stay whole, and the process is the one that was started', async (t) => {
  const main = 'console.log(JSON.stringify([process.pid, process.execArgv, process.argv.slice(2)]));\n';
  const root = await tree(t, process.execPath, main);
  const child = spawn(join(root, 'bin/latchkey'), ['a b', '', '*', '-x="1"'], {
    env: { PATH: '/usr/bin:/bin' },
  });
  const { out } = await outcome(child);
  assert.deepEqual(JSON.parse(out), [
    child.pid,
    ['--disable-sigusr1', '--disable-warning=ExperimentalWarning'],
    ['a b', '', '*', '-x="1"'],
  ]);
});

test('exit codes and piped answers of real processes', async (t) => {
  const root = await tree(t, process.execPath);
  await using play = await PlayServer.start({
    'GET /v1/sys/seal-status': { body: { type: 'shamir', initialized: true, sealed: true, t: 1, n: 1 } },
    'GET /v1/sys/leader': { body: { ha_enabled: false } },
    'GET /v1/x': { body: { data: { a: 'value' } } },
    'GET /v1/auth/token/lookup-self': { body: { data: { accessor: 'acc', policies: ['p'], ttl: 0 } } },
  });
  const env = { PATH: '/usr/bin:/bin', HOME: root, VAULT_ADDR: play.address };
  const start = (...args: string[]) => spawn(join(root, 'bin/latchkey'), args, { env });
  assert.equal((await outcome(start('status'))).code, 2);
  assert.deepEqual(await outcome(start('read', '-field=a', 'x')), { code: 0, out: 'value', err: '' });
  assert.deepEqual(await outcome(start('login', '-no-print'), `${TOKEN}\n`), { code: 0, out: '', err: '' });
  assert.deepEqual(await outcome(start('print', 'token')), { code: 0, out: `${TOKEN}\n`, err: '' });
});

test('a real terminal does not echo what is typed at a hidden prompt', async (t) => {
  const root = await tree(t, process.execPath);
  await using play = await PlayServer.start({
    'GET /v1/auth/token/lookup-self': { body: { data: { accessor: 'acc', policies: ['p'], ttl: 0 } } },
  });
  const env = { PATH: '/usr/bin:/bin', HOME: root, VAULT_ADDR: play.address };
  const command = `'${join(root, 'bin/latchkey')}' login -no-print`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], { env });
  let screen = '';
  child.stdout.on('data', (chunk) => {
    const before = screen;
    screen += String(chunk);
    // Typed only once the prompt is there, as a person would.
    if (screen.includes('hidden): ') && !before.includes('hidden): ')) child.stdin.write(`${TOKEN}\r`);
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, screen);
  assert.equal(screen.replaceAll('\r', ''), 'Token (will be hidden): \n');
  assert.equal(play.asked[0]?.headers['x-vault-token'], TOKEN);
});
