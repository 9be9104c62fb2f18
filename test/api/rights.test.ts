// What a token that is not root learns about its rights and about the mounts: the routes of sys/ over real policies.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { MemoryView, refusal } from '../../src/engine/engine.contract.ts';
import type { Caller, Operation, Response, Route } from '../../src/engine/engine.ts';
import { RouteTable } from '../../src/mount/route-match.ts';
import { PolicyDecider } from '../../src/policy/decide.ts';
import { PolicyStore } from '../../src/policy/policy-store.ts';
import { capabilitiesRoutes } from '../../src/system/capabilities-routes.ts';
import { policyRoutes } from '../../src/system/policy-routes.ts';
import type { MountView, RightsPort } from '../../src/system/ports.ts';
import { uiRoutes } from '../../src/system/ui-routes.ts';

const MOUNTS: readonly MountView[] = [
  mount('secret/', 'secret', 'kv'),
  mount('other/', 'secret', 'kv'),
  mount('sys/', 'system', 'system'),
  mount('auth/token/', 'auth', 'token'),
  mount('auth/userpass/', 'auth', 'userpass', 'unauth'),
];

const APP = `
  path "secret/data/app/*" { capabilities = ["read", "update"] }
  path "secret/metadata/+/x" { capabilities = ["list"] }`;

function mount(path: string, kind: MountView['kind'], type: string, visibility?: string): MountView {
  const config: JsonObject = visibility === undefined ? {} : { listing_visibility: visibility };
  return {
    path,
    kind,
    info: { type, description: `about ${path}`, options: null, uuid: 'u', config },
    tuning: {},
  };
}

function caller(...policies: string[]): Caller {
  return {
    accessor: 'a',
    displayName: 'd',
    policies,
    entityId: '',
    isRoot: policies.includes('root'),
    metadata: {},
    loginMetadata: {},
    cubbyhole: 'c',
  };
}

async function open() {
  const policies = await PolicyStore.open(new MemoryView());
  await policies.write('app', APP);
  const decider = new PolicyDecider(policies);
  const tokens = new Map([
    ['t-app', caller('default', 'app')],
    ['t-root', caller('root')],
  ]);
  const rights: RightsPort = {
    capabilities: (subject, path) => decider.capabilities(subject, path),
    reaches: (subject, path) => decider.reaches(subject, path),
    resultantAcl: (subject) => decider.resultantAcl(subject),
    subjectOfToken: async (token) => tokens.get(token),
    subjectOfAccessor: async (accessor) => tokens.get(`t-${accessor}`),
  };
  const routes = new RouteTable([
    ...policyRoutes(policies),
    ...capabilitiesRoutes(rights),
    ...uiRoutes({ mounts: () => MOUNTS, rights }),
  ]);
  return (who: Caller | undefined, operation: Operation, path: string, input: JsonObject = {}) =>
    ask(routes, who, operation, path, input);
}

async function ask(
  routes: RouteTable,
  who: Caller | undefined,
  operation: Operation,
  path: string,
  input: JsonObject,
): Promise<Response> {
  const match = routes.match(path);
  const handler = (match?.route as Route | undefined)?.operations[operation];
  assert.ok(match !== undefined && handler !== undefined, `${operation} ${path} has a route`);
  const signal = new AbortController().signal;
  const { params } = match;
  return handler({
    id: 'i',
    operation,
    path,
    params,
    input,
    caller: who,
    remoteAddress: '127.0.0.1',
    signal,
  });
}

test('capabilities: of itself, of a token, of an accessor', async () => {
  const request = await open();
  const paths = ['secret/data/app/x', '/secret/metadata/a/x', 'secret/data/other'];
  const wanted = {
    'secret/data/app/x': ['read', 'update'],
    '/secret/metadata/a/x': ['list'],
    'secret/data/other': ['deny'],
  };
  const self = await request(caller('app'), 'update', 'capabilities-self', { paths });
  assert.deepEqual(self, { dress: 'injected', data: wanted });
  const ofToken = await request(caller(), 'update', 'capabilities', { paths, token: 't-app' });
  assert.deepEqual(ofToken.data, wanted);
  const ofAccessor = await request(caller(), 'update', 'capabilities-accessor', { paths, accessor: 'app' });
  assert.deepEqual(ofAccessor.data, wanted);
  const one = await request(caller(), 'update', 'capabilities', { path: 'a', token: 't-root' });
  assert.deepEqual(one.data, { a: ['root'], capabilities: ['root'] });
  const odd = await request(caller('app'), 'update', 'capabilities-self', { paths: ['__proto__'] });
  assert.deepEqual(Object.entries(odd.data ?? {}), [
    ['__proto__', ['deny']],
    ['capabilities', ['deny']],
  ]);
});

