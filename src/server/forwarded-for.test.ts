// Whose address a request has behind a proxy: every rule of Vault's, each refusal with its text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatchkeyError } from '../base/errors.ts';
import { ForwardedFor, type ForwardedForRules } from './forwarded-for.ts';

const RULES: ForwardedForRules = {
  authorizedAddrs: ['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32'],
  hopSkips: 0,
  rejectNotPresent: true,
  rejectNotAuthorized: true,
};

const ask = (peer: string, header: string | undefined, rules: Partial<ForwardedForRules> = {}) =>
  new ForwardedFor({ ...RULES, ...rules }).clientOf(peer, header);

function refused(act: () => string): string {
  try {
    return assert.fail(`it gave ${act()}`);
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    assert.equal(error.code, 'bad_request');
    return error.message;
  }
}

test('the last hop counts, or one further up the chain', () => {
  assert.equal(ask('10.1.2.3', '203.0.113.5'), '203.0.113.5');
  const chain = '1.2.3.4, 2.3.4.5 ,3.4.5.6,4.5.6.7';
  assert.equal(ask('10.1.2.3', chain), '4.5.6.7');
  assert.equal(ask('10.1.2.3', chain, { hopSkips: 1 }), '3.4.5.6');
  assert.equal(ask('10.1.2.3', chain, { hopSkips: 3 }), '1.2.3.4');
  const words =
    /^malformed x-forwarded-for configuration or request, hops to skip \(4\) would skip .* length 4\)$/;
  assert.match(
    refused(() => ask('10.1.2.3', chain, { hopSkips: 4 })),
    words,
  );
});

test('only proxies on the list are believed', () => {
  assert.equal(ask('192.0.2.7', '203.0.113.5'), '203.0.113.5');
  assert.equal(ask('2001:db8::9', '2001:db8:1::5'), '2001:db8:1::5');
  for (const peer of ['192.0.2.8', '11.0.0.1', '2001:db9::1', '']) {
    assert.equal(
      refused(() => ask(peer, '203.0.113.5')),
      'client address not authorized for x-forwarded-for and configured to reject connection',
    );
    assert.equal(ask(peer, '203.0.113.5', { rejectNotAuthorized: false }), peer);
  }
});

test('no header, or a blank one, is refused or leaves the connection’s own address', () => {
  for (const header of [undefined, '', '  ']) {
    assert.equal(
      refused(() => ask('10.1.2.3', header)),
      'missing x-forwarded-for header and configured to reject when not present',
    );
    assert.equal(ask('10.1.2.3', header, { rejectNotPresent: false }), '10.1.2.3');
  }
});

test('a port behind the address is dropped; what is no address is refused, not recorded', () => {
  assert.equal(ask('10.1.2.3', '203.0.113.5:51234'), '203.0.113.5');
  assert.equal(ask('10.1.2.3', '[2001:db8::5]:443'), '2001:db8::5');
  assert.equal(ask('10.1.2.3', '[2001:db8::5]'), '2001:db8::5');
  assert.equal(ask('10.1.2.3', '::ffff:203.0.113.5'), '203.0.113.5');
  for (const hop of ['unknown', '203.0.113.5.6', '1.2.3:4', '"a\nb"', '1.2.3.4, ']) {
    assert.match(
      refused(() => ask('10.1.2.3', hop)),
      /^malformed x-forwarded-for header/,
    );
  }
});
