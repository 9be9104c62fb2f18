// Policies, capabilities, tokens, wrapping and cubbyholes.

import assert from 'node:assert/strict';
import { asToken, at, type Cluster, expectMissing, note, refused, textAt, type Vault, works } from './row.ts';

const READER = `
path "kv2/data/one" {
  capabilities = ["read"]
}
path "sys/wrapping/*" {
  capabilities = ["update"]
}
`;

export async function policies({ active }: Cluster): Promise<void> {
  await works('policy.put', async () => {
    await active.addPolicy({ name: 'reader', rules: READER });
  });
  await works('policy.get', async () => {
    assert.equal(at(await active.getPolicy({ name: 'reader' }), 'data', 'rules'), READER);
  });
  const names = async (): Promise<string[]> => at(await active.policies(), 'data', 'policies') as string[];
  await works('policy.list', async () => assert.ok((await names()).includes('reader')));
  await refused('policy.malformed', 400, 'failed to parse policy', () =>
    active.addPolicy({ name: 'bad', rules: 'path "x" {' }),
  );
  await works('policy.delete', async () => {
    await active.addPolicy({ name: 'short-lived', rules: READER });
    await active.removePolicy({ name: 'short-lived' });
    assert.ok(!(await names()).includes('short-lived'));
  });
  await works('capabilities.self', async () => {
    const own = asToken(await create({ active }, { policies: ['reader'] }));
    const found = await own.write('sys/capabilities-self', { paths: ['kv2/data/one'] });
    assert.deepEqual(at(found, 'data', 'kv2/data/one'), ['read']);
  });
  await works('capabilities.token', async () => {
    const token = await create({ active }, { policies: ['reader'] });
    const found = await active.write('sys/capabilities', { token, paths: ['kv2/data/two'] });
    assert.deepEqual(at(found, 'data', 'kv2/data/two'), ['deny']);
  });
  await works('capabilities.accessor', async () => {
    const accessor = at(await authOf({ active }, { policies: ['reader'] }), 'accessor');
    const found = await active.write('sys/capabilities-accessor', { accessor, paths: ['kv2/data/one'] });
    assert.deepEqual(at(found, 'data', 'kv2/data/one'), ['read']);
  });
}

type Request = Readonly<Record<string, unknown>>;

/** The auth block of a new token. By write: node-vault's own command drops `type` and `period`. */
async function authOf({ active }: Pick<Cluster, 'active'>, request: Request): Promise<unknown> {
  const auth = at(await active.write('auth/token/create', request), 'auth');
  note(textAt(auth, 'client_token'));
  return auth;
}

async function create(cluster: Pick<Cluster, 'active'>, request: Request): Promise<string> {
  return textAt(await authOf(cluster, request), 'client_token');
}

/** A client of its own: node-vault goes on with the token that such a command gave. */
function asRoot({ root }: Cluster): Vault {
  return asToken(root);
}

export async function tokens(cluster: Cluster): Promise<void> {
  const { active } = cluster;
  await works('token.create', async () => {
    const request = { policies: ['reader'], ttl: '1h', display_name: 'row', meta: { k: 'v' } };
    const auth = at(await asRoot(cluster).tokenCreate(request), 'auth');
    note(textAt(auth, 'client_token'));
    assert.deepEqual(at(auth, 'policies'), ['default', 'reader']);
    assert.deepEqual([at(auth, 'lease_duration'), at(auth, 'renewable')], [3_600, true]);
    assert.deepEqual(at(auth, 'metadata'), { k: 'v' });
  });
  await works('token.lookup', async () => {
    const token = await create(cluster, { policies: ['reader'], ttl: '1h', display_name: 'row' });
    const data = at(await active.tokenLookup({ token }), 'data');
    const found = [at(data, 'display_name'), at(data, 'type'), at(data, 'orphan')];
    assert.deepEqual(found, ['token-row', 'service', false]);
  });
  await works('token.lookup-self', async () => {
    const own = asToken(await create(cluster, { ttl: '30m' }));
    assert.equal(at(await own.tokenLookupSelf(), 'data', 'creation_ttl'), 1_800);
  });
  await works('token.lookup-accessor', async () => {
    const accessor = at(await authOf(cluster, { ttl: '1h' }), 'accessor');
    const data = at(await active.tokenLookupAccessor({ accessor }), 'data');
    assert.deepEqual([at(data, 'id'), at(data, 'accessor')], ['', accessor]);
  });
  await works('token.renew', async () => {
    const token = await create(cluster, { ttl: '1h' });
    assert.equal(
      at(await asRoot(cluster).tokenRenew({ token, increment: '2h' }), 'auth', 'lease_duration'),
      7_200,
    );
  });
  await works('token.renew-self', async () => {
    const own = asToken(await create(cluster, { ttl: '1h' }));
    assert.equal(at(await own.tokenRenewSelf({ increment: '10m' }), 'auth', 'lease_duration'), 600);
  });
  await works('token.list-accessors', async () => {
    const accessor = textAt(await authOf(cluster, { ttl: '1h' }), 'accessor');
    assert.ok((at(await active.tokenAccessors(), 'data', 'keys') as string[]).includes(accessor));
  });
  await works('token.orphan', async () => {
    const auth = at(await asRoot(cluster).tokenCreateOrphan({ ttl: '1h' }), 'auth');
    note(textAt(auth, 'client_token'));
    assert.equal(at(auth, 'orphan'), true);
  });
  await works('token.periodic', async () => {
    const token = await create(cluster, { period: '2h' });
    assert.equal(at(await active.tokenLookup({ token }), 'data', 'period'), 7_200);
  });
  await kinds(cluster);
}

