// Every route of a running server, with every kind of bad token: refused, and nothing written. The list of routes is
// asked of the server itself, with every engine type that main.ts registers mounted, so that a new route is covered
// without being named here.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { OPEN_ROUTES, OTHER_REFUSALS, SUDO_ROUTES } from './exemptions.ts';
import type { RouteSeen, TapReport } from './tap-report.ts';
import { TappedServer, type Verb } from './tapped-server.ts';

interface Row {
  /** Engine type and pattern, as the exemptions name it. */
  readonly name: string;
  readonly route: RouteSeen;
  /** A path that this route answers. */
  readonly path: string;
}

const VERBS: readonly Verb[] = ['GET', 'LIST', 'PUT', 'PATCH', 'DELETE'];
/** Nothing in a path or a token of these tests exists. */
const NOBODY = `hvs.${'n'.repeat(24)}`;
const EVERYTHING = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }';

let server: TappedServer;
let rows: readonly Row[];
/** Of the refusals that are not a 403, those that were met. */
const othersSeen = new Set<string>();

before(async () => {
  server = await TappedServer.start();
  await server.root.write('sys/policies/acl/nothing', { policy: 'path "none" { capabilities = ["read"] }' });
  await server.root.write('sys/policies/acl/all-but-sudo', { policy: EVERYTHING });
  const { engines } = await server.report();
  for (const { type, kind } of engines) {
    await server.root.write(`sys/${kind === 'auth' ? 'auth' : 'mounts'}/probe-${type}`, { type });
  }
  rows = rowsOf(await server.report());
});

after(() => server?.[Symbol.asyncDispose]());

test('every engine type is mounted, and every path leads to its own route', async () => {
  const { engines, mounts } = await server.report();
  for (const { type } of [...engines, { type: 'system' }, { type: 'token' }, { type: 'cubbyhole' }]) {
    assert.ok(
      mounts.some((mount) => mount.type === type),
      `${type} is mounted`,
    );
  }
  assert.ok(rows.length >= 70, `the server told ${rows.length} routes`);
  for (const { name, route, path } of rows) {
    const { status, text } = await server.ask('GET', `${path}?help=1`, 'root');
    assert.equal(status, 200, `help of ${name} at ${path}: ${text}`);
    assert.ok(text.includes(JSON.stringify(route.help).slice(1, -1)), `${path} is answered by ${name}`);
  }
});

test('no token', () => assertRefused(closed(), undefined));

test('an unknown token', () => assertRefused(closed(), NOBODY));

test('a batch token that nobody made', () => assertRefused(closed(), `hvb.${'A'.repeat(160)}`));

test('text that is no token', () => assertRefused(closed(), '../../root'));

test('a token without the right', async () => {
  await assertRefused(closed(), await created({ policies: ['nothing'], no_default_policy: true }));
});

test('a batch token without the right', async () => {
  const token = await created({ policies: ['nothing'], no_default_policy: true, type: 'batch' });
  await assertRefused(closed(), token);
});

test('a token whose policy is not there', async () => {
  await assertRefused(closed(), await created({ policies: ['never-written'], no_default_policy: true }));
});

test('a revoked token', async () => {
  const token = await created({ policies: ['all-but-sudo'] });
  await server.root.write('auth/token/revoke', { token });
  await assertRefused(closed(), token);
});

test('a token whose parent was revoked', async () => {
  const parent = await created({ policies: ['all-but-sudo'] });
  const child = await created({ policies: ['all-but-sudo'] }, parent);
  await server.root.write('auth/token/revoke', { token: parent });
  await assertRefused(closed(), child);
});

test('an expired token', async () => {
  const token = await created({ policies: ['all-but-sudo'], ttl: '1s' });
  await until('the token to expire', async () =>
    (await server.ask('GET', 'auth/token/lookup-self', token)).status === 403 ? true : undefined,
  );
  await assertRefused(closed(), token);
});

test('a token that has no uses left', async () => {
  const token = await created({ policies: ['all-but-sudo'], num_uses: 1 });
  assert.equal((await server.ask('GET', 'auth/token/lookup-self', token)).status, 200);
  await assertRefused(closed(), token);
});

test('a token that is bound to other addresses', async () => {
  await server.root.write('auth/token/roles/elsewhere', {
    allowed_policies: 'all-but-sudo',
    token_bound_cidrs: '203.0.113.0/24',
  });
  const token = await created({ policies: ['all-but-sudo'] }, undefined, '/elsewhere');
  await assertRefused(closed(), token);
});