test('capabilities: what is missing or unknown is told', async () => {
  const request = await open();
  const refused = async (path: string, input: JsonObject, text: string) => {
    const error = await refusal(request(caller('app'), 'update', path, input), 'bad_request');
    assert.equal(error.message, text);
  };
  await refused('capabilities-self', {}, 'paths must be supplied');
  await refused('capabilities-self', { paths: [''] }, 'missing path');
  await refused('capabilities', { paths: ['a'] }, 'missing token');
  await refused('capabilities', { paths: ['a'], token: 'unknown' }, 'invalid token');
  await refused('capabilities-accessor', { paths: ['a'] }, 'missing accessor');
  await refused('capabilities-accessor', { paths: ['a'], accessor: 'unknown' }, 'invalid accessor');
});

test('mounts: each caller sees what it may touch, and a login page what is meant for it', async () => {
  const request = await open();
  const shown = async (who: Caller | undefined) => {
    const { secret, auth } = (await request(who, 'read', 'internal/ui/mounts')).data as {
      secret: JsonObject;
      auth: JsonObject;
    };
    return [Object.keys(secret), Object.keys(auth), auth['userpass/']];
  };
  const full = MOUNTS.at(-1)?.info;
  assert.deepEqual(await shown(caller('root')), [
    ['secret/', 'other/', 'sys/'],
    ['token/', 'userpass/'],
    full,
  ]);
  assert.deepEqual(await shown(caller('app')), [['secret/'], ['userpass/'], full]);
  assert.deepEqual(await shown(caller('default')), [['sys/'], ['token/', 'userpass/'], full]);
  const part = { type: 'userpass', description: 'about auth/userpass/', options: null };
  assert.deepEqual(await shown(undefined), [[], ['userpass/'], part]);
});

test('a mount is shown to who may touch anything below it; to others it is as if it were not there', async () => {
  const request = await open();
  const of = (who: Caller | undefined, path: string) => request(who, 'read', `internal/ui/mounts/${path}`);
  const found = (await of(caller('app'), 'secret/data/elsewhere')).data as JsonObject;
  assert.equal(found['path'], 'secret/');
  assert.equal(found['type'], 'kv');
  assert.equal(((await of(caller('root'), 'auth/token')).data as JsonObject)['path'], 'token/');
  for (const path of ['other', 'nowhere/x', 'auth/token']) {
    const error = await refusal(of(caller('app'), path), 'forbidden');
    assert.equal(
      error.message,
      `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`,
    );
  }
  await refusal(of(undefined, 'secret'), 'forbidden');
});

test('what else a user interface asks', async () => {
  const request = await open();
  const acl = await request(caller('app'), 'read', 'internal/ui/resultant-acl');
  assert.deepEqual(acl.data, {
    root: false,
    exact_paths: {},
    glob_paths: {
      'secret/data/app/': { capabilities: ['read', 'update'] },
      'secret/metadata/+/x': { capabilities: ['list'] },
    },
  });
  assert.deepEqual((await request(caller('app'), 'read', 'internal/ui/namespaces')).data, {});
  await refusal(request(undefined, 'read', 'internal/ui/namespaces'), 'cannot_comply');
  assert.deepEqual(await request(undefined, 'read', 'internal/ui/feature-flags'), {
    dress: 'raw',
    data: { feature_flags: [] },
  });
});

test('policies: the name in lower case, slashes and all, with a warning', async () => {
  const request = await open();
  const policy = 'path "a" { capabilities = ["read", "recover"] }';
  const answer = await request(caller('root'), 'update', 'policies/acl/Team/A', { policy });
  assert.deepEqual(answer.warnings, [
    'policy name was converted to team/a',
    'path "a": this server has nothing that "recover" would allow',
  ]);
  const shown = await request(caller('root'), 'read', 'policies/acl/team/A');
  assert.deepEqual(shown.data, { name: 'team/a', policy });
  const old = await request(caller('root'), 'read', 'policy/team/a');
  assert.deepEqual(old, { dress: 'injected', data: { name: 'team/a', rules: policy } });
});
