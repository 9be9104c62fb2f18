// docs/metrics.md against the code, both ways: every metric is described as it is, and no other is.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRICS, type MetricSpec } from '../../src/base/metric-names.ts';
import { TELEMETRY_DEFAULTS } from '../../src/server/config/telemetry-config.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');
const specs: readonly (readonly [string, MetricSpec])[] = Object.entries(METRICS);

const rows = page.split('\n').flatMap((line) => {
  const cells = line.split('|').map((cell) => cell.trim());
  const name = /^`((?:vault|latchkey)_[\w{}]+)`$/.exec(cells[1] ?? '')?.[1];
  if (name === undefined) return [];
  const [, , kind, unit, labels, isPublic, meaning] = cells;
  return [{ name, kind, unit, labels: labels ?? '', isPublic: isPublic === 'yes', meaning: meaning ?? '' }];
});

test('every metric has its row, and every row its metric', () => {
  const names = specs.map(([name]) => exposedName(name));
  assert.ok(names.length > 40);
  assert.deepEqual(rows.map(({ name }) => name).toSorted(), names.toSorted());
});

test('rows say kind, labels and whether it is public as the code does', () => {
  for (const [name, { kind, labels = [], isPublic = false }] of specs) {
    const row = rows.find((one) => one.name === exposedName(name));
    const named = labels.map((label) => `\`${label}\``).join(', ');
    assert.deepEqual([row?.kind, row?.labels, row?.isPublic], [kind, named, isPublic], name);
    assert.ok((row?.unit ?? '') !== '' && (row?.meaning ?? '').length >= 10, name);
    if (kind === 'summary') assert.equal(row?.unit, 'milliseconds', name);
  }
});

test('every metric of the list is counted somewhere', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|metric-names\.ts$/.test(file))
    .map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))
    .join('\n');
  for (const [name] of specs) {
    // Some are put together of two halves, with a variable in the place of the second word.
    const start = /^(?:seal|\{storage\})\./.exec(name)?.[0];
    const isBuilt = start !== undefined && sources.includes(`${start}\${`);
    assert.ok(sources.includes(name) || isBuilt, `${name} is counted by nobody`);
  }
});

test('the defaults of the telemetry stanza are those of the page', () => {
  const shown = (key: string) => new RegExp(`\\| \`${key}\` +\\| \`([^\`]+)\``).exec(page)?.[1];
  const { prometheusRetentionMs, disableHostname, enableHostnameLabel, metricsPrefix, usageGaugePeriodMs } =
    TELEMETRY_DEFAULTS;
  assert.equal(shown('prometheus_retention_time'), `${prometheusRetentionMs / 3_600_000}h`);
  assert.equal(shown('disable_hostname'), String(disableHostname));
  assert.equal(shown('enable_hostname_label'), String(enableHostnameLabel));
  assert.equal(shown('metrics_prefix'), metricsPrefix);
  assert.equal(shown('usage_gauge_period'), `${usageGaugePeriodMs / 60_000}m`);
});

function exposedName(name: string): string {
  return (name.startsWith('latchkey') ? name : `vault.${name}`).replaceAll('.', '_');
}
