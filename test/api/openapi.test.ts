// sys/internal/specs/openapi of a real server: valid, in Vault's shape, of the routes that there are, and no more than the
// caller may see.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { JsonObject } from '../../src/base/json.ts';
import { TappedServer } from '../routes/tapped-server.ts';

const PATH = 'sys/internal/specs/openapi';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description: string;
  readonly required?: boolean;
  readonly schema: JsonObject;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: { readonly $ref: string } }> };
}

type Item = Record<string, unknown> & {
  readonly parameters?: readonly Parameter[];
  readonly get?: Operation;
  readonly post?: Operation;
  readonly delete?: Operation;
};

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Item>;
  readonly components: { readonly schemas: Record<string, JsonObject> };
}

describe('the OpenAPI document', { timeout: 60_000 }, () => {
  let server: TappedServer;
  before(async () => {
    server = await TappedServer.start();
    const { engines } = await server.report();
    for (const { type, kind } of engines)
      await server.root.write(`sys/${kind === 'auth' ? 'auth' : 'mounts'}/my-${type}`, { type });
  });
  after(() => server[Symbol.asyncDispose]());

  async function read(query = '', token: string | null = 'root'): Promise<Document> {
    const { status, text } = await server.ask('GET', `${PATH}${query}`, token ?? undefined);
    assert.equal(status, 200, text);
    const document = JSON.parse(text) as Document;
    const { valid, errors } = await new Validator().validate(JSON.parse(text));
    assert.ok(valid, JSON.stringify(errors));
    return document;
  }

  test('is valid OpenAPI 3.0.2, with every engine mounted, by name or with the mount as a parameter', async () => {
    const document = await read();
    assert.equal(document.openapi, '3.0.2');
    const ids = Object.values(document.paths).flatMap((item) =>
      [item.get, item.post, item.delete].flatMap((operation) => operation?.operationId ?? []),
    );
    assert.ok(ids.length > 100);
    assert.equal(new Set(ids).size, ids.length, 'every id is one operation');
    const generic = await read('?generic_mount_paths=true');
    const [parameter] = (generic.paths['/{my_kv_mount_path}/{path}']?.parameters ?? []).filter(
      ({ name }) => name !== 'path',
    );
    assert.deepEqual(parameter, {
      name: 'my_kv_mount_path',
      description: 'Where the engine is mounted.',
      in: 'path',
      schema: { type: 'string', default: 'my-kv' },
      required: true,
    });
    assert.ok(generic.paths['/auth/{my_userpass_mount_path}/login/{username}']);
    assert.ok(generic.paths['/auth/token/lookup-self'] && generic.paths['/sys/mounts/{path}']);
    assert.equal(Object.keys(generic.paths).length, Object.keys(document.paths).length);
  });

  test('has every route of every mount, and nothing else', async () => {
    const { mounts } = await server.report();
    const document = await read();
    const expected = new Set<string>();
    for (const mount of mounts) {
      for (const route of mount.routes) {
        if (route.help === 'No path of this engine.') continue;
        const path = `/${mount.path}${route.pattern.replaceAll('*}', '}')}`;
        expected.add(path.replace(/\{\w+\}/g, '{}'));
        if (route.pattern.endsWith('*}') && route.operations.includes('list'))
          expected.add(path.replace(/\{\w+\}$/, '').replace(/\{\w+\}/g, '{}'));
      }
    }
    const found = Object.keys(document.paths).map((path) => path.replace(/\{\w+\}/g, '{}'));
    assert.deepEqual(found.toSorted(), [...expected].toSorted());
  });

  test('has the members that users of Vault read', async () => {
    const { paths, components } = await read();
    const data = paths['/secret/data/{path}'];
    assert.ok(data?.get && data.post && data.delete && data['patch']);
    assert.equal(data['x-vault-createSupported'], true);
    assert.deepEqual(data['x-vault-displayAttrs'], { operationPrefix: 'kv', operationSuffix: 'data-path' });
    const [path] = data.parameters ?? [];
    assert.deepEqual([path?.name, path?.in, path?.required], ['path', 'path', true]);
    assert.deepEqual(
      data.get.parameters?.map(({ name, in: place }) => [name, place]),
      [['version', 'query']],
    );
    assert.deepEqual(data.get.tags, ['secrets']);
    assert.deepEqual(paths['/auth/token/create']?.post?.tags, ['auth']);
    const reference = data.post.requestBody?.content['application/json']?.schema.$ref ?? '';
    const schema = components.schemas[reference.replace('#/components/schemas/', '')];
    assert.deepEqual(Object.keys((schema?.['properties'] ?? {}) as JsonObject).toSorted(), [
      'data',
      'options',
    ]);
    assert.equal(paths['/sys/rotate']?.['x-vault-sudo'], true);
    assert.equal(paths['/sys/health']?.['x-vault-unauthenticated'], true);
    assert.equal(data['x-vault-sudo'], undefined);
    const list = paths['/secret/metadata/'];
    assert.equal(list?.post, undefined);
    const always = list?.get?.parameters?.find(({ name }) => name === 'list');
    assert.deepEqual([always?.required, always?.schema], [true, { type: 'string', enum: ['true'] }]);
    for (const [name, item] of Object.entries(paths)) {
      assert.ok(String(item['description']).length > 5, name);
      for (const { name: field, description } of item.parameters ?? [])
        assert.ok(description.length > 5, `${name}: ${field}`);
    }
    for (const [name, { properties }] of Object.entries(components.schemas)) {
      for (const [field, { description }] of Object.entries(properties as Record<string, JsonObject>))
        assert.ok(String(description ?? '').length > 3, `${name}: ${field} has no words`);
    }
  });

  test('shows to a token the mounts that it reaches, and without one those that are public', async () => {
    await server.root.write('sys/policies/acl/reader', {
      policy: 'path "secret/data/app/*" { capabilities = ["read"] }',
    });
    const made = await server.root.write('auth/token/create', { policies: ['reader'] });
    const token = String(made?.auth?.['client_token']);
    const shown = Object.keys((await read('', token)).paths);
    assert.ok(shown.includes('/secret/data/{path}') && shown.includes('/auth/token/lookup-self'));
    assert.ok(!shown.some((path) => path.startsWith('/my-kv/') || path.startsWith('/auth/my-userpass/')));
    assert.deepEqual((await read('', null)).paths, {});
    await server.root.write('sys/auth/my-userpass/tune', { listing_visibility: 'unauth' });
    const open = Object.keys((await read('', null)).paths);
    assert.ok(open.length > 0 && open.every((path) => path.startsWith('/auth/my-userpass/')));
  });
});
