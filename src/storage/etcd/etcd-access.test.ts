// Who may use etcd, and what is said where it is refused: certificates, logins, and a store that is full.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EtcdServer } from '../../../demo/etcd-server.ts';
import { type Authority, makeAuthority } from '../../../test/auth/authority.ts';
import { utf8 } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { advertOf, type Candidate } from '../election.contract.ts';
import { type Change, unfenced } from '../storage.ts';
import { type EtcdOptions, openEtcd } from './etcd.ts';

const parts = { clock: systemClock, random: systemRandom, leaseMs: 60_000 };
const PASSWORD = 'the-tests-own-etcd-password';

/** The one test that asks for it closes it. */
async function withNode<T>(options: Partial<EtcdOptions>, use: (node: Candidate) => Promise<T>): Promise<T> {
  const node = await openEtcd({ endpoints: [], ...parts, ...options });
  try {
    return await use(node);
  } finally {
    await node.election.close();
    await node.storage.close();
  }
}

function saying(words: RegExp): (error: Error) => boolean {
  return (error) => {
    assert.ok(hasCode(error, 'storage_unavailable'), String(error));
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, new RegExp(PASSWORD));
    return true;
  };
}

const put = (key: string, value: Uint8Array = utf8(key)): Change => ({ kind: 'put', key, value });

describe('etcd that speaks TLS and asks for a certificate', () => {
  let folder: string;
  let server: EtcdServer;
  let own: Authority;
  let foreign: Authority;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-etcd-tls-'));
    [own, foreign] = await Promise.all([makeAuthority(), makeAuthority()]);
    await writeFile(file('ca.pem'), own.caPem);
    await writeFile(file('foreign-ca.pem'), foreign.caPem);
    await show(own);
    await writeFile(file('foreign-key.pem'), foreign.leafKeyPem, { mode: 0o600 });
    await writeFile(file('server.pem'), own.leafPem);
    await writeFile(file('server-key.pem'), own.leafKeyPem, { mode: 0o600 });
    server = await EtcdServer.start({
      tls: { caFile: file('ca.pem'), certFile: file('server.pem'), keyFile: file('server-key.pem') },
    });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const file = (name: string) => join(folder, name);
  async function show({ leafPem, leafKeyPem }: Authority): Promise<void> {
    await writeFile(file('client.pem'), leafPem);
    await writeFile(file('client-key.pem'), leafKeyPem, { mode: 0o600 });
  }
  const trusting = () => ({ endpoints: server.endpoints, tlsCaFile: file('ca.pem') });
  const showing = () => ({
    ...trusting(),
    tlsCertFile: file('client.pem'),
    tlsKeyFile: file('client-key.pem'),
  });

  test('a certificate that was replaced is used from the next connection on', async () => {
    await withNode(showing(), async ({ storage }) => {
      await storage.write([put('k')], unfenced);
      await show(foreign);
      assert.ok(await storage.get('k'), 'what is connected stays so');
      await server.stop();
      await server.resume();
      await assert.rejects(storage.get('k'), saying(/refuses the client certificate/));
      await show(own);
      assert.ok(await storage.get('k'));
    });
  });

  test('what does not fit is said', async () => {
    const refused: [Partial<EtcdOptions>, RegExp][] = [
      [trusting(), /client certificate/],
      [{ ...showing(), tlsCaFile: file('foreign-ca.pem') }, /unknown authority; set tls_ca_file/],
      [{ endpoints: server.endpoints }, /certificate/],
      [{ ...showing(), tlsKeyFile: file('absent.pem') }, /a file of .* is missing/],
      [{ ...showing(), tlsKeyFile: file('server.pem') }, /are no certificate and its key/],
      [{ ...showing(), tlsKeyFile: file('foreign-key.pem') }, /are no certificate and its key/],
      [
        { endpoints: server.endpoints.map((url) => url.replace('https', 'http')) },
        /cut the connection|not speak/,
      ],
    ];
    for (const [options, words] of refused) {
      await assert.rejects(openEtcd({ endpoints: [], ...parts, ...options }), saying(words));
    }
  });
});

