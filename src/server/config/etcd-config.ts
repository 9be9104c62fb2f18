// Reads the stanza `storage "etcd"`. Source: Vault's page /docs/configuration/storage/etcd.

import { showPosition } from '../../base/hcl/hcl-tree.ts';
import type { EtcdStorageConfig } from './config.ts';
import type { SealInputs } from './seal-values.ts';
import { quote, type Stanza } from './stanza.ts';
import { resolveText } from './text-source.ts';

const ADDRESS = 'http://localhost:2379';
const ENDPOINTS_MAX = 32;
/** Part of every key, and so of the size of every batch. */
const PATH_BYTES_MAX = 200;
/** Milliseconds. */
const LEASE = { min: 2_000, max: 300_000 };
const REQUEST = { min: 500, max: 60_000 };
const TLS_FILES = ['tls_ca_file', 'tls_cert_file', 'tls_key_file'] as const;

/** Undefined if it cannot be used; Findings then hold the fault. */
export async function readEtcd(stanza: Stanza, inputs: SealInputs): Promise<EtcdStorageConfig | undefined> {
  checkForeign(stanza);
  const endpoints = endpointsOf(stanza, inputs);
  const login = await loginOf(stanza, inputs);
  const isClear = endpoints.some((endpoint) => endpoint.startsWith('http:'));
  if (login.password !== undefined && isClear) {
    stanza.warn('password', 'the password goes to etcd without TLS; write https:// in address');
  }
  const prefix = prefixOf(stanza);
  const leaseMs = millisecondsOf(stanza, 'lock_timeout', LEASE);
  const requestMsMax = millisecondsOf(stanza, 'request_timeout', REQUEST);
  if (endpoints.length === 0) return undefined;
  return {
    type: 'etcd',
    endpoints,
    ...login,
    ...filesOf(stanza),
    ...(prefix === undefined ? {} : { prefix }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(requestMsMax === undefined ? {} : { requestMsMax }),
  };
}

/** What would mean another cluster, or another API, is not passed over in silence. */
function checkForeign(stanza: Stanza): void {
  const api = stanza.string('etcd_api');
  if (api !== undefined && !['v3', '3'].includes(api.toLowerCase())) {
    stanza.fault('etcd_api', `etcd_api = ${quote(api)} is not in this version; there is: v3`);
  }
  for (const key of ['discovery_srv', 'discovery_srv_name']) {
    if (stanza.has(key)) stanza.fault(key, `${key} is not in this version; name the members in address`);
  }
}

function endpointsOf(stanza: Stanza, { env, findings }: SealInputs): readonly string[] {
  const fromEnv = env['ETCD_ADDR']?.trim() || undefined;
  const written = stanza.has('address') ? (stanza.strings('address') ?? []).join(',') : undefined;
  if (written !== undefined && fromEnv !== undefined && written !== fromEnv) {
    const at = showPosition(stanza.position('address'));
    findings.note(`address at ${at} is used; ETCD_ADDR is set too and ignored`);
  }
  const texts = (written ?? fromEnv ?? ADDRESS).split(',').map((text) => text.trim());
  const origins = texts.filter((text) => text !== '').map(originOf);
  const isFaulty = origins.length === 0 || origins.length > ENDPOINTS_MAX;
  if (!isFaulty && origins.every((origin) => origin !== undefined)) return [...new Set(origins)];
  // Not quoted: it may hold a password.
  const form = 'http://host:2379 or https://host:2379, several with commas between them';
  stanza.fault('address', `${written === undefined ? 'ETCD_ADDR' : 'address'} must be ${form}`);
  return [];
}

function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') return undefined;
  return url.href === `${url.origin}/` ? url.origin : undefined;
}

async function loginOf(
  stanza: Stanza,
  inputs: SealInputs,
): Promise<{ readonly username?: string; readonly password?: string }> {
  const variable = (name: string) => inputs.env[name]?.trim() || undefined;
  const username = stanza.has('username') ? stanza.string('username') : variable('ETCD_USERNAME');
  const written = stanza.has('password') ? stanza.string('password') : variable('ETCD_PASSWORD');
  const password = written === undefined ? undefined : await resolveText(stanza, inputs, 'password', written);
  if (username === undefined && written === undefined) return {};
  if (username !== undefined && password !== undefined) return { username, password };
  if (username === undefined) stanza.fault('username', 'username is missing, yet there is a password');
  else if (written === undefined) stanza.fault('password', 'password is missing, yet there is a username');
  return {};
}

function filesOf(stanza: Stanza): Pick<EtcdStorageConfig, 'tlsCaFile' | 'tlsCertFile' | 'tlsKeyFile'> {
  const [tlsCaFile, tlsCertFile, tlsKeyFile] = TLS_FILES.map((key) => stanza.string(key));
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    const missing = tlsCertFile === undefined ? 'tls_cert_file' : 'tls_key_file';
    stanza.fault(missing, `${missing} is missing: a client certificate needs both files`);
  }
  return {
    ...(tlsCaFile === undefined ? {} : { tlsCaFile }),
    ...(tlsCertFile === undefined ? {} : { tlsCertFile }),
    ...(tlsKeyFile === undefined ? {} : { tlsKeyFile }),
  };
}

/** Ends in a slash. */
function prefixOf(stanza: Stanza): string | undefined {
  const path = stanza.string('path');
  if (path === undefined) return undefined;
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX && !/\p{Cc}/u.test(path) && /[^/]/.test(path))
    return path.endsWith('/') ? path : `${path}/`;
  stanza.fault('path', 'path must be a plain prefix of keys such as /latchkey/');
  return undefined;
}

function millisecondsOf(
  stanza: Stanza,
  key: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const milliseconds = stanza.duration(key);
  if (milliseconds === undefined || (milliseconds >= min && milliseconds <= max)) return milliseconds;
  stanza.fault(key, `${key} must be from ${min / 1_000}s to ${max / 1_000}s`);
  return undefined;
}
