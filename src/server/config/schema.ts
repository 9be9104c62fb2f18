// Turns the merged tree of all config files into a ServerConfig.

import { formatDuration } from '../../base/durations.ts';
import { type HclBody, type HclEntry, type HclPosition, showPosition } from '../../base/hcl/hcl-tree.ts';
import { REQUEST_DURATION_MS_MAX } from '../../base/limits.ts';
import { parseUrl, showHostPort } from './addresses.ts';
import { readAuditDevices } from './audit-config.ts';
import type {
  AzureKeyVaultSealConfig,
  ListenerConfig,
  LogFormat,
  LogLevel,
  ServerConfig,
  StorageConfig,
} from './config.ts';
import type { Findings } from './findings.ts';
import { BELONGS_IN_LISTENER, BELONGS_IN_SEAL, OTHER_SEALS, TOP_LEVEL } from './known-keys.ts';
import { ACCEPTED_STANZAS, STORAGES } from './known-stanzas.ts';
import { readListener } from './listener-config.ts';
import { readAzureKeyVaultSeal } from './seal-config.ts';
import type { SealInputs } from './seal-values.ts';
import { NO_EFFECT, parseBoolean, quote, Stanza } from './stanza.ts';
import { bodies, type TypedStanza, typedStanzas } from './stanza-forms.ts';
import { readStorageStanza } from './storage-config.ts';
import { readTelemetry } from './telemetry-config.ts';

/** Vault's `default_lease_ttl` and `max_lease_ttl`: 768 h. */
const LEASE_TTL_MS = 768 * 3_600_000;
const LOG_LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
};
const LOG_FORMATS: Readonly<Record<string, LogFormat>> = { standard: 'standard', json: 'json' };

/** Keys of the top level that are blocks and may come more than once. */
const BLOCKS = new Set([
  'audit',
  'storage',
  'backend',
  'listener',
  'seal',
  'hsm',
  'kms',
  'telemetry',
  ...Object.keys(ACCEPTED_STANZAS),
]);

export interface SchemaInputs extends SealInputs {
  /** False if a file could not be read or parsed: what is missing may stand there, and is not reported. */
  readonly complete: boolean;
}

/** Undefined if there is nothing to give; Findings then hold a fault. */
export async function buildConfig(root: HclBody, inputs: SchemaInputs): Promise<ServerConfig | undefined> {
  const { findings } = inputs;
  const elsewhere = new Map([...BELONGS_IN_SEAL, ...BELONGS_IN_LISTENER]);
  const top = new Stanza('', root, TOP_LEVEL, findings, { blocks: BLOCKS, elsewhere });
  for (const entry of root.entries) acceptStanza(entry, findings);
  const scalars = { ...readScalars(top, inputs), telemetry: readTelemetry(root, findings) };
  const listeners = readListeners(root, scalars.defaultMaxRequestDurationMs, inputs);
  const storage = await readStorage(root, inputs);
  const seal = await readSeal(root, inputs);
  const addresses = readAddresses(top, inputs);
  const auditDevices = readAuditDevices(root, findings);
  if (!storage || listeners.length === 0) return undefined;
  return { ...scalars, ...addresses, auditDevices, listeners, storage, ...(seal ? { seal } : {}) };
}

/** Stanzas and their types, under any of `names`. */
function stanzasOf(root: HclBody, names: readonly string[], findings: Findings): TypedStanza[] {
  const wanted = root.entries.filter((entry) => names.includes(entry.key.text.toLowerCase()));
  return wanted.flatMap((entry) => typedStanzas(entry, findings));
}

