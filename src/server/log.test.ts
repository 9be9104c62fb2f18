// Log lines: one for each event, whatever is in it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger, type LogFormat, type LogLevel } from './log.ts';

function capture(format: LogFormat, level: LogLevel = 'debug') {
  const lines: string[] = [];
  const log = createLogger({ level, format, stream: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

test('standard lines are readable', () => {
  const { log, lines } = capture('standard');
  log.info('started');
  log
    .child('core')
    .warn('still sealed', { class: 'keyvault_forbidden_rbac', attempt: 3, gone: undefined, why: 'a b' });
  assert.match(lines[0] ?? '', new RegExp(`^${TIME} \\[INFO\\]  started\n$`));
  assert.match(
    lines[1] ?? '',
    new RegExp(
      `^${TIME} \\[WARN\\]  core: still sealed: class=keyvault_forbidden_rbac attempt=3 why="a b"\n$`,
    ),
  );
});

test('JSON lines have time, level, room and message, and fields cannot replace them', () => {
  const { log, lines } = capture('json');
  log.child('core').error('said', { level: 'mine', message: 'mine', time: 1, room: 'mine', n: 1 });
  const line = JSON.parse(lines[0] ?? '');
  assert.match(line.time, new RegExp(`^${TIME}$`));
  assert.deepEqual(
    { ...line, time: '' },
    {
      level: 'error',
      time: '',
      room: 'core',
      level_: 'mine',
      message_: 'mine',
      time_: 1,
      room_: 'mine',
      n: 1,
      message: 'said',
    },
  );
});

test('a value cannot start a line of its own or drive a terminal', () => {
  for (const format of ['standard', 'json'] as const) {
    const { log, lines } = capture(format);
    log.child('r\nr').info('a\nb\u001b[31m\u2028', { 'k\ny': 'v\r\n\u001b', 'e=f': '\u202e' });
    assert.equal(lines.length, 1);
    const forbidden = format === 'standard' ? /[\p{Cc}\p{Cf}\p{Zl}]/u : /\p{Cc}/u;
    assert.doesNotMatch((lines[0] ?? '').slice(0, -1), forbidden);
  }
});

test('the level holds for children, also when it is changed later', () => {
  const { log, lines } = capture('standard', 'warn');
  const child = log.child('core');
  child.info('hidden');
  child.warn('shown');
  log.setLevel('debug');
  child.debug('shown');
  log.setLevel('error');
  child.warn('hidden');
  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => line.includes('shown')));
});

test('by default lines are on standard error before the process can die', () => {
  const program = `
    import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
    createLogger({ level: 'info', format: 'json' }).info('last words');
    process.kill(process.pid, 'SIGKILL');
  `;
  const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.match(stderr, /"message":"last words"/);
  assert.equal(stdout, '');
});