/** Roles, batch tokens, and what a token may not. */
async function kinds(cluster: Cluster): Promise<void> {
  const { active } = cluster;
  const byRole = async (policy: string): Promise<unknown> => {
    const auth = at(await asRoot(cluster).tokenCreateRole({ role_name: 'ours', policies: [policy] }), 'auth');
    note(textAt(auth, 'client_token'));
    return auth;
  };
  await works('token.role', async () => {
    await active.addTokenRole({ role_name: 'ours', allowed_policies: 'reader', orphan: true });
    assert.equal(at(await byRole('reader'), 'orphan'), true);
  });
  await refused('token.role-forbids', 400, 'token policies', () => byRole('other'));
  const batch = { type: 'batch', policies: ['reader'], ttl: '1h' };
  await works('token.batch', async () => {
    await asToken(await create(cluster, batch)).read('kv2/data/one');
  });
  await refused('token.batch-renew', 400, 'batch tokens cannot be renewed', async () =>
    asRoot(cluster).tokenRenew({ token: await create(cluster, batch) }),
  );
  await refused('token.no-right', 403, 'permission denied', async () =>
    asToken(await create(cluster, { policies: ['reader'] })).read('kv2/data/two'),
  );
}

async function expectEnded(token: string): Promise<void> {
  await assert.rejects(
    asToken(token).tokenLookupSelf(),
    (error) => at(error, 'response', 'statusCode') === 403,
  );
}

async function parentAndChild(cluster: Cluster): Promise<{ parent: string; child: string }> {
  const parent = await create(cluster, { policies: ['root'] });
  return { parent, child: await create({ active: asToken(parent) }, { ttl: '1h' }) };
}

/** Each way of ending a token must leave it useless. */
export async function tokenEnds(cluster: Cluster): Promise<void> {
  const { active } = cluster;
  await works('token.revoke', async () => {
    const { parent, child } = await parentAndChild(cluster);
    await active.tokenRevoke({ token: parent });
    await expectEnded(child);
  });
  await refused('token.revoked', 403, 'permission denied', async () => {
    const token = await create(cluster, { ttl: '1h' });
    await active.tokenRevoke({ token });
    await asToken(token).read('kv2/data/one');
  });
  await works('token.revoke-self', async () => {
    const token = await create(cluster, { ttl: '1h' });
    await asToken(token).tokenRevokeSelf();
    await expectEnded(token);
  });
  await works('token.revoke-accessor', async () => {
    const auth = await authOf(cluster, { ttl: '1h' });
    await active.tokenRevokeAccessor({ accessor: at(auth, 'accessor') });
    await expectEnded(textAt(auth, 'client_token'));
  });
  await works('token.revoke-orphan', async () => {
    const { parent, child } = await parentAndChild(cluster);
    await active.tokenRevokeOrphan({ token: parent });
    await asToken(child).tokenLookupSelf();
  });
  await refused('token.uses', 403, 'permission denied', async () => {
    const own = asToken(await create(cluster, { policies: ['reader'], num_uses: 1 }));
    await own.read('kv2/data/one');
    await own.read('kv2/data/one');
  });
}

export async function wrapping(cluster: Cluster): Promise<void> {
  const own = asToken(await create(cluster, { policies: ['reader'] }));
  let token = '';
  await works('wrapping.wrap', async () => {
    const info = at(await own.read('kv2/data/one', { headers: { 'X-Vault-Wrap-TTL': '2m' } }), 'wrap_info');
    token = textAt(info, 'token');
    note(token);
    assert.deepEqual([at(info, 'ttl'), at(info, 'creation_path')], [120, 'kv2/data/one']);
  });
  await works('wrapping.lookup', async () => {
    const data = at(await own.write('sys/wrapping/lookup', { token }), 'data');
    assert.deepEqual([at(data, 'creation_path'), at(data, 'creation_ttl')], ['kv2/data/one', 120]);
  });
  await works('wrapping.rewrap', async () => {
    token = textAt(await own.write('sys/wrapping/rewrap', { token }), 'wrap_info', 'token');
    note(token);
  });
  await works('wrapping.unwrap', async () => {
    assert.deepEqual(at(await own.unwrap({ token }), 'data', 'data'), { a: '1', b: '2' });
  });
  await refused('wrapping.unwrap-again', 400, 'wrapping token is not valid or does not exist', () =>
    own.unwrap({ token }),
  );
  await works('wrapping.by-token', async () => {
    const headers = { 'X-Vault-Wrap-TTL': '1m' };
    const wrapped: unknown = await cluster.active.write(
      'sys/wrapping/wrap',
      { message: 'parcel' },
      { headers },
    );
    const parcel = textAt(wrapped, 'wrap_info', 'token');
    note(parcel);
    assert.equal(at(await asToken(parcel).unwrap(), 'data', 'message'), 'parcel');
  });
  await works('cubbyhole', async () => {
    const owner = asToken(await create(cluster, {}));
    await owner.write('cubbyhole/mine', { a: '1' });
    assert.equal(at(await owner.read('cubbyhole/mine'), 'data', 'a'), '1');
    await expectMissing(asToken(await create(cluster, {})).read('cubbyhole/mine'));
  });
}