/** Says once that a stanza has no effect, and checks the names inside for typing errors. */
function acceptStanza(entry: HclEntry, findings: Findings): void {
  const name = entry.key.text.toLowerCase();
  const stanza = Object.hasOwn(ACCEPTED_STANZAS, name) ? ACCEPTED_STANZAS[name] : undefined;
  if (!stanza) return;
  findings.warn(entry.key.at, `${name}: ${NO_EFFECT}`);
  const inner = stanza.labelled
    ? typedStanzas(entry, findings, 2)
    : bodies(entry.value, entry.key, findings).map((body) => ({ type: undefined, body }));
  for (const { type, body } of inner) {
    const typed = stanza.byType && type !== undefined && Object.hasOwn(stanza.byType, type);
    const table = typed ? stanza.byType?.[type] : stanza.keys;
    if (table) checkNames(body, table, findings, type === undefined ? name : `${name} ${quote(type)}`);
  }
}

/** Unknown names alone: one warning for the stanza says already that its keys have no effect. */
function checkNames(body: HclBody, table: typeof TOP_LEVEL, findings: Findings, title: string): void {
  const known = new Map([...table.used, ...table.accepted, ['type', 'type']]);
  // Blocks such as retry_join may come more than once.
  const isBlock = (name: string) =>
    body.entries.some(({ key, value }) => key.text.toLowerCase() === name && value.kind === 'body');
  const blocks = new Set([...known].filter(([lower]) => isBlock(lower)).map(([, name]) => name));
  new Stanza(title, body, { used: known, accepted: new Map(), guarded: new Set() }, findings, { blocks });
}

type Scalars = Omit<
  ServerConfig,
  'auditDevices' | 'listeners' | 'telemetry' | 'storage' | 'seal' | 'apiAddr' | 'clusterAddr'
>;

function readScalars(top: Stanza, { env, findings }: SchemaInputs): Scalars {
  const maxLeaseTtlMs = top.duration('max_lease_ttl') || LEASE_TTL_MS;
  const defaultLeaseTtlMs = top.duration('default_lease_ttl') || Math.min(LEASE_TTL_MS, maxLeaseTtlMs);
  if (defaultLeaseTtlMs > maxLeaseTtlMs) {
    const [longer, shorter] = [formatDuration(defaultLeaseTtlMs), formatDuration(maxLeaseTtlMs)];
    top.fault('default_lease_ttl', `default_lease_ttl (${longer}) is longer than max_lease_ttl (${shorter})`);
  }
  const clusterId = top.string('cluster_id')?.toLowerCase();
  if (clusterId !== undefined && !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(clusterId)) {
    top.fault(
      'cluster_id',
      `cluster_id = ${quote(clusterId)} is no UUID; status of the running cluster shows it`,
    );
  }
  if (top.boolean('disable_mlock') === false) {
    top.warn(
      'disable_mlock',
      'disable_mlock = false: this server does not lock its memory; turn swap off or encrypt it',
    );
  }
  for (const name of ['VAULT_RAFT_NODE_ID', 'VAULT_RAFT_PATH']) {
    if (env[name]) findings.note(`${name} is set; ${NO_EFFECT}`);
  }
  return {
    clusterName: top.string('cluster_name'),
    clusterId,
    logLevel: readChoice(top, 'log_level', 'VAULT_LOG_LEVEL', LOG_LEVELS, { env, findings }) ?? 'info',
    logFormat:
      readChoice(top, 'log_format', 'VAULT_LOG_FORMAT', LOG_FORMATS, { env, findings }) ?? 'standard',
    defaultLeaseTtlMs,
    maxLeaseTtlMs,
    defaultMaxRequestDurationMs: top.duration('default_max_request_duration') || REQUEST_DURATION_MS_MAX,
    pidFile: top.string('pid_file'),
    disableMlock: top.boolean('disable_mlock') ?? false,
    ui: readUi(top, env, findings),
    apiAuditCreation: top.boolean('unsafe_allow_api_audit_creation') ?? true,
  };
}

type EnvInputs = Pick<SchemaInputs, 'env' | 'findings'>;

