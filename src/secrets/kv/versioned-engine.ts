// kv version 2: the routes of a mount that keeps several versions of each secret.

import type { Clock } from '../../base/clock.ts';
import type { Engine, EngineContext, Request, Response, Route } from '../../engine/engine.ts';
import { MountConfigStore, RULE_FIELDS } from './mount-config.ts';
import { LIST_FIELDS, listFolder } from './paths.ts';
import { DATA_FIELDS, SecretData, SUBKEYS_FIELDS } from './secret-data.ts';
import { METADATA_FIELDS, SecretMetadata } from './secret-metadata.ts';
import { SecretVersions } from './secret-versions.ts';
import { Upgrade } from './upgrade.ts';
import { VersionedStore } from './versioned-store.ts';

const PATH = { path: { type: 'string', help: 'Where the secret is.' } } as const;
const VERSIONS = { versions: { type: 'any', help: 'Numbers of the versions.', required: true } } as const;

/** Vault: `KV Secrets Engine - Version 2 (API)`. */
export function openVersioned(context: EngineContext): Engine {
  const config = new MountConfigStore(context.view);
  const store = new VersionedStore(context.view, context.random);
  const upgrade = new Upgrade(context, store);
  return {
    routes: upgrade.guard(versionedRoutes(context.clock, store, config)),
    [Symbol.asyncDispose]: () => upgrade[Symbol.asyncDispose](),
  };
}

function versionedRoutes(clock: Clock, store: VersionedStore, config: MountConfigStore): readonly Route[] {
  const data = new SecretData(store, config, clock);
  const metadata = new SecretMetadata(store, config, clock);
  const versions = new SecretVersions(store, config, clock);
  return [
    {
      pattern: 'config',
      operations: { read: () => config.read(), update: (request) => config.write(request) },
      fields: RULE_FIELDS,
      help: 'What applies to all secrets of this mount.',
    },
    {
      pattern: 'data/{path*}',
      operations: {
        read: (request) => (isRoot(request) ? rootRead() : data.read(request)),
        update: (request) => data.write(request),
        patch: (request) => data.patch(request),
        delete: (request) => data.remove(request),
      },
      fields: { ...PATH, ...DATA_FIELDS },
      exists: (request) => data.exists(request),
      help: 'Reads a version of a secret, writes or patches a new one, deletes the newest.',
    },
    {
      pattern: 'subkeys/{path*}',
      operations: { read: (request) => data.subkeys(request) },
      fields: { ...PATH, ...SUBKEYS_FIELDS },
      help: 'The names inside a secret, without its values.',
    },
    {
      pattern: 'metadata/{path*}',
      operations: {
        read: (request) => (isRoot(request) ? rootRead() : metadata.read(request)),
        update: (request) => metadata.write(request),
        patch: (request) => metadata.patch(request),
        delete: (request) => metadata.remove(request),
        list: (request) => listFolder(store.listing.view, store.listing.prefix, request),
      },
      fields: { ...PATH, ...METADATA_FIELDS, ...LIST_FIELDS },
      exists: (request) => data.exists(request),
      help: "Reads and changes a secret's settings, removes it with all versions, lists a folder.",
    },
    versionsRoute('delete', 'Deletes versions, so that they can be brought back.', (request) =>
      versions.remove(request),
    ),
    versionsRoute('undelete', 'Brings deleted versions back.', (request) => versions.restore(request)),
    versionsRoute('destroy', 'Removes the data of versions for good.', (request) =>
      versions.destroy(request),
    ),
    wrongPathRoute(),
  ];
}

function versionsRoute(verb: string, help: string, update: (request: Request) => Promise<Response>): Route {
  return { pattern: `${verb}/{path*}`, operations: { update }, fields: { ...PATH, ...VERSIONS }, help };
}

function isRoot(request: Request): boolean {
  return request.params['path'] === '';
}

/** `data/` and `metadata/` themselves: nothing is there to read, and a reader is told what it may have meant. */
async function rootRead(): Promise<Response> {
  const warnings = ['Non-listing operations on the root of a K/V v2 mount are not supported.'];
  return { outcome: 'absent', warnings };
}

/** Version 1's paths on a version 2 mount: the commonest mistake of all, so it is worth more than "not found". */
function wrongPathRoute(): Route {
  const hint = (command: string) => async (): Promise<Response> => ({
    outcome: 'absent',
    warnings: [
      `Invalid path for a versioned K/V secrets engine: secrets are under data/ and are listed under metadata/. 'vault kv ${command}' puts that in by itself.`,
    ],
  });
  return {
    pattern: '{path*}',
    operations: {
      read: hint('get'),
      update: hint('put'),
      patch: hint('patch'),
      delete: hint('delete'),
      list: hint('list'),
    },
    help: 'No path of this engine.',
    hidden: true,
  };
}
