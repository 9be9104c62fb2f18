import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isLoopback, parseCidr, parseHostPort, parseUrl, showHostPort } from './addresses.ts';
import { editDistance, nearestName } from './near-names.ts';

test('host:port and its way back', () => {
  for (const text of ['127.0.0.1:8200', '[::1]:8200', 'vault-0.vault:0', 'a_b:65535', '[fe80::1%eth0]:1']) {
    const parsed = parseHostPort(text);
    assert.ok('value' in parsed, text);
    assert.equal(showHostPort(parsed.value), text);
  }
  assert.deepEqual(parseHostPort(':8200'), { value: { host: '0.0.0.0', port: 8200 } });
  for (const text of [
    '',
    ':',
    'a',
    'a:',
    'a:b',
    'a:-1',
    'a:1:2',
    '[a]:1',
    '[::1]',
    'a/b:1',
    '1.2.3:1',
    'a b:1',
  ]) {
    assert.ok('fault' in parseHostPort(text), text);
  }
});

test('loopback is what no other machine reaches', () => {
  const loopback = ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LocalHost'];
  for (const host of loopback) assert.equal(isLoopback(host), true, host);
  for (const host of ['0.0.0.0', '::', '128.0.0.1', '10.0.0.1', 'vault-0', 'localhost.example.org', '']) {
    assert.equal(isLoopback(host), false, host);
  }
});

test('URLs and CIDR blocks', () => {
  for (const text of [
    'https://u:p@a',
    'https://a?x',
    'https://a#x',
    'https://a/b',
    'http://a',
    'a',
    'https://',
  ]) {
    const parsed = parseUrl(text, ['https:']);
    assert.ok('fault' in parsed, text);
    assert.doesNotMatch(parsed.fault, /u:p/);
  }
  assert.ok('value' in parseUrl('http://169.254.169.254/metadata', ['http:'], { path: true }));
  assert.deepEqual(parseCidr('10.1.0.0/16'), { value: '10.1.0.0/16' });
  assert.deepEqual(parseCidr('::1'), { value: '::1/128' });
  for (const text of ['', '/', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', 'a/8', '10.0.0.0/-1']) {
    assert.ok('fault' in parseCidr(text), text);
  }
});

test('the nearest name', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'abc'), 3);
  const known = ['key_name', 'vault_name', 'tls_cert_file', 'tls_disable'];
  assert.deepEqual(nearestName('KeyName', known), { name: 'key_name', distance: 0 });
  assert.deepEqual(nearestName('tls_cert', known), { name: 'tls_cert_file', distance: 3 });
  assert.deepEqual(nearestName('valut_name', known), { name: 'vault_name', distance: 2 });
  assert.equal(nearestName('port', known), undefined);
  assert.equal(nearestName('x'.repeat(100_000), known), undefined);
});