test('all rights but sudo, on routes that need it', async () => {
  const sudo = rows.filter(({ route }) => route.access === 'sudo');
  assert.ok(sudo.length >= 10, `${sudo.length} routes need sudo`);
  await assertRefused(sudo, await created({ policies: ['all-but-sudo'] }));
});

test('the open routes are those with a reason, and no other', () => {
  const open = new Set(rows.filter(({ route }) => route.access === 'open').map(({ name }) => name));
  const exempt = new Set(Object.keys(OPEN_ROUTES));
  assert.deepEqual([...open.difference(exempt)], [], 'open, and nobody has said why');
  assert.deepEqual(
    [...exempt.difference(open)],
    [],
    'exempt, and not open or not there: take it off the list',
  );
});

test('a refusal other than 403 is met on each route that is exempt for it', () => {
  assert.deepEqual([...othersSeen].sort(), Object.keys(OTHER_REFUSALS).sort());
});

test('what Vault guards by sudo is guarded by sudo here', () => {
  const weaker = rows.filter(({ name, route }) => SUDO_ROUTES.includes(name) && route.access !== 'sudo');
  assert.deepEqual(
    weaker.map(({ name }) => name),
    [],
  );
});

test('the check can fail: with the right, things are answered, and a write is seen', async () => {
  const token = await created({ policies: ['all-but-sudo'] });
  assert.equal((await server.ask('GET', 'sys/mounts', token)).status, 200);
  const before = await settledWrites();
  assert.equal((await server.ask('PUT', 'cubbyhole/probe', token)).status, 400);
  await server.root.write('cubbyhole/probe', { a: 'b' });
  assert.ok((await settledWrites()).length > before.length, 'a write is seen');
  await assert.rejects(assertRefused(closed(), token), 'a token with the right is not refused');
});

function rowsOf({ mounts }: TapReport): Row[] {
  return mounts.flatMap(({ path, type, routes }) =>
    routes.map((route) => {
      const concrete = route.pattern.replaceAll(/\{\w+\*\}/g, 'probe/deeper').replaceAll(/\{\w+\}/g, 'probe');
      return { name: `${type} ${route.pattern}`, route, path: `${path}${concrete}`.replace(/\/$/, '') };
    }),
  );
}

/** All that is not open; the exemptions are checked on their own. */
function closed(): readonly Row[] {
  return rows.filter(({ route }) => route.access !== 'open');
}

async function created(input: JsonObject, parent?: string, role = ''): Promise<string> {
  const maker = parent === undefined ? server.root : server.root.withToken(parent);
  const { body } = await maker.request({ method: 'PUT', path: `auth/token/create${role}`, body: input });
  return (body as unknown as { auth: { client_token: string } }).auth.client_token;
}

/** Each verb, also those that the route lacks: who has no right must not even learn which there are. */
async function assertRefused(table: readonly Row[], token: string | undefined): Promise<void> {
  assert.ok(table.length > 0, 'there is something to ask');
  const before = await settledWrites();
  const wrong: string[] = [];
  await Promise.all(
    table.flatMap(({ name, path }) =>
      VERBS.map(async (verb) => {
        const { status, text } = await server.ask(verb, path, token);
        const other = OTHER_REFUSALS[name];
        if (status === 400 && other !== undefined && text.includes(other)) othersSeen.add(name);
        else if (status !== 403 || Object.keys(JSON.parse(text) as object).join() !== 'errors') {
          wrong.push(`${verb} ${path} (${name}): ${status} ${text}`);
        }
      }),
    ),
  );
  assert.deepEqual(wrong, []);
  const { written } = await server.report();
  assert.deepEqual(written.slice(before.length), [], 'nothing was written');
}

/** Once the server has finished what it does by itself, such as clearing away a token that ended. */
async function settledWrites(): Promise<readonly string[]> {
  let last = -1;
  const { value } = await until('the server to have written all it wants', async () => {
    const { written } = await server.report();
    const isQuiet = written.length === last && endings(written) === 0;
    last = written.length;
    return isQuiet ? written : undefined;
  });
  return value;
}

/** Tokens that are refused already and whose belongings are still there. */
function endings(written: readonly string[]): number {
  const begun = new Set<string>();
  for (const change of written) {
    const [, kind, key = ''] = /^(put|delete) (token\/ending\/.*)$/.exec(change) ?? [];
    if (kind === 'put') begun.add(key);
    else if (kind === 'delete') begun.delete(key);
  }
  return begun.size;
}