/** For everything but the seal the environment wins, as in Vault; a note says where it does. */
function readChoice<T extends string>(
  top: Stanza,
  key: string,
  variable: string,
  choices: Readonly<Record<string, T>>,
  { env, findings }: EnvInputs,
): T | undefined {
  const written = top.choice(key, choices);
  const text = env[variable]?.trim().toLowerCase() ?? '';
  if (text === '') return written;
  const chosen = Object.hasOwn(choices, text) ? choices[text] : undefined;
  if (chosen === undefined) {
    const names = Object.keys(choices).join(', ');
    findings.fault(undefined, `${variable} = ${quote(text)} is not known; there are: ${names}`);
  } else if (written !== undefined && written !== chosen)
    noteOverride(top, key, `${variable} = ${text}`, findings);
  return chosen;
}

function noteOverride(top: Stanza, key: string, variable: string, findings: Findings): void {
  findings.note(`${showPosition(top.position(key))}: ${key} is overridden by ${variable}`);
}

/** As in Vault, VAULT_UI may also switch it off. */
function readUi(top: Stanza, env: SchemaInputs['env'], findings: Findings): boolean {
  const written = top.boolean('ui');
  const text = env['VAULT_UI']?.trim() ?? '';
  if (text === '') return written ?? false;
  const ui = parseBoolean(text);
  if (ui === undefined) findings.fault(undefined, `VAULT_UI = ${quote(text)} must be true or false`);
  else if (written !== undefined && written !== ui) noteOverride(top, 'ui', `VAULT_UI = ${text}`, findings);
  return ui ?? false;
}

/** All tcp listeners; a fault where two of them want one address, which the second could never bind. */
function readListeners(
  root: HclBody,
  durationMs: number,
  { complete, findings }: SchemaInputs,
): ListenerConfig[] {
  const before = findings.faultCount;
  const found = stanzasOf(root, ['listener'], findings);
  const missing = complete && findings.faultCount === before;
  const taken = new Map<string, { index: number; place: string }>();
  const listeners: ListenerConfig[] = [];
  for (const [index, stanza] of found.entries()) {
    const listener = readListener(stanza, durationMs, findings);
    if (!listener) continue;
    listeners.push(listener);
    const place = showPosition(stanza.at);
    // Port 0 is a new port each time.
    for (const address of [listener.address, listener.clusterAddress].filter(({ port }) => port !== 0)) {
      const shown = showHostPort(address);
      const other = taken.get(shown);
      if (other === undefined) taken.set(shown, { index, place });
      else if (other.index !== index) {
        findings.fault(stanza.at, `${shown} is taken by the listener at ${other.place} already`);
      }
    }
  }
  if (missing && found.length === 0) {
    findings.fault(undefined, 'no listener; add listener "tcp" { address = … }');
  } else if (missing && found.every(({ type }) => type === 'unix')) {
    findings.fault(undefined, 'no listener that this version opens; add listener "tcp" { address = … }');
  }
  return listeners;
}

/** `backend` is Vault's older word for `storage`. */
async function readStorage(root: HclBody, inputs: SchemaInputs): Promise<StorageConfig | undefined> {
  const { complete, findings } = inputs;
  const before = findings.faultCount;
  const found = stanzasOf(root, ['storage', 'backend'], findings);
  const missing = complete && findings.faultCount === before && found.length === 0;
  const first = onlyOne('storage', found, findings);
  if (!first) {
    const text =
      'no storage; add storage "lmdb" { path = … }, "postgresql" or "etcd" (or "inmem", which forgets everything)';
    if (missing) findings.fault(undefined, text);
    return undefined;
  }
  return readStorageStanza(first, inputs, (body, title) => {
    const table = STORAGES[first.type ?? ''];
    if (table) checkNames(body, table, inputs.findings, title);
  });
}

/** The first; a fault at each further one. */
function onlyOne(name: string, found: readonly TypedStanza[], findings: Findings): TypedStanza | undefined {
  const [first, ...more] = found;
  for (const { at } of first ? more : []) {
    findings.fault(
      at,
      `a second ${name} stanza; the first is at ${showPosition(first?.at ?? at)}, only one may be`,
    );
  }
  return first;
}

