import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../base/errors.ts';
import { checkMetricsAccess, metricsTarget } from './metrics-access.ts';

test('a listener without metrics refuses them, whatever their spelling, and serves the rest', () => {
  const refused = (path: string) =>
    assert.throws(
      () => checkMetricsAccess({ serves: 'none' }, path),
      (error) => hasCode(error, 'forbidden') && /disabled for this listener/.test(error.message),
    );
  refused('sys/metrics');
  refused('sys/metrics/');
  checkMetricsAccess({ serves: 'none' }, 'sys/metrics-not');
  checkMetricsAccess({ serves: 'none' }, 'sys/health');
  assert.equal(metricsTarget({ serves: 'none' }, '/metrics'), '/metrics');
});

test('a listener of metrics alone has them at its path too, and nothing else', () => {
  const access = { serves: 'alone', path: '/metrics' } as const;
  assert.equal(metricsTarget(access, '/metrics?format=prometheus'), '/v1/sys/metrics?format=prometheus');
  assert.equal(metricsTarget(access, '/metrics'), '/v1/sys/metrics');
  assert.equal(metricsTarget(access, '/metrics/x'), '/metrics/x');
  checkMetricsAccess(access, 'sys/metrics');
  for (const path of ['sys/health', 'secret/data/a', 'sys/metrics/x']) {
    assert.throws(
      () => checkMetricsAccess(access, path),
      (error) => hasCode(error, 'unsupported_path'),
    );
  }
});