describe('etcd that asks for a login', () => {
  let server: EtcdServer;
  before(async () => {
    server = await EtcdServer.start();
    const key = base64('/latchkey/');
    await ask('user/add', { name: 'root', password: PASSWORD });
    await ask('user/grant', { user: 'root', role: 'root' });
    await ask('user/add', { name: 'latchkey', password: PASSWORD });
    await ask('role/add', { name: 'latchkey' });
    await ask('role/grant', {
      name: 'latchkey',
      perm: { permType: 'READWRITE', key, range_end: base64('/latchkey0') },
    });
    await ask('user/grant', { user: 'latchkey', role: 'latchkey' });
    await ask('enable', {});
  });
  after(() => server[Symbol.asyncDispose]());

  /** Through etcd's own JSON gateway. */
  async function ask(path: string, body: unknown): Promise<void> {
    const answer = await fetch(`${server.endpoints[0]}/v3/auth/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    // The role root is there from the start in newer versions.
    assert.ok(answer.ok, `${path}: ${await answer.text()}`);
  }
  const login = () => ({ endpoints: server.endpoints, username: 'latchkey', password: PASSWORD });

  test('rights on the keys of the prefix are enough, and a login that etcd forgot is renewed', async () => {
    await withNode(login(), async ({ storage, election }) => {
      const lead = await election.tryCampaign(advertOf('one'));
      assert.ok(lead);
      await storage.write([put('a/b'), { kind: 'delete', key: 'c' }], lead.fence);
      assert.deepEqual(await storage.list(''), ['a/']);
      // Tokens live in etcd's memory.
      await server.stop();
      await server.resume();
      assert.ok(await storage.get('a/b'));
      await storage.write([put('d')], lead.fence);
      await lead.resign();
      assert.equal(await election.leader(), undefined);
    });
  });

  test('a wrong password, no login, and rights elsewhere are told apart', async () => {
    const refused: [Partial<EtcdOptions>, RegExp][] = [
      [{ ...login(), password: 'wrong' }, /refuses the user or the password/],
      [{ ...login(), username: 'nobody' }, /refuses the user or the password/],
      [{ endpoints: server.endpoints }, /asks for a login/],
      [{ ...login(), prefix: '/other/' }, /refuses the rights/],
    ];
    for (const [options, words] of refused) {
      await assert.rejects(openEtcd({ endpoints: [], ...parts, ...options }), saying(words));
    }
  });
});

describe('etcd in trouble', () => {
  test('a store that is full says so; what is there can be read, and who leads goes on leading', async () => {
    await using server = await EtcdServer.start({ arguments: ['--quota-backend-bytes=2000000'] });
    await withNode({ endpoints: server.endpoints, leaseMs: 4_000 }, async ({ storage, election }) => {
      const lead = await election.tryCampaign(advertOf('one'));
      assert.ok(lead);
      let written = 0;
      const fill = async () => {
        for (; written < 100; written += 1) {
          await storage.write([put(`n/${written}`, new Uint8Array(200_000))], lead.fence);
        }
      };
      await assert.rejects(fill(), saying(/is full \(alarm NOSPACE\)/));
      assert.ok(written > 1);
      // The write that fills it up may be applied and refused all the same: its outcome is unknown, as the error says.
      const there = (await storage.list('n/')).length;
      assert.ok(there === written || there === written + 1, `${there} of ${written}`);
      const end = systemClock.monotonic() + 5_000;
      while (systemClock.monotonic() < end) {
        assert.equal(lead.holds(), true);
        await systemClock.sleep(50);
      }
    });
  });

  test('what listens there is something else, or nothing at all', async () => {
    const other = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const open = () => openEtcd({ ...parts, endpoints: [`http://127.0.0.1:${port}`] });
    try {
      await assert.rejects(open(), saying(/cut the connection|does not speak gRPC|cannot be used/));
    } finally {
      other.close();
      other.closeAllConnections();
    }
    await assert.rejects(open(), saying(/refuses connections \(ECONNREFUSED\)/));
    const unknown = { ...parts, endpoints: ['http://etcd.invalid:2379'] };
    await assert.rejects(openEtcd(unknown), saying(/does not resolve|cannot be resolved/));
  });

  test('one of several addresses is enough', async () => {
    await using server = await EtcdServer.start();
    const endpoints = ['http://127.0.0.1:1', ...server.endpoints];
    await withNode({ endpoints }, async ({ storage }) => {
      await storage.write([put('k')], unfenced);
      assert.ok(await storage.get('k'));
    });
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
