// Reads the storage stanza.

import { type HclBody, type HclPosition, showPosition } from '../../base/hcl/hcl-tree.ts';
import type { PostgresqlStorageConfig, StorageConfig } from './config.ts';
import { readEtcd } from './etcd-config.ts';
import { TOP_LEVEL } from './known-keys.ts';
import { STORAGES } from './known-stanzas.ts';
import type { SealInputs } from './seal-values.ts';
import { quote, Stanza } from './stanza.ts';
import type { TypedStanza } from './stanza-forms.ts';
import { resolveText } from './text-source.ts';

const URL_VARIABLE = 'VAULT_PG_CONNECTION_URL';
const CONNECTIONS_MAX = 500;
const OF_THIS_VERSION = ['lmdb', 'postgresql', 'etcd', 'inmem'];

/** Undefined if it cannot be used; Findings then hold the fault. */
export async function readStorageStanza(
  { type, body, at }: TypedStanza,
  inputs: SealInputs,
  checkNames: (body: HclBody, title: string) => void,
): Promise<StorageConfig | undefined> {
  const { findings } = inputs;
  const table = type !== undefined && Object.hasOwn(STORAGES, type) ? STORAGES[type] : undefined;
  if (type === undefined || table === undefined || !OF_THIS_VERSION.includes(type)) {
    const subject = type === undefined ? 'a storage without a type' : `storage type ${quote(type)}`;
    findings.fault(at, `${subject} is not in this version; there are: ${OF_THIS_VERSION.join(', ')}`);
    if (table) checkNames(body, `storage ${quote(type ?? '')}`);
    return undefined;
  }
  const stanza = new Stanza(`storage "${type}"`, body, table ?? TOP_LEVEL, findings);
  if (type === 'inmem') return { type };
  if (type === 'postgresql') return readPostgresql(stanza, inputs);
  if (type === 'etcd') return readEtcd(stanza, inputs);
  if (!stanza.has('path')) stanza.fault('path', 'path is missing: the folder of the data');
  return { type: 'lmdb', path: stanza.string('path') ?? '' };
}

/** Vault's page /docs/configuration/storage/postgresql. */
async function readPostgresql(
  stanza: Stanza,
  inputs: SealInputs,
): Promise<PostgresqlStorageConfig | undefined> {
  const connectionUrl = await readConnectionUrl(stanza, inputs);
  const connectionsMax = stanza.integer('max_parallel');
  if (connectionsMax !== undefined && (connectionsMax < 1 || connectionsMax > CONNECTIONS_MAX)) {
    stanza.fault('max_parallel', `max_parallel must be from 1 to ${CONNECTIONS_MAX}`);
  }
  const table = stanza.string('table');
  const mayCreateTables = !(stanza.boolean('skip_create_table') ?? false);
  if (connectionUrl === undefined) return undefined;
  return {
    type: 'postgresql',
    connectionUrl,
    mayCreateTables,
    ...(table === undefined ? {} : { table }),
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
  };
}

/** Never shown: it may hold a password. */
async function readConnectionUrl(stanza: Stanza, inputs: SealInputs): Promise<string | undefined> {
  const { env, findings } = inputs;
  const fromEnv = env[URL_VARIABLE]?.trim() || undefined;
  const key = 'connection_url';
  if (!stanza.has(key) && fromEnv === undefined) {
    stanza.fault(key, `${key} is missing: postgres://user:password@host:5432/database, or ${URL_VARIABLE}`);
    return undefined;
  }
  const written = stanza.has(key) ? stanza.string(key) : fromEnv;
  if (written === undefined) return undefined;
  const text = await resolveText(stanza, inputs, key, written);
  if (stanza.has(key) && fromEnv !== undefined && text !== fromEnv) {
    findings.note(`${key} at ${place(stanza.position(key))} is used; ${URL_VARIABLE} is set too and ignored`);
  }
  if (text === undefined || /^postgres(ql)?:\/\//.test(text)) return text;
  stanza.fault(key, `${key} must begin with postgres://`);
  return undefined;
}

function place(at: HclPosition): string {
  return showPosition(at);
}
