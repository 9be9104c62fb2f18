// Fuzz target: a request after HTTP's framing is off. The input's lines are method, target, four headers, and the body.

import assert from 'node:assert/strict';
import { utf8 } from '../base/bytes.ts';
import { ForwardedFor } from './forwarded-for.ts';
import { parseRequest } from './parse.ts';
import { BareRefusal } from './status.ts';

const lines = (...all: string[]) => utf8(all.join('\n'));
const proxies = new ForwardedFor({
  authorizedAddrs: ['10.0.0.0/8', '::1/128'],
  hopSkips: 0,
  rejectNotPresent: false,
  rejectNotAuthorized: false,
});

export const requestTarget = {
  name: 'request',
  corpus: [
    lines('GET', '/v1/secret/data/app?version=2', 'hvs.x', '', '', '10.0.0.1', ''),
    lines(
      'PUT',
      '/v1/sys/policies/acl/a%2Fb',
      '',
      'Bearer hvs.y',
      'application/json',
      '::1',
      '{"policy":"x"}',
    ),
    lines(
      'PATCH',
      '/v1/secret/data/%C3%BC',
      't',
      '',
      'application/merge-patch+json',
      '[::1]:80',
      '{"data":null}',
    ),
    lines('LINK', 'http://h/v1/secret/metadata/', 't', '', '', '1.2.3.4, 10.1.1.1:99', ''),
    lines('GET', '/v1/sys/health?standbyok=true&help=1&list=true', '', '', '', '', ''),
    lines('DELETE', '/v1/a/../b//c?versions=1&versions=2&__proto__=x', 't', '', '', '', ''),
  ],
  words: [
    '/v1/',
    '%2e%2e',
    '%00',
    '%',
    '//',
    '/../',
    '?',
    '&',
    'list=true',
    'help=1',
    '=',
    '\n',
    'Bearer ',
    '{"',
    '[',
    'ü',
  ],
  bytesMax: 256 * 1024,
  refusals: [BareRefusal],
  run(input: Uint8Array): void {
    // One character per byte, as Node's parser gives them.
    const [method = '', target = '', token, authorization, contentType, forwarded, ...rest] = Buffer.from(
      input,
    )
      .toString('latin1')
      .split('\n');
    const body = Buffer.from(rest.join('\n'), 'latin1');
    proxies.clientOf('10.0.0.1', forwarded);
    const headers = { 'x-vault-token': token, authorization, 'content-type': contentType };
    const call = parseRequest({ method, isList: method === 'LINK', target, headers, body });
    const segments = call.path.replace(/\/$/, '').split('/');
    assert.ok(!segments.some((segment) => ['', '.', '..'].includes(segment)), `unsound path ${call.path}`);
    assert.ok(!/\p{Cc}/u.test(call.path), 'a control character in a path');
    assert.equal(Object.getPrototypeOf(call.input), Object.prototype);
    assert.ok(call.token === undefined || call.token !== '');
  },
};
