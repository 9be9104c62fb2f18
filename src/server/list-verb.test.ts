// LIST over real sockets. What must hold: LIST is told from LINK, answers come in the order of the requests, and no
// byte of a body or header is ever changed, wherever the packets are cut.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import fc from 'fast-check';
import { silentLogger } from '../base/log.ts';
import type { Call, CallHandler } from '../core/call.ts';
import { type Listener, openListener } from './listener.ts';
import { type CertificateFiles, certificateFiles, RawClient } from './test/raw-client.ts';

/** Says what it was asked; the waits differ, so that answers out of order would show. */
const echo: CallHandler = {
  async handle(call: Call) {
    if (call.path.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 3));
    const data = { verb: call.verb, path: call.path, input: call.input };
    return { kind: 'response', response: { dress: 'raw', data }, mountType: 'kv' };
  },
};

const LIST = 'LIST /v1/secret/metadata/app?after=x HTTP/1.1\r\nHost: a\r\n\r\n';
const LISTED = { verb: 'list', path: 'secret/metadata/app/', input: { after: 'x' } };
const get = (path: string) => `GET /v1/${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (path: string, body: string) =>
  `POST /v1/${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

for (const transport of ['plain', 'tls'] as const) {
  suite(`LIST over ${transport}`, () => {
    let listener: Listener;
    let files: CertificateFiles;
    let trust: ConnectionOptions | undefined;

    before(async () => {
      files = await certificateFiles();
      trust = transport === 'tls' ? { ca: files.pem } : undefined;
      listener = await openListener(
        { address: '127.0.0.1:0', ...(transport === 'tls' ? { tls: files } : {}) },
        echo,
        silentLogger,
      );
    });
    after(async () => {
      await listener.close(0);
      await files[Symbol.asyncDispose]();
    });

    const open = () => RawClient.open(listener.port, trust);
    const answered = async (client: RawClient, expected: unknown) => {
      const answer = await client.answer();
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(answer.body), expected);
    };

    test('is a list, again and again on one connection, among other requests', async () => {
      await using client = await open();
      for (let round = 0; round < 3; round += 1) {
        await client.send(LIST);
        await answered(client, LISTED);
        await client.send(get('a'));
        await answered(client, { verb: 'read', path: 'a', input: {} });
      }
    });

    test('is found wherever the packet is cut, at the start and after another request', async () => {
      await using client = await open();
      for (let at = 1; at < LIST.length; at += 1) {
        await client.send(LIST.slice(0, at));
        await client.send(LIST.slice(at));
        await answered(client, LISTED);
      }
      const both = post('b', '{"LIST ":"LIST /"}') + LIST;
      for (let at = 1; at < both.length; at += 1) {
        await client.send(both.slice(0, at));
        await client.send(both.slice(at));
        await answered(client, { verb: 'write', path: 'b', input: { 'LIST ': 'LIST /' } });
        await answered(client, LISTED);
      }
    });

    test('is found at each cut of a fresh connection, byte by byte too', async () => {
      for (let at = 1; at <= 6; at += 1) {
        await using client = await open();
        await client.send(LIST.slice(0, at));
        await client.send(LIST.slice(at));
        await answered(client, LISTED);
      }
      await using client = await open();
      for (const character of `\r\n${LIST}${LIST}`) await client.send(character);
      await answered(client, LISTED);
      await answered(client, LISTED);
    });

    test('waits for the answers of what was pipelined before it', async () => {
      await using client = await open();
      await client.send(get('slow/1') + get('2') + LIST + get('slow/3') + LIST + LIST);
      await answered(client, { verb: 'read', path: 'slow/1', input: {} });
      await answered(client, { verb: 'read', path: '2', input: {} });
      await answered(client, LISTED);
      await answered(client, { verb: 'read', path: 'slow/3', input: {} });
      await answered(client, LISTED);
      await answered(client, LISTED);
    });

    test('bytes of bodies and headers that begin with it are left alone', async () => {
      await using client = await open();
      await client.send(LIST);
      await answered(client, LISTED);
      // `LIST ` is not JSON, so a packet of it must stand inside a string.
      const body = '{"text":"LIST /v1/x HTTP/1.1\r\n\r\n"}'.replaceAll('\r\n', '\\r\\n');
      const cut = body.indexOf('LIST');
      await client.send(post('c', body).slice(0, -(body.length - cut)));
      await client.send(body.slice(cut));
      await answered(client, { verb: 'write', path: 'c', input: { text: 'LIST /v1/x HTTP/1.1\r\n\r\n' } });
      await client.send('GET /v1/d HTTP/1.1\r\nHost: a\r\nX-Vault-Namespace: ');
      await client.send('LIST /\r\n\r\n');
      const answer = await client.answer();
      assert.equal(answer.status, 400);
      assert.match(answer.body, /namespaces are not supported/);
    });

    test('a chunked body in between is left alone', async () => {
      await using client = await open();
      const head = 'PUT /v1/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      await client.send(`${LIST}${head}9\r\n{"text":"\r\n5\r\n`);
      await client.send('LIST \r\n2\r\n"}\r\n0\r\n\r\n');
      await client.send(LIST);
      await answered(client, LISTED);
      await answered(client, { verb: 'write', path: 'e', input: { text: 'LIST ' } });
      await answered(client, LISTED);
    });

    test('a real LINK stays 405, before and after a LIST', async () => {
      await using client = await open();
      const link = 'LINK /v1/a HTTP/1.1\r\nHost: a\r\n\r\n';
      for (const bytes of [link, LIST, link, link]) {
        await client.send(bytes);
        const answer = await client.answer();
        assert.equal(answer.status, bytes === LIST ? 200 : 405);
        if (bytes !== LIST) assert.equal(answer.body, '{"errors":[]}\n');
      }
    });

    test('a body of a LIST is read and ignored', async () => {
      await using client = await open();
      await client.send(`LIST /v1/f HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nLIST ${LIST}`);
      await answered(client, { verb: 'list', path: 'f/', input: {} });
      await answered(client, LISTED);
    });

    test('what only resembles it is refused once, and the connection ends', async () => {
      for (const bytes of ['LISP /v1/a HTTP/1.1\r\n\r\n', 'LISTEN /v1/a HTTP/1.1\r\n\r\n']) {
        await using client = await open();
        await client.send(bytes);
        assert.ok([400, 405].includes((await client.answer()).status));
        assert.ok(await client.end());
      }
    });

    test('a client that leaves in the middle leaves nothing behind', async () => {
      const client = await open();
      await client.send(`${get('slow')}LIS`);
      client.socket.destroy();
      await using other = await open();
      await other.send(LIST);
      await answered(other, LISTED);
    });

    test('any mix of requests, cut anywhere, is answered in order', async () => {
      const request = fc.oneof(
        fc.constantFrom('a', 'slow/b').map((path) => ({
          bytes: get(path),
          expected: { verb: 'read', path, input: {} as Record<string, string> },
        })),
        fc
          .array(fc.constantFrom('LIST ', 'LIST /v1/x HTTP/1.1', 'LINK ', 'x', ' '), { maxLength: 4 })
          .map((parts) => ({
            bytes: post('w', JSON.stringify({ text: parts.join('') })),
            expected: { verb: 'write', path: 'w', input: { text: parts.join('') } },
          })),
        fc.constant({ bytes: LIST, expected: LISTED }),
      );
      const property = fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(600), { maxLength: 8 }),
        async (requests, cuts) => {
          await using client = await open();
          const bytes = requests.map((each) => each.bytes).join('');
          const edges = [...new Set(cuts.map((cut) => cut % bytes.length))].sort(
            (left, right) => left - right,
          );
          let from = 0;
          for (const edge of [...edges, bytes.length]) {
            if (edge > from) await client.send(bytes.slice(from, edge));
            from = edge;
          }
          for (const { expected } of requests) await answered(client, expected);
        },
      );
      await fc.assert(property, { numRuns: transport === 'tls' ? 60 : 150 });
    });
  });
}
