import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from './log.ts';
import { LogLevels } from './log-levels.ts';

test('a room follows the level of all until it has its own, and again once all are set', () => {
  const levels = new LogLevels('info');
  levels.enter('seal');
  levels.enter('core');
  assert.deepEqual(
    [...levels.all],
    [
      ['seal', 'info'],
      ['core', 'info'],
    ],
  );
  assert.equal(levels.setRoom('seal', 'debug'), true);
  assert.deepEqual([levels.isShown('debug', 'seal'), levels.isShown('debug', 'core')], [true, false]);
  levels.setAll('error');
  assert.deepEqual([levels.isShown('warn', 'seal'), levels.isShown('error', undefined)], [false, true]);
  assert.equal(levels.setRoom('nobody', 'debug'), false);
  assert.equal(levels.configured, 'info');
  levels.configure('warn');
  assert.deepEqual([levels.configured, levels.isShown('info', 'seal')], ['warn', false]);
  assert.equal(levels.isShown('debug', 'nobody'), false);
});

test('rooms without end do not fill the memory; the surplus follows the level of all', () => {
  const levels = new LogLevels('info');
  for (let at = 0; at < 12_000; at += 1) levels.enter(`mount-${at}/`);
  assert.equal(levels.all.size, 10_000);
  assert.equal(levels.isShown('info', 'mount-11999/'), true);
});

test('loggers obey, also those that were made before', () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'json',
    stream: { write: (line) => void lines.push(line) },
  });
  const seal = log.child('seal');
  const inner = seal.child('seal.azure');
  log.levels.setRoom('seal', 'debug');
  seal.debug('one');
  inner.debug('not this');
  log.debug('nor this');
  log.setLevel('warn');
  seal.info('nor that');
  seal.warn('two');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { message: string }).message),
    ['one', 'two'],
  );
});
