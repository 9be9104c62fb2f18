// What a listener tells the metrics: when its certificate runs out.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { openListener } from './listener.ts';
import { MetricsRegistry } from './metrics/registry.ts';
import { certificateFiles } from './test/raw-client.ts';

const NAME = 'latchkey_tls_certificate_expiry_seconds{listener="127.0.0.1:0"}';

test('the end of the certificate is a gauge until the listener closes', async () => {
  await using files = await certificateFiles();
  const metrics = new MetricsRegistry({
    prefix: 'vault',
    hostInNames: undefined,
    hostLabel: undefined,
    prometheus: true,
    clock: systemClock,
  });
  const seconds = async () => {
    const text = (await metrics.prometheus('public'))?.text ?? '';
    const line = text.split('\n').find((one) => one.startsWith(NAME));
    return line === undefined ? undefined : Number(line.slice(NAME.length));
  };
  const isEndOf = (pem: string, shown: number | undefined) => {
    const left = (new X509Certificate(pem).validToDate.getTime() - Date.now()) / 1_000;
    assert.ok(Math.abs((shown ?? 0) - left) < 30, `${shown} for ${left}`);
  };
  const tls = { cert: files.cert, key: files.key };
  const handler = { handle: () => Promise.reject(new Error('nobody calls')) };
  const listener = await openListener({ address: '127.0.0.1:0', tls, metrics }, handler, silentLogger);
  try {
    isEndOf(files.pem, await seconds());
  } finally {
    await listener.close(0);
  }
  assert.equal(await seconds(), undefined);
});