/** A seal that is not understood is always fatal: a node that ignored it would start as one without a seal. */
async function readSeal(root: HclBody, inputs: SchemaInputs): Promise<AzureKeyVaultSealConfig | undefined> {
  const { env, findings } = inputs;
  for (const { at } of stanzasOf(root, ['hsm', 'kms'], findings)) {
    findings.fault(
      at,
      'hsm and kms stanzas are not in this version; the seal is a stanza seal "azurekeyvault" { … }',
    );
  }
  const first = onlyOne('seal', stanzasOf(root, ['seal'], findings), findings);
  const variable = env['VAULT_SEAL_TYPE']?.trim().toLowerCase() ?? '';
  if (!first) {
    if (variable === '') return undefined;
    const nowhere: HclPosition = { file: 'VAULT_SEAL_TYPE', line: 0, column: 0 };
    findings.note(`seal ${quote(variable)} comes from VAULT_SEAL_TYPE`);
    if (refusesSeal(variable, undefined, findings)) return undefined;
    return readAzureKeyVaultSeal({ kind: 'body', entries: [], at: nowhere }, inputs);
  }
  if (variable !== '' && variable !== first.type) {
    const used = `seal ${quote(first.type ?? '')} (${showPosition(first.at)}) is used`;
    findings.note(`${used}; VAULT_SEAL_TYPE = ${quote(variable)} is set too and ignored`);
  }
  if (!refusesSeal(first.type, first.at, findings)) return readAzureKeyVaultSeal(first.body, inputs);
  const { type = '', body } = first;
  const table = Object.hasOwn(OTHER_SEALS, type) ? OTHER_SEALS[type] : undefined;
  if (table) checkNames(body, table, findings, `seal ${quote(type)}`);
  return undefined;
}

function refusesSeal(type: string | undefined, at: HclPosition | undefined, findings: Findings): boolean {
  if (type === 'azurekeyvault') return false;
  const subject = type === undefined ? 'a seal without a type' : `seal type ${quote(type)}`;
  findings.fault(at, `${subject} is not in this version; there is: azurekeyvault`);
  return true;
}

/** `api_addr` and `cluster_addr`: what this node tells the others and its clients. */
function readAddresses(top: Stanza, inputs: SchemaInputs): { apiAddr?: string; clusterAddr?: string } {
  const { env } = inputs;
  const apiVariable = env['VAULT_API_ADDR'] ? 'VAULT_API_ADDR' : 'VAULT_REDIRECT_ADDR';
  const api = readAddress(top, 'api_addr', apiVariable, inputs);
  const cluster = readAddress(top, 'cluster_addr', 'VAULT_CLUSTER_ADDR', inputs);
  if (api && cluster && hostOf(api) === hostOf(cluster)) {
    top.fault(
      'cluster_addr',
      `cluster_addr equals api_addr (${hostOf(api)}); the cluster has a port of its own`,
    );
  }
  return {
    ...(api ? { apiAddr: api.href.replace(/\/$/, '') } : {}),
    // Vault ignores the scheme: nodes always speak TLS with each other.
    ...(cluster ? { clusterAddr: `https://${hostOf(cluster)}` } : {}),
  };
}

/** The environment wins over the file, as in Vault. */
function readAddress(
  top: Stanza,
  key: string,
  variable: string,
  { env, findings }: EnvInputs,
): URL | undefined {
  const written = top.string(key);
  const text = env[variable]?.trim() || undefined;
  const used = text ?? written;
  if (used === undefined) return undefined;
  if (text !== undefined && written !== undefined && text !== written)
    noteOverride(top, key, variable, findings);
  const parsed = parseUrl(used, ['https:', 'http:']);
  if ('value' in parsed) return parsed.value;
  if (text === undefined) top.fault(key, `${key}: ${parsed.fault}`);
  else findings.fault(undefined, `${variable}: ${parsed.fault}`);
  return undefined;
}

/** Always with a port. */
function hostOf(url: URL): string {
  if (url.port !== '') return url.host;
  return `${url.host}:${url.protocol === 'https:' ? 443 : 80}`;
}
