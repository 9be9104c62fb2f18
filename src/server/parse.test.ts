// Requests taken apart: what Vault accepts is accepted, the rest is refused with a text that says why.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { LatchkeyError } from '../base/errors.ts';
import { parseRequest, type RawRequest } from './parse.ts';
import { refusalOf } from './status.ts';

function ask(method: string, target: string, more: Partial<RawRequest> = {}) {
  return parseRequest({ method, target, isList: false, headers: {}, body: undefined, ...more });
}

const json = (text: string) => ({ body: new TextEncoder().encode(text) });

/** Status and first text of the refusal. */
function refused(act: () => unknown): [number, string | undefined] {
  try {
    act();
  } catch (error) {
    const { status, errors } = refusalOf(error);
    return [status, errors[0]];
  }
  return assert.fail('it was accepted');
}

suite('path', () => {
  test('is decoded once, escaped or not', () => {
    const paths: readonly (readonly [string, string])[] = [
      ['/v1/secret/data/a', 'secret/data/a'],
      ['/v1/secret/', 'secret/'],
      ['/v1/a%2Fb', 'a/b'],
      ['/v1/a%252e%252e', 'a%2e%2e'],
      ['/v1/a+b%20c', 'a+b c'],
      ['/v1/caf%C3%A9', 'café'],
      ['/v1/caf\xc3\xa9', 'café'],
      ['/v1/a..b/...', 'a..b/...'],
      ['http://host:8200/v1/a', 'a'],
    ];
    for (const [target, path] of paths) assert.equal(ask('GET', target).path, path);
  });

  test('is refused if it needs cleaning', () => {
    for (const path of [
      'a//b',
      '/a',
      'a//',
      '.',
      '..',
      'a/..',
      './a',
      'a/./b',
      'a/%2e%2e/b',
      'a%2f%2fb',
      '../',
    ]) {
      assert.deepEqual(
        refused(() => ask('GET', `/v1/${path}`)),
        [400, 'relative paths not supported'],
        path,
      );
    }
  });

  test('is refused if it cannot be printed, decoded or is too long', () => {
    for (const path of ['a%00', 'a%0a', '%7f', 'a%C2%A0b', 'a%E2%80%8Bb']) {
      assert.match(refused(() => ask('GET', `/v1/${path}`)).join(), /^400,.*non-printable/, path);
    }
    for (const path of ['%', 'a%2', '%ff', '%c3%28', '\xff']) {
      assert.match(refused(() => ask('GET', `/v1/${path}`)).join(), /^400,.*UTF-8/, path);
    }
    assert.equal(ask('GET', `/v1/${'a'.repeat(4_092)}`).path.length, 4_092);
    assert.match(refused(() => ask('GET', `/v1/${'a'.repeat(4_093)}`)).join(), /^400,.*longer than 4096/);
    assert.deepEqual(
      refused(() => ask('GET', '/v1/')),
      [404, 'no handler for route "". route entry not found.'],
    );
    for (const target of ['', '*', '/', '/v1', '/ui', '/v2/a', 'v1/a']) {
      assert.deepEqual(
        refused(() => ask('GET', target)),
        [404, undefined],
        target,
      );
    }
  });

  test('whatever comes, an accepted path has only sound segments', () => {
    const piece = fc.constantFrom('a', '/', '.', '%2e', '%2F', '%', '%00', '\xc3', ' ', '?', '#', 'LIST');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          const { path } = ask('GET', `/v1/${pieces.join('')}`);
          const segments = path.replace(/\/$/, '').split('/');
          assert.ok(segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..'));
        } catch (error) {
          assert.ok([400, 404].includes(refusalOf(error).status), String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

suite('verb', () => {
  test('POST and PUT write; LIST and ?list=true list, with a slash', () => {
    assert.equal(ask('POST', '/v1/a').verb, 'write');
    assert.equal(ask('PUT', '/v1/a').verb, 'write');
    assert.equal(ask('DELETE', '/v1/a').verb, 'delete');
    for (const call of [
      ask('LINK', '/v1/a', { isList: true }),
      ask('LINK', '/v1/a/', { isList: true }),
      ask('GET', '/v1/a?list=true'),
      ask('GET', '/v1/a?list=1'),
    ]) {
      assert.deepEqual([call.verb, call.path, call.input], ['list', 'a/', {}]);
    }
    assert.equal(ask('GET', '/v1/a?list=false').verb, 'read');
    assert.deepEqual(
      refused(() => ask('GET', '/v1/a?list=yes')),
      [400, undefined],
    );
    for (const method of ['LINK', 'OPTIONS', 'TRACE', 'PROPFIND', 'HEAD']) {
      assert.deepEqual(
        refused(() => ask(method, '/v1/a')),
        [405, undefined],
        method,
      );
    }
    assert.equal(ask('HEAD', '/v1/sys/health?standbyok=true').verb, 'read');
  });

  test('a write to a path ending in a slash is refused, a delete is not', () => {
    for (const method of ['PUT', 'POST']) {
      assert.deepEqual(
        refused(() => ask(method, '/v1/a/')),
        [400, "cannot write to a path ending in '/'"],
      );
    }
    assert.equal(ask('DELETE', '/v1/a/').path, 'a/');
  });

  test('PATCH insists on its type', () => {
    const patch = (type: string | undefined) =>
      ask('PATCH', '/v1/a', { headers: { 'content-type': type }, ...json('{"b":null}') });
    assert.deepEqual(patch('application/merge-patch+json; charset=utf-8').input, { b: null });
    for (const type of [undefined, 'application/json', 'application/merge-patch']) {
      assert.match(refused(() => patch(type)).join(), /^415,PATCH requires Content-Type/);
    }
  });

  test('help is a read of a GET', () => {
    assert.equal(ask('GET', '/v1/a?help=1').help, true);
    assert.equal(ask('GET', '/v1/a?help=').help, false);
    assert.equal(ask('POST', '/v1/a?help=1').help, false);
  });
});

suite('input', () => {
  test('is the query for reads, with repeated names as a list', () => {
    const { input } = ask('GET', '/v1/a?x=1&y=a+b&x=2&empty=&=nameless&caf%C3%A9=\xc3\xa9&__proto__=p');
    assert.deepEqual(Object.entries(input), [
      ['x', ['1', '2']],
      ['y', 'a b'],
      ['empty', ''],
      ['café', 'é'],
      ['__proto__', 'p'],
    ]);
    assert.deepEqual(ask('POST', '/v1/a?x=1', json('{"y":2}')).input, { y: 2 });
  });

  test('is the JSON object of the body; nothing, blanks and null are empty', () => {
    for (const text of ['', ' \n', 'null', '{}']) assert.deepEqual(ask('PUT', '/v1/a', json(text)).input, {});
    for (const text of ['[]', '1', '"a"', 'true']) {
      assert.match(refused(() => ask('PUT', '/v1/a', json(text))).join(), /^400,.*must be a JSON object/);
    }
    assert.match(refused(() => ask('PUT', '/v1/a', json('{"a":'))).join(), /^400,.*not valid JSON/);
    const deep = (levels: number) => json(`{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`);
    assert.ok(ask('PUT', '/v1/a', deep(64)).input['a']);
    assert.match(refused(() => ask('PUT', '/v1/a', deep(65))).join(), /^413,.*nesting depth/);
    const broken = { body: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d) };
    assert.match(refused(() => ask('PUT', '/v1/a', broken)).join(), /^400,.*UTF-8/);
  });

  test('forms and compressed bodies are refused; JSON that curl calls a form is not', () => {
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    assert.deepEqual(ask('POST', '/v1/a', { ...form, ...json('{"a":1}') }).input, { a: 1 });
    assert.match(refused(() => ask('POST', '/v1/a', { ...form, ...json('a=1') })).join(), /^415,form bodies/);
    const gzip = { headers: { 'content-encoding': 'gzip' }, ...json('{}') };
    assert.match(refused(() => ask('POST', '/v1/a', gzip)).join(), /^415,compressed/);
  });

  test('a refusal never quotes the body', () => {
    for (const text of ['s3cret', '{"a": s3cret}', '"s3cret"', '{"s3cret']) {
      assert.doesNotMatch(refused(() => ask('POST', '/v1/a', json(text))).join(), /s3cret/);
    }
  });
});

suite('headers', () => {
  const token = (headers: RawRequest['headers']) => ask('GET', '/v1/a', { headers }).token;

  test('the token is X-Vault-Token, else a bearer', () => {
    assert.equal(token({ 'x-vault-token': 'hvs.a', authorization: 'Bearer hvs.b' }), 'hvs.a');
    assert.equal(token({ 'x-vault-token': '', authorization: 'Bearer hvs.b' }), 'hvs.b');
    assert.equal(token({ authorization: 'bearer  hvs.b ' }), 'hvs.b');
    for (const authorization of ['Basic hvs.b', 'Bearer', 'Bearer a b', 'hvs.b']) {
      assert.equal(token({ authorization }), undefined);
    }
    const long = 't'.repeat(8_193);
    for (const headers of [{ 'x-vault-token': long }, { authorization: `Bearer ${long}` }]) {
      assert.equal(refused(() => token(headers))[0], 431);
    }
  });

  test('the root namespace has three names, others do not exist', () => {
    for (const namespace of ['', '/', 'root', 'root/', '/root/']) {
      assert.ok(ask('GET', '/v1/a', { headers: { 'x-vault-namespace': namespace } }));
    }
    for (const namespace of ['team', 'root/team', 'Root', '//']) {
      const [status, text] = refused(() =>
        ask('GET', '/v1/a', { headers: { 'x-vault-namespace': namespace } }),
      );
      assert.equal(status, 400);
      assert.match(String(text), /namespaces are not supported/);
    }
  });

  test('wrapping and forwarding are passed on', () => {
    const plain = ask('GET', '/v1/a');
    assert.deepEqual([plain.wrapTtl, plain.mayForward], [undefined, true]);
    const headers = { 'x-vault-wrap-ttl': '5m', 'x-vault-no-request-forwarding': 'true' };
    const asked = ask('GET', '/v1/a', { headers });
    assert.deepEqual([asked.wrapTtl, asked.mayForward], ['5m', false]);
  });
});

test('what is refused is one of ours', () => {
  assert.throws(() => ask('GET', '/v1/a//b'), LatchkeyError);
});
