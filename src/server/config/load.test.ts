import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import fc from 'fast-check';

import { LatchkeyError } from '../../base/errors.ts';
import type { AzureKeyVaultSealConfig } from './config.ts';
import { type LoadedConfig, loadConfig } from './load.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-config-'));
});
after(() => rm(folder, { recursive: true }));

let counter = 0;

/** Writes `files` into a new folder and loads it. Places in the answer are relative to that folder. */
async function load(
  files: Record<string, string> | string,
  { env = {} as Record<string, string>, strict = false, paths = ['.'] } = {},
): Promise<LoadedConfig> {
  counter += 1;
  const home = join(folder, String(counter));
  const named = typeof files === 'string' ? { 'vault.hcl': files } : files;
  for (const [name, text] of Object.entries(named)) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), text);
  }
  const relative = (text: string) => text.replaceAll(`${home}/`, '');
  try {
    const loaded = await loadConfig({ paths: paths.map((path) => join(home, path)), env, strict });
    return { ...loaded, warnings: loaded.warnings.map(relative), notes: loaded.notes.map(relative) };
  } catch (error) {
    assert.ok(error instanceof LatchkeyError, String(error));
    assert.equal(error.code, 'config_invalid');
    throw new LatchkeyError('config_invalid', relative(error.message));
  }
}

/** The fault lines, without the heading. */
async function faults(...args: Parameters<typeof load>): Promise<string[]> {
  try {
    await load(...args);
  } catch (error) {
    const [heading = '', ...lines] = (error as Error).message.split('\n');
    const word = lines.length === 1 ? '1 fault' : `${lines.length} faults`;
    assert.match(heading, new RegExp(`^the configuration has ${word}.*:$`));
    return lines.map((line) => line.trim());
  }
  assert.fail('was not refused');
}

const LISTENER = 'listener "tcp" {\n address = "127.0.0.1:8200"\n tls_disable = true\n}\n';
const STORAGE = 'storage "inmem" {}\n';
const BASE = LISTENER + STORAGE;
const seal = (keys: string) => `${BASE}seal "azurekeyvault" {\n${keys}\n}\n`;
const sealOf = async (keys: string, env: Record<string, string> = {}) => {
  const { config, notes } = await load(seal(keys), { env });
  return { seal: config.seal as AzureKeyVaultSealConfig, notes };
};

test('the smallest config has every default filled in', async () => {
  const { config, warnings, notes } = await load(BASE, { strict: true });
  assert.deepEqual([warnings, notes], [[], []]);
  assert.deepEqual(JSON.parse(JSON.stringify(config)), {
    logLevel: 'info',
    logFormat: 'standard',
    defaultLeaseTtlMs: 2_764_800_000,
    maxLeaseTtlMs: 2_764_800_000,
    defaultMaxRequestDurationMs: 90_000,
    disableMlock: false,
    ui: false,
    telemetry: {
      prometheusRetentionMs: 86_400_000,
      disableHostname: true,
      enableHostnameLabel: false,
      metricsPrefix: 'vault',
      usageGaugePeriodMs: 600_000,
    },
    apiAuditCreation: true,
    auditDevices: [],
    listeners: [
      {
        type: 'tcp',
        address: { host: '127.0.0.1', port: 8200 },
        clusterAddress: { host: '127.0.0.1', port: 8201 },
        tls: { disabled: true },
        maxRequestSizeBytes: 33_554_432,
        // JSON has no word for Infinity.
        jsonLimits: {
          depthMax: 64,
          stringBytesMax: null,
          objectEntriesMax: 10_000,
          arrayElementsMax: 10_000,
          tokensMax: 500_000,
          stringsMax: null,
          memoryBytesMax: null,
        },
        tokenHeaderBytesMax: 8_192,
        maxRequestDurationMs: 90_000,
        httpReadHeaderTimeoutMs: 10_000,
        httpReadTimeoutMs: 30_000,
        httpWriteTimeoutMs: 0,
        httpIdleTimeoutMs: 300_000,
        customResponseHeaders: [],
        closedPaths: [],
        openMetrics: false,
        metricsAccess: { serves: 'all' },
        openInFlight: false,
        unauthenticatedSealDetail: true,
      },
    ],
    storage: { type: 'inmem' },
  });
});

const FULL_HCL = `
# As on a virtual machine in Azure.
ui            = true
disable_mlock = true
cluster_name  = "production"
cluster_id    = "0B2C5E6A-6B0E-4E0C-9D58-0D6C8A8F1F11"
api_addr      = "https://vault-0.example.org:8200/"
cluster_addr  = "https://vault-0.example.org:8201"
log_level     = "WARN"
log_format    = "json"
pid_file      = "/run/latchkey.pid"
default_lease_ttl = "24h", max_lease_ttl = "48h"
default_max_request_duration = 60

listener "tcp" {
  address         = "[::]:8200"
  cluster_address = "[::]:9201"
  tls_cert_file   = "/etc/tls/tls.crt"
  tls_key_file    = "/etc/tls/tls.key"
  tls_client_ca_file = "/etc/tls/ca.crt"
  tls_min_version = "tls13"
  tls_require_and_verify_client_cert = "true"
  max_request_size = 1048576
  max_request_duration = "30s"
  http_read_header_timeout = "5s"
  http_read_timeout = "6s"
  http_write_timeout = "7s"
  http_idle_timeout = "8s"
  x_forwarded_for_authorized_addrs = "10.0.0.0/8, ::1"
  x_forwarded_for_hop_skips = 1
  x_forwarded_for_reject_not_present = false
  custom_response_headers {
    "default" = { "Strict-Transport-Security" = ["max-age=31536000", "includeSubDomains"] }
    "4xx" = { "X-Why" = "no" }
  }
}
listener "tcp" { address = "127.0.0.1:0" tls_disable = 1 }

storage "lmdb" { path = "/var/lib/latchkey" }

seal "azurekeyvault" {
  tenant_id            = "46646709-b63e-4747-be42-516edeaf1e14"
  client_id            = "03dc33fc-16d9-4b77-8152-3ec568f8af6e"
  use_managed_identity = true
  vault_name           = "my-vault"
}
`;

const FULL_JSON = JSON.stringify({
  ui: true,
  disable_mlock: true,
  cluster_name: 'production',
  cluster_id: '0b2c5e6a-6b0e-4e0c-9d58-0d6c8a8f1f11',
  api_addr: 'https://vault-0.example.org:8200',
  cluster_addr: 'https://vault-0.example.org:8201',
  log_level: 'warning',
  log_format: 'json',
  pid_file: '/run/latchkey.pid',
  default_lease_ttl: '24h',
  max_lease_ttl: 172_800,
  default_max_request_duration: '1m',
  listener: [
    {
      tcp: {
        address: '[::]:8200',
        cluster_address: '[::]:9201',
        tls_cert_file: '/etc/tls/tls.crt',
        tls_key_file: '/etc/tls/tls.key',
        tls_client_ca_file: '/etc/tls/ca.crt',
        tls_min_version: 'tls13',
        tls_require_and_verify_client_cert: true,
        max_request_size: '1048576',
        max_request_duration: 30,
        http_read_header_timeout: 5,
        http_read_timeout: '6s',
        http_write_timeout: '7000ms',
        http_idle_timeout: '8',
        x_forwarded_for_authorized_addrs: ['10.0.0.0/8', '::1'],
        x_forwarded_for_hop_skips: '1',
        x_forwarded_for_reject_not_present: 'false',
        custom_response_headers: {
          default: { 'Strict-Transport-Security': ['max-age=31536000', 'includeSubDomains'] },
          '4xx': { 'X-Why': ['no'] },
        },
      },
    },
    { tcp: { address: '127.0.0.1:0', tls_disable: true } },
  ],
  storage: { lmdb: { path: '/var/lib/latchkey' } },
  seal: [
    {
      azurekeyvault: {
        tenant_id: '46646709-b63e-4747-be42-516edeaf1e14',
        client_id: '03dc33fc-16d9-4b77-8152-3ec568f8af6e',
        use_managed_identity: true,
        vault_uri: 'https://my-vault.vault.azure.net',
      },
    },
  ],
});

test('a full config, in HCL and in JSON, gives the same and nothing to say', async () => {
  const hcl = await load(FULL_HCL, { strict: true });
  const json = await load({ 'vault.json': FULL_JSON }, { strict: true });
  // A .hcl file may hold JSON.
  const mixed = await load({ 'vault.hcl': FULL_JSON }, { strict: true });
  assert.deepEqual(json.config, hcl.config);
  assert.deepEqual(mixed.config, hcl.config);
  const { config, notes } = hcl;
  assert.deepEqual(notes, []);
  assert.equal(config.clusterId, '0b2c5e6a-6b0e-4e0c-9d58-0d6c8a8f1f11');
  assert.equal(config.apiAddr, 'https://vault-0.example.org:8200');
  assert.equal(config.clusterAddr, 'https://vault-0.example.org:8201');
  assert.deepEqual([config.logLevel, config.logFormat, config.ui], ['warn', 'json', true]);
  assert.deepEqual([config.defaultLeaseTtlMs, config.maxLeaseTtlMs], [86_400_000, 172_800_000]);
  assert.deepEqual(config.storage, { type: 'lmdb', path: '/var/lib/latchkey' });
  const [first, second] = config.listeners;
  assert.deepEqual(first?.tls, {
    disabled: false,
    certFile: '/etc/tls/tls.crt',
    keyFile: '/etc/tls/tls.key',
    clientCaFile: '/etc/tls/ca.crt',
    clientCert: 'require',
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    lookEveryMs: 5_000,
  });
  assert.deepEqual(first?.xForwardedFor, {
    authorizedAddrs: ['10.0.0.0/8', '::1/128'],
    hopSkips: 1,
    rejectNotPresent: false,
    rejectNotAuthorized: true,
  });
  assert.deepEqual(first?.customResponseHeaders, [
    {
      status: 'default',
      headers: [{ name: 'Strict-Transport-Security', value: 'max-age=31536000; includeSubDomains' }],
    },
    { status: '4xx', headers: [{ name: 'X-Why', value: 'no' }] },
  ]);
  assert.deepEqual([first?.unauthenticatedSealDetail, second?.unauthenticatedSealDetail], [false, true]);
  assert.deepEqual(second?.clusterAddress, { host: '127.0.0.1', port: 0 });
  assert.deepEqual([first?.maxRequestDurationMs, second?.maxRequestDurationMs], [30_000, 60_000]);
});

test('configs as they stand in the field: what Vault knows is accepted with one line each', async () => {
  const helm = `
    ui = true
    cluster_name = "vault-integrated-storage"
    listener "tcp" {
      tls_disable = 1
      address = "[::]:8200"
      cluster_address = "[::]:8201"
      telemetry {
        unauthenticated_metrics_access = "true"
      }
    }
    storage "lmdb" { path = "/vault/data" }
    seal "azurekeyvault" { vault_name = "kv-prod" disabled = "false" }
    service_registration "kubernetes" {}
    telemetry { prometheus_retention_time = "30s" disable_hostname = true }`;
  assert.deepEqual((await load(helm)).warnings, [
    'vault.hcl:14:5: service_registration: accepted, has no effect in this version',
  ]);
  const bao = `${BASE}
    cache_size = "262144"
    raw_storage_endpoint = true
    plugin_directory = "/usr/lib/plugins"
    user_lockout "all" { lockout_duration = "10m" lockout_threshold = "25" }
    audit "file" "to-stdout" { description = "d" options { file_path = "/dev/stdout" } }
    initialize "identity" { request "userpass" { operation = "update" path = "sys/auth/userpass" data = { type = "userpass" } } }
    plugin "secret" "aws" { image = "x" version = "v1" }
    ha_storage "raft" { path = "/r" retry_join { leader_api_addr = "https://a:8200" } retry_join { leader_api_addr = "https://b:8200" } }
    listener "unix" { address = "/run/l.sock" socket_mode = "600" }`;
  const { warnings } = await load(bao);
  assert.equal(warnings.length, 8, warnings.join('\n'));
  for (const warning of warnings) assert.match(warning, /accepted, has no effect in this version/);
});

test('the telemetry stanza, and what a listener shows without a token', async () => {
  const { config } = await load(`
    listener "tcp" {
      tls_disable = true
      telemetry { unauthenticated_metrics_access = true }
      profiling { unauthenticated_in_flight_request_access = "true" }
    }
    listener "tcp" {
      address = "127.0.0.1:9000"
      tls_disable = true
      inflight_requests_logging { unauthenticated_in_flight_requests_access = true }
      telemetry { disallow_metrics = true }
    }
    listener "tcp" {
      address = "127.0.0.1:9100"
      tls_disable = true
      telemetry { metrics_only = "true" metrics_path = "/metrics" }
    }
    storage "inmem" {}
    telemetry {
      prometheus_retention_time = 0
      disable_hostname = false
      enable_hostname_label = true
      metrics_prefix = "bank.vault"
      usage_gauge_period = "5m"
    }`);
  const open = config.listeners.map(({ openMetrics, openInFlight }) => [openMetrics, openInFlight]);
  assert.deepEqual(open, [
    [true, true],
    [false, true],
    [false, false],
  ]);
  assert.deepEqual(
    config.listeners.map(({ metricsAccess }) => metricsAccess),
    [{ serves: 'all' }, { serves: 'none' }, { serves: 'alone', path: '/metrics' }],
  );
  const odd = (keys: string) =>
    faults(`listener "tcp" { tls_disable = 1 telemetry { ${keys} } }\n${STORAGE}`);
  assert.match((await odd('disallow_metrics = true metrics_only = true')).join(), /keep one/);
  assert.match((await odd('metrics_path = "/metrics"')).join(), /only with metrics_only/);
  assert.match((await odd('metrics_only = true metrics_path = "metrics?x"')).join(), /begins with a slash/);
  assert.match((await odd('disalow_metrics = true')).join(), /too close to a security setting/);
  assert.deepEqual(config.telemetry, {
    prometheusRetentionMs: 0,
    disableHostname: false,
    enableHostnameLabel: true,
    metricsPrefix: 'bank.vault',
    usageGaugePeriodMs: 300_000,
  });
  assert.match((await faults(`${BASE}telemetry { metrics_prefix = "9 lives" }`)).join(), /metrics_prefix is/);
  assert.match((await faults(`${BASE}telemetry {}\ntelemetry {}`)).join(), /a second telemetry stanza/);
});

test('an unknown key is a warning with its place and the nearest name, and fatal if strict', async () => {
  const text = `${BASE}cach_size = 1\nzzz = 2\ntelemetry { disable_host = true }\n`;
  const expected = [
    'vault.hcl:6:1: unknown key "cach_size"; did you mean cache_size?',
    'vault.hcl:7:1: unknown key "zzz"',
    'vault.hcl:8:13: telemetry: unknown key "disable_host"; did you mean disable_hostname?',
  ];
  assert.deepEqual((await load(text)).warnings, expected);
  assert.deepEqual(await faults(text, { strict: true }), expected);
});

test('a near-miss of a security key is fatal', async () => {
  const inListener = [
    'tls_disabled',
    'tls_cert',
    'tls_key',
    'tls_ca_file',
    'tlscertfile',
    'TLS-CERT-FILE',
    'tls_mini_version',
    'tls_zzz',
  ];
  for (const key of inListener) {
    const [line, ...more] = await faults(
      `listener "tcp" { address = ":1" tls_disable = true ${key} = "1" }\n${STORAGE}`,
    );
    assert.match(
      line ?? '',
      new RegExp(`^vault.hcl:1:52: listener "tcp": unknown key "${key}".* too close to a security setting`),
    );
    assert.deepEqual(more, []);
  }
  const inSeal = [
    'keyname',
    'key-name',
    'KeyName',
    'ke_name',
    'secret_nam',
    'vault_url',
    'valut_name',
    'tenantid',
    'client_i',
    'adpot',
  ];
  for (const key of inSeal) {
    const [line] = await faults(seal(`vault_name = "kvx"\n ${key} = "1"`));
    assert.match(
      line ?? '',
      new RegExp(`^vault.hcl:8:2: seal "azurekeyvault": unknown key "${key}"; did you mean .* too close`),
    );
  }
  for (const key of ['sael', 'seals', 'clusterid', 'cluster-id']) {
    assert.match((await faults(`${BASE}${key} = "x"`))[0] ?? '', /too close to a security setting/);
  }
  assert.deepEqual(await faults(`${BASE}tls_disable = false\nkey_name = "x"`), [
    'vault.hcl:6:1: tls_disable does not belong here but in the stanza listener "tcp"',
    'vault.hcl:7:1: key_name does not belong here but in the stanza seal "azurekeyvault"',
  ]);
  // Names that Vault knows, or that are far from all, are not taken for one.
  await load(seal('vault_name = "kvx"\n subscription_id = "x"\n priority = 1'));
});

test('all faults at once, in the order of the files', async () => {
  const lines = await faults(
    {
      'a.hcl': 'ui = maybe',
      'b.hcl': `log_level = "loud"\nmax_lease_ttl = "1x"\nmax_lease_ttl = "1h"\nui = [1]\n${LISTENER}`,
      'c.hcl': 'storage "raft" { path = "/x" }\nlistener "tcp" { addres = 1 }\ncluster_name = {}\n{',
    },
    { env: { VAULT_LOG_FORMAT: 'xml' } },
  );
  assert.deepEqual(lines, [
    'a.hcl:1:6: expected a value: "text", a number, true, false, [ or {, found a bare word (text needs double quotes; a yes or no is true or false)',
    'b.hcl:1:1: log_level = "loud" is not known; there are: trace, debug, info, notice, warn, warning, error, err',
    'b.hcl:3:1: max_lease_ttl is set twice, first at b.hcl:2:1; remove one',
    'b.hcl:4:6: ui must be true or false, found a list',
    'c.hcl:4:1: expected a key, found {',
    'VAULT_LOG_FORMAT = "xml" is not known; there are: standard, json',
  ]);
});

test('faults of the whole', async () => {
  const table: [text: string, expected: RegExp[]][] = [
    ['', [/^no listener; add listener "tcp"/, /^no storage; add storage "lmdb"/]],
    ['{"listener": [], "storage": []}', [/^no listener/, /^no storage/]],
    [
      '{"listener": {"tcp": [{"address": ":1", "tls_disable": 1}, {"address": ":1", "tls_disable": 1}]}, "storage": {"inmem": {}}}',
      [/0.0.0.0:1 is taken/, /0.0.0.0:2 is taken/],
    ],
    ['listener "unix" {}\nstorage "inmem" {}', [/^no listener that this version opens/]],
    [
      `${LISTENER}storage "raft" {}`,
      [
        /^vault.hcl:5:1: storage type "raft" is not in this version; there are: lmdb, postgresql, etcd, inmem$/,
      ],
    ],
    [
      `${LISTENER}storage { path = "/x" }`,
      [/^vault.hcl:5:1: a storage without a type is not in this version/],
    ],
    [
      `${LISTENER}storage "lmdb" {}`,
      [/^vault.hcl:5:1: storage "lmdb": path is missing: the folder of the data$/],
    ],
    [`${LISTENER}storage = 1`, [/^vault.hcl:5:11: storage must be a block/]],
    [
      `${BASE}storage "lmdb" { path = "/x" }`,
      [/^vault.hcl:6:1: a second storage stanza; the first is at vault.hcl:5:1/],
    ],
    [
      `${BASE}seal "transit" {}`,
      [/^vault.hcl:6:1: seal type "transit" is not in this version; there is: azurekeyvault$/],
    ],
    [
      `${BASE}seal "awskms" {}\nseal "shamir" {}`,
      [/seal type "awskms"/, /a second seal stanza; the first is at vault.hcl:6:1/],
    ],
    [`${BASE}hsm "pkcs11" {}`, [/hsm and kms stanzas are not in this version/]],
    [`${BASE}storage "inmem" "x" {}`, [/a second storage stanza/, /takes one label/]],
    [
      `${BASE}default_lease_ttl = "2h"\nmax_lease_ttl = "1h"`,
      [/:6:1: default_lease_ttl \(2h0m0s\) is longer than max_lease_ttl \(1h0m0s\)/],
    ],
    [
      `${BASE}api_addr = "https://a:1"\ncluster_addr = "https://a:1"`,
      [/:7:1: cluster_addr equals api_addr \(a:1\)/],
    ],
    [`${BASE}api_addr = "a:1"`, [/:6:1: api_addr: expected a URL that starts with https:\/\/ or http:\/\//]],
    [
      `${BASE}api_addr = "https://{{ GetPrivateIP }}:8200"`,
      [/templates \{\{ … \}\} are not in this version/],
    ],
    [`${BASE}cluster_id = "abc"`, [/:6:1: cluster_id = "abc" is no UUID/]],
    [`${BASE}cluster_name = ""`, [/:6:1: cluster_name is empty/]],
    [
      `${BASE}${LISTENER}`,
      [/:6:1: 127.0.0.1:8200 is taken by the listener at vault.hcl:1:1/, /127.0.0.1:8201 is taken/],
    ],
    [
      '{"ui": null, "listener": [{"tcp": {"address": ":1", "tls_disable": true}}], "storage": {"inmem": {}}}',
      [/:1:8: ui must be true or false, found null/],
    ],
    [
      '{"ui": true,\n"ui": true, "listener": {"tcp": {"address": ":1", "tls_disable": true}}, "storage": {"inmem": {}}}',
      [/:2:1: ui is set twice, first at vault.hcl:1:2/],
    ],
  ];
  for (const [text, expected] of table) {
    const lines = await faults(text);
    assert.equal(lines.length, expected.length, `${text}\n${lines.join('\n')}`);
    for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern);
  }
});

test('storage in PostgreSQL: the URL from the stanza, the environment or a file, and never shown', async () => {
  const url = 'postgres://u:pg-pass-9@db.internal:5432/latchkey';
  const stanza = (keys: string) => `${LISTENER}storage "postgresql" {\n${keys}\n}\n`;
  const storageOf = async (keys: string, env: Record<string, string> = {}) => {
    const { config, notes, warnings } = await load(stanza(keys), { env });
    return { storage: config.storage, said: [...notes, ...warnings] };
  };
  const base = { type: 'postgresql', connectionUrl: url, mayCreateTables: true };
  const plain = await storageOf(`connection_url = "${url}"`);
  assert.deepEqual(plain, { storage: base, said: [] });
  const full = await storageOf(
    `connection_url = "${url}"\ntable = "ops.lk"\nmax_parallel = "8"\nskip_create_table = true\nha_enabled = "true"`,
  );
  assert.deepEqual(full.storage, { ...base, mayCreateTables: false, table: 'ops.lk', connectionsMax: 8 });
  assert.deepEqual((await storageOf('', { VAULT_PG_CONNECTION_URL: url })).storage, base);
  assert.deepEqual((await storageOf('connection_url = "env://DB"', { DB: url })).storage, base);
  const file = join(folder, 'pg-url');
  await writeFile(file, `${url}\n`);
  assert.deepEqual((await storageOf(`connection_url = "file://${file}"`)).storage, base);
  const both = await storageOf(`connection_url = "${url}"`, { VAULT_PG_CONNECTION_URL: `${url}2` });
  assert.deepEqual(both.storage, base);
  assert.match(both.said.join('\n'), /VAULT_PG_CONNECTION_URL is set too and ignored/);
  assert.doesNotMatch(both.said.join('\n'), /pg-pass-9/);
  const refused: [string, RegExp][] = [
    ['', /connection_url is missing: postgres:\/\//],
    ['connection_url = "mysql://u:pg-pass-9@db/x"', /connection_url must begin with postgres:\/\//],
    ['connection_url = "file:///nowhere/url"', /names the file \/nowhere\/url, which cannot be read/],
    ['connection_url = "env://NOPE"', /names the variable NOPE, which is not set/],
    [`connection_url = "${url}"\nmax_parallel = 0`, /max_parallel must be from 1 to 500/],
  ];
  for (const [keys, expected] of refused) {
    const [line = '', ...more] = await faults(stanza(keys));
    assert.match(line, expected);
    assert.doesNotMatch(line, /pg-pass-9/);
    assert.deepEqual(more, []);
  }
});

test('storage in etcd: members, login and files from the stanza or the environment, the password never shown', async () => {
  const stanza = (keys: string) => `${LISTENER}storage "etcd" {\n${keys}\n}\n`;
  const read = async (keys: string, env: Record<string, string> = {}) => {
    const { config, notes, warnings } = await load(stanza(keys), { env });
    return { storage: config.storage, said: [...notes, ...warnings].join('\n') };
  };
  const local = { type: 'etcd', endpoints: ['http://localhost:2379'] };
  assert.deepEqual(await read(''), { storage: local, said: '' });
  const full = await read(
    `address = "https://a:2379, https://b:2379/"\npath = "ops/vault"\netcd_api = "v3"
    username = "latchkey"\npassword = "env://PASS"\ntls_ca_file = "/ca"\ntls_cert_file = "/c"\ntls_key_file = "/k"
    lock_timeout = "15s"\nrequest_timeout = 3\nha_enabled = "true"`,
    { PASS: 'etcd-pass-9' },
  );
  assert.deepEqual(full.storage, {
    type: 'etcd',
    endpoints: ['https://a:2379', 'https://b:2379'],
    username: 'latchkey',
    password: 'etcd-pass-9',
    tlsCaFile: '/ca',
    tlsCertFile: '/c',
    tlsKeyFile: '/k',
    prefix: 'ops/vault/',
    leaseMs: 15_000,
    requestMsMax: 3_000,
  });
  const env = { ETCD_ADDR: 'http://e:1', ETCD_USERNAME: 'u', ETCD_PASSWORD: 'etcd-pass-9' };
  const fromEnv = await read('', env);
  assert.deepEqual(fromEnv.storage, {
    type: 'etcd',
    endpoints: ['http://e:1'],
    username: 'u',
    password: 'etcd-pass-9',
  });
  assert.match(fromEnv.said, /the password goes to etcd without TLS/);
  const both = await read('address = "https://a:2379"', env);
  assert.match(both.said, /ETCD_ADDR is set too and ignored/);
  assert.doesNotMatch(full.said + fromEnv.said + both.said, /etcd-pass-9/);
  const refused: [string, RegExp][] = [
    ['address = "etcd:2379"', /address must be http:\/\/host:2379/],
    ['address = "http://u:etcd-pass-9@a:2379"', /address must be http:/],
    ['address = "http://a:2379/path"', /address must be http:/],
    ['etcd_api = "v2"', /etcd_api = "v2" is not in this version/],
    ['discovery_srv = "example.com"', /discovery_srv is not in this version/],
    ['username = "u"', /password is missing/],
    ['password = "etcd-pass-9"', /username is missing/],
    ['tls_cert_file = "/c"', /tls_key_file is missing/],
    ['path = "/"', /path must be a plain prefix/],
    ['lock_timeout = "1s"', /lock_timeout must be from 2s to 300s/],
    ['request_timeout = "5m"', /request_timeout must be from 0.5s to 60s/],
  ];
  for (const [keys, expected] of refused) {
    const lines = await faults(stanza(keys));
    assert.equal(lines.length, 1, `${keys}\n${lines.join('\n')}`);
    assert.match(lines[0] ?? '', expected);
    assert.doesNotMatch(lines[0] ?? '', /etcd-pass-9/);
  }
});

test('faults of a listener', async () => {
  const table: [keys: string, expected: RegExp[]][] = [
    ['', [/tls_cert_file is missing; set it, or tls_disable = true/, /tls_key_file is missing/]],
    ['tls_disable = false tls_cert_file = "/c"', [/^vault.hcl:1:18: .*tls_key_file is missing/]],
    ['tls_disable = "maybe"', [/tls_disable must be true or false, found other text/]],
    [
      'tls_disable = 1 tls_require_and_verify_client_cert = 1',
      [/client certificates are required, but tls_disable is true/],
    ],
    [
      'tls_cert_file = "/c" tls_key_file = "/k" tls_require_and_verify_client_cert = 1 tls_disable_client_certs = 1',
      [/set tls_client_ca_file/, /both true/],
    ],
    [
      'tls_cert_file = "/c" tls_key_file = "/k" tls_min_version = "tls13" tls_max_version = "tls12"',
      [/above tls_max_version/],
    ],
    ['tls_cert_file = "/c" tls_key_file = "/k" tls_max_version = "tls11"', [/nothing could connect/]],
    [
      'tls_cert_file = "/c" tls_key_file = "/k" tls_min_version = "1.2"',
      [/tls_min_version = "1.2" is not known; there are: tls10, tls11, tls12, tls13/],
    ],
    [
      'tls_disable = 1 address = "127.0.0.1"',
      [/address = "127.0.0.1": expected host:port such as 127.0.0.1:8200/],
    ],
    ['tls_disable = 1 address = "::1"', [/IPv6 in brackets/]],
    ['tls_disable = 1 address = "https://a:1"', [/without https:\/\//]],
    ['tls_disable = 1 address = "a:99999"', [/a port is at most 65535/]],
    ['tls_disable = 1 address = "10.0.0.300:1"', [/neither a name nor an address/]],
    ['tls_disable = 1 address = ":65535"', [/65535 is the last; set cluster_address/]],
    [
      'tls_disable = 1 address = ":1" cluster_address = ":1"',
      [/cluster_address equals address \(0.0.0.0:1\)/],
    ],
    [
      'tls_disable = 1 max_request_size = "big"',
      [/max_request_size must be a whole number, found other text/],
    ],
    ['tls_disable = 1 http_idle_timeout = "soon"', [/http_idle_timeout must be a duration such as "90s"/]],
    [
      'tls_disable = 1 x_forwarded_for_authorized_addrs = "10.0.0.0/33, x"',
      [/10.0.0.0\/33/, /"x": expected an address or a block/],
    ],
    [
      'tls_disable = 1 custom_response_headers { "2x" = {} "200" = { "A B" = "x" "C" = [1] "D" = "\\n" } }',
      [/neither default, 2xx nor a status/, /"A B" or its value/, /"C" must be text/, /"D" or its value/],
    ],
    ['tls_disable = 1 address = ["a"]', [/address must be text in double quotes, found a list/]],
  ];
  for (const [keys, expected] of table) {
    const lines = await faults(`listener "tcp" { ${keys} }\n${STORAGE}`);
    assert.equal(lines.length, expected.length, `${keys}\n${lines.join('\n')}`);
    for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern);
  }
  assert.match(
    (await faults(`listener "udp" {}\n${STORAGE}`))[0] ?? '',
    /listener type "udp" is not in this version; there is: tcp/,
  );
  const { warnings } = await load(
    `listener "tcp" { tls_disable = 1 tls_cert_file = "/c" max_request_size = -1 }\n${STORAGE}`,
  );
  assert.deepEqual(warnings, [
    'vault.hcl:1:34: listener "tcp": tls_cert_file has no effect, because tls_disable is true',
    'vault.hcl:1:55: listener "tcp": the limit cannot be switched off; the default of 32 MiB holds',
  ]);
});

test('what a listener asks of TLS, takes as JSON and does not serve', async () => {
  const listen = async (keys: string) => {
    const { config, warnings } = await load(`listener "tcp" { ${keys} }\n${STORAGE}`);
    return { listener: config.listeners[0], warnings };
  };
  const files = 'tls_cert_file = "/c" tls_key_file = "/k"';
  const suites =
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, TLS_RSA_WITH_AES_256_CBC_SHA';
  const tls = await listen(
    `${files} tls_cipher_suites = "${suites}" tls_auto_reload_interval = "1m" tls_key_exchange_preferences = ["X25519MLKEM768", "CurveP256"]`,
  );
  assert.deepEqual(tls.warnings, []);
  const of = tls.listener?.tls;
  assert.ok(of?.disabled === false);
  assert.equal(
    of.cipherSuites?.join(),
    'ECDHE-RSA-AES128-GCM-SHA256,ECDHE-ECDSA-CHACHA20-POLY1305,AES256-SHA',
  );
  assert.equal(of.lookEveryMs, 60_000);
  assert.deepEqual(of.keyExchanges, ['X25519MLKEM768', 'P-256']);
  const off = (await listen(`${files} tls_auto_reload = false`)).listener?.tls;
  assert.equal(off?.disabled === false && off.lookEveryMs, 0);
  const limits = await listen(
    `tls_disable = 1 max_json_depth = 5 max_json_string_value_length = 6 max_json_object_entry_count = 7
     max_json_array_element_count = -1 max_json_token = 0 max_request_json_strings = 8 max_request_json_memory = 9
     max_token_header_size = 10 disable_unauthed_generate_root_endpoints = true disable_unauthed_rekey_endpoints = "1"`,
  );
  assert.deepEqual(limits.warnings, []);
  assert.deepEqual(limits.listener?.jsonLimits, {
    depthMax: 5,
    stringBytesMax: 6,
    objectEntriesMax: 7,
    arrayElementsMax: Number.POSITIVE_INFINITY,
    tokensMax: 500_000,
    stringsMax: 8,
    memoryBytesMax: 9,
  });
  assert.equal(limits.listener.tokenHeaderBytesMax, 10);
  assert.deepEqual(limits.listener.closedPaths, [
    'sys/generate-root/',
    'sys/rekey/',
    'sys/rekey-recovery-key/',
  ]);
  const deep = await listen('tls_disable = 1 max_json_depth = 300');
  assert.match(deep.warnings.join(), /to a depth of 64 and no deeper/);
  assert.equal(deep.listener?.jsonLimits.depthMax, 64);
  for (const [keys, expected] of [
    [`${files} tls_cipher_suites = "TLS_RSA_WITH_RC4_128_SHA"`, /RC4_128_SHA": this cipher suite is unknown/],
    [`${files} tls_cipher_suites = "TLS_RSA_WITH_CHACHA20_POLY1305"`, /unknown or not offered/],
    [`${files} tls_key_exchange_preferences = "CurveP224"`, /CurveP224": this key exchange is unknown/],
    [`${files} tls_auto_reload_interval = "1s"`, /must be at least 5s/],
    [`${files} tls_require_and_verify_client_cert = 1`, /set tls_client_ca_file/],
    ['tls_disable = 1 proxy_protocol_behavior = "use_always"', /let the balancer send X-Forwarded-For/],
    ['tls_disable = 1 disable_unauthed_generate_root_endpoint = true', /too close to a security setting/],
  ] as const) {
    const lines = await faults(`listener "tcp" { ${keys} }\n${STORAGE}`);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', expected);
  }
  const headers = await listen(
    `tls_disable = 1 custom_response_headers {
       default = { "X-Vault-Own" = "a" "Content-Length" = "1" "X-Empty" = "" "X-Kept" = "b" } }`,
  );
  assert.equal(headers.warnings.length, 3);
  assert.deepEqual(headers.listener?.customResponseHeaders[0]?.headers, [{ name: 'X-Kept', value: 'b' }]);
});

test('audit devices, in HCL and in JSON', async () => {
  const devices = async (files: Record<string, string>) =>
    (await load(files, { strict: true })).config.auditDevices;
  const hcl = `${BASE}
    audit "file" "to-file" { description = "d" options { file_path = "/a.log" mode = 600 log_raw = true } }
    audit "stdout" { local = true }
    audit { type = "socket" path = "far/away/" options = { address = "a:1" } }`;
  const expected = [
    {
      type: 'file',
      path: 'to-file/',
      description: 'd',
      local: false,
      options: { file_path: '/a.log', mode: '600', log_raw: 'true' },
    },
    { type: 'stdout', path: 'stdout/', description: '', local: true, options: {} },
    { type: 'socket', path: 'far/away/', description: '', local: false, options: { address: 'a:1' } },
  ];
  assert.deepEqual(await devices({ 'vault.hcl': hcl }), expected);
  const json = {
    audit: [
      {
        file: {
          'to-file': { description: 'd', options: { file_path: '/a.log', mode: 600, log_raw: true } },
        },
      },
      { type: 'stdout', local: true },
      { socket: { 'far/away': { options: { address: 'a:1' } } } },
    ],
  };
  assert.deepEqual(await devices({ 'a.hcl': BASE, 'b.json': JSON.stringify(json) }), expected);
  assert.equal((await load(`${BASE}unsafe_allow_api_audit_creation = false`)).config.apiAuditCreation, false);
  for (const [stanza, words] of [
    ['audit "pigeon" "a" {}', /the type "pigeon" is not known; there are: file, stdout, socket/],
    ['audit "file" "a b" {}', /the path of an audit device is/],
    ['audit "file" "a" { type = "file" }', /type is given by the label "file" already/],
    ['audit "file" "a" {}\naudit "stdout" "a" {}', /the path "a\/" is taken/],
    ['audit "file" "a" { options { list = ["x"] } }', /option "list" must be text, found a list/],
    ['audit "file" "a" "b" {}', /two labels/],
  ] as const) {
    const lines = await faults(`${BASE}${stanza}`);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', words);
  }
  assert.match(
    (await load(`${BASE}audit "file" "a" { descripton = "x" }`)).warnings.join(),
    /did you mean description/,
  );
});

test('the vault, its name and its cloud', async () => {
  const uri = async (keys: string, env = {}) => {
    const { seal: config } = await sealOf(keys, env);
    return [config.vaultUri, config.vaultName, config.environment.name, config.authorityHost];
  };
  const {
    name: publicCloud,
    government,
    china,
  } = { name: 'AzurePublicCloud', government: 'AzureUSGovernment', china: 'AzureChinaCloud' };
  assert.deepEqual(await uri('vault_name = "KV-a"'), [
    'https://kv-a.vault.azure.net/',
    'kv-a',
    publicCloud,
    undefined,
  ]);
  assert.deepEqual(await uri('vault_uri = "https://kv-a.vault.azure.net:443/"'), [
    'https://kv-a.vault.azure.net/',
    'kv-a',
    publicCloud,
    undefined,
  ]);
  assert.deepEqual(
    await uri(
      'vault_uri = "https://kv.vault.localhost:8443"\n authority_host = "https://login.localhost:9/"',
    ),
    ['https://kv.vault.localhost:8443/', 'kv', publicCloud, 'https://login.localhost:9'],
  );
  assert.deepEqual(await uri('vault_name = "kv-a"\n environment = "AZUREUSGOVERNMENTCLOUD"'), [
    'https://kv-a.vault.usgovcloudapi.net/',
    'kv-a',
    government,
    undefined,
  ]);
  assert.deepEqual(await uri('vault_name = "kv-a"\n environment = "AzureChinaCloud"'), [
    'https://kv-a.vault.azure.cn/',
    'kv-a',
    china,
    undefined,
  ]);
  assert.deepEqual(await uri('vault_name = "kv-a"\n resource = "managedhsm.azure.net"'), [
    'https://kv-a.managedhsm.azure.net/',
    'kv-a',
    publicCloud,
    undefined,
  ]);
  // The webhook of AKS sets the authority of the cloud itself: that overrides nothing.
  assert.deepEqual(
    await uri('vault_name = "kv-a"', { AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/' }),
    ['https://kv-a.vault.azure.net/', 'kv-a', publicCloud, undefined],
  );
});

test('faults of the seal', async () => {
  const table: [keys: string, expected: RegExp[]][] = [
    ['', [/^vault.hcl:6:1: seal "azurekeyvault": vault_name or vault_uri is missing/]],
    [
      'vault_name = "kva"\nvault_uri = "https://kvb.vault.azure.net"',
      [/vault_name = "kva", but vault_uri names the vault "kvb"/],
    ],
    ['vault_name = "https://kva.vault.azure.net"', [/is no vault's name: 3 to 24/]],
    ['vault_name = "-kv"', [/is no vault's name/]],
    ['vault_uri = "http://kva.vault.azure.net"', [/vault_uri: expected a URL that starts with https:\/\//]],
    ['vault_uri = "https://kva.vault.azure.net/secrets/x"', [/must end behind the host and port/]],
    [
      'vault_uri = "https://kva.vault.azure.cn"',
      [/vault_uri is in AzureChinaCloud, but the environment is AzurePublicCloud/],
    ],
    [
      'vault_uri = "https://kva.vault.azure.net"\nresource = "managedhsm.azure.net"',
      [/resource = "managedhsm.azure.net", but vault_uri points to/],
    ],
    [
      'vault_name = "kva"\nresource = "https://vault.azure.net"',
      [/is no host suffix such as vault.azure.net/],
    ],
    [
      'vault_name = "kva"\nenvironment = "AzureGermanCloud"',
      [/there are: AzurePublicCloud, AzureUSGovernment, AzureChinaCloud/],
    ],
    [
      'vault_name = "kva"\nkey_name = "k"\nsecret_name = "s"',
      [/^vault.hcl:8:1: .*key_name and secret_name are both set/],
    ],
    ['vault_name = "kva"\nsecret_name = "a_b"', [/Azure allows 1 to 127 letters, digits and dashes/]],
    [
      'vault_name = "kva"\nuse_managed_identity = true\nclient_secret = "hunter2"\ntenant_id = "t"\nclient_id = "c"',
      [/exclude each other/],
    ],
    [
      'vault_name = "kva"\nclient_secret = "hunter2"',
      [/client_secret needs tenant_id/, /client_secret needs client_id/],
    ],
    ['vault_name = "kva"\nuse_managed_identity = false', [/leaves no way to sign in/]],
    [
      'vault_name = "kva"\nauth_method = "environment"',
      [/auth_method: "environment" is not known; there are: client_secret, certificate, workload_identity, /],
    ],
    [
      'vault_name = "kva"\nuse_managed_identity = true\nauth_method = "certificate"',
      [/use_managed_identity = true, but auth_method = "certificate"/],
    ],
    ['vault_name = "kva"\nmanaged_id_kind = "object_id"', [/there are: client_id, resource_id/]],
    ['vault_name = "kva"\ncert_bytes = "AAAA"', [/cert_bytes is not in this version; put the PEM in a file/]],
    [
      'vault_name = "kva"\ncert_path = "/a"\nclient_certificate_path = "/a"\ntenant_id = "t"\nclient_id = "c"',
      [/cert_path and client_certificate_path are the same; keep one/],
    ],
    [
      'vault_name = "kva"\nfederated_token_file = "token"\ntenant_id = "t"\nclient_id = "c"',
      [/federated_token_file: expected a full path, from \//],
    ],
    [
      'vault_name = "kva"\nfederated_token_file = "/t"\nauth_method = "managed_identity"',
      [/federated_token_file and auth_method = "managed_identity" exclude each other/],
    ],
    [
      'vault_name = "kva"\nclient_certificate_path = "/c"',
      [/client_certificate_path needs tenant_id/, /client_certificate_path needs client_id/],
    ],
    ['vault_name = "kva"\nclient_id = "env://MISSING"', [/client_id: the variable MISSING is not set/]],
    [
      'vault_name = "kva"\nclient_id = "file:///nowhere/id"',
      [/client_id: the file \/nowhere\/id cannot be read \(ENOENT\)/],
    ],
    ['vault_name = "kva"\nclient_id = "file://id"', [/expected file:\/\/ and a full path/]],
    ['vault_name = "kva"\nclient_id = "not an id"', [/client_id: not an id/]],
    [
      'vault_name = "kva"\nclient_secret = 12345\ntenant_id = "t"\nclient_id = "c"',
      [/client_secret must be text in double quotes$/],
    ],
    [
      'vault_name = "kva"\nimds_endpoint = "ftp://x"',
      [/imds_endpoint: expected a URL that starts with http:\/\/ or https:\/\//],
    ],
    ['vault_name = "kva"\nvault_name = "kva"', [/vault_name is set twice, first at vault.hcl:7:1/]],
    ['vault_name = "kva"\nadopt = "perhaps"', [/adopt must be true or false/]],
  ];
  for (const [keys, expected] of table) {
    const lines = await faults(seal(keys));
    assert.equal(lines.length, expected.length, `${keys}\n${lines.join('\n')}`);
    for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern);
    assert.doesNotMatch(lines.join('\n'), /hunter2|12345|not an id"/);
  }
});

test('the seal: the stanza wins over the environment, and a note names both where they differ', async () => {
  const env = {
    AZURE_TENANT_ID: 'tenant-env',
    AZURE_CLIENT_ID: 'client-env',
    AZURE_CLIENT_SECRET: 'hunter2',
    VAULT_AZUREKEYVAULT_VAULT_NAME: 'kv-env',
    VAULT_AZUREKEYVAULT_KEY_NAME: 'key-env',
    VAULT_SEAL_TYPE: 'awskms',
  };
  const stanza = await sealOf(
    'tenant_id = "tenant-env"\n client_id = "client-file"\n vault_uri = "https://kv-file.vault.azure.net"\n secret_name = "s"',
    env,
  );
  assert.deepEqual(
    [stanza.seal.tenantId, stanza.seal.clientId, stanza.seal.vaultName, stanza.seal.keyName],
    ['tenant-env', 'client-file', 'kv-file', undefined],
  );
  assert.deepEqual(stanza.notes, [
    'seal "azurekeyvault" (vault.hcl:6:1) is used; VAULT_SEAL_TYPE = "awskms" is set too and ignored',
    'seal "azurekeyvault": client_id = "client-file" (vault.hcl:8:2) is used; AZURE_CLIENT_ID = "client-env" is set too and ignored',
    'seal "azurekeyvault": client_secret comes from AZURE_CLIENT_SECRET',
    'seal "azurekeyvault": vault_uri (vault.hcl:9:2) is used; VAULT_AZUREKEYVAULT_VAULT_NAME = "kv-env" is set too and ignored',
    'seal "azurekeyvault": secret_name (vault.hcl:10:2) is used; VAULT_AZUREKEYVAULT_KEY_NAME = "key-env" is set too and ignored',
  ]);
  // From the environment alone.
  const { config, notes } = await load(BASE, { env: { ...env, VAULT_SEAL_TYPE: 'azurekeyvault' } });
  assert.deepEqual(
    [config.seal?.tenantId, config.seal?.clientId, config.seal?.vaultUri, config.seal?.keyName],
    ['tenant-env', 'client-env', 'https://kv-env.vault.azure.net/', 'key-env'],
  );
  assert.equal(notes.length, 6);
  assert.deepEqual(await faults(BASE, { env: { VAULT_SEAL_TYPE: 'azurekeyvault' } }), [
    'VAULT_SEAL_TYPE: seal "azurekeyvault": vault_name or vault_uri is missing',
  ]);
  assert.deepEqual(await faults(BASE, { env: { VAULT_SEAL_TYPE: 'transit' } }), [
    'seal type "transit" is not in this version; there is: azurekeyvault',
  ]);
  const deaf = await sealOf('vault_name = "kv-file"\n disallow_env_vars = true', env);
  assert.deepEqual([deaf.seal.clientId, deaf.notes.length], [undefined, 1]);
});

test('env:// and file:// for ids and for the client secret, which is never shown', async () => {
  const idFile = join(folder, 'client-id');
  await writeFile(idFile, 'client-from-file\n');
  const keys = `vault_name = "kva"\n tenant_id = "env://MY_TENANT"\n client_id = "file://${idFile}"`;
  const { seal: ids } = await sealOf(keys, { MY_TENANT: 'tenant-from-env' });
  assert.deepEqual(
    [ids.tenantId, ids.clientId, ids.authMethod],
    ['tenant-from-env', 'client-from-file', undefined],
  );
  const fromEnv = await sealOf(`${keys}\n client_secret = "env://MY_SECRET"`, {
    MY_TENANT: 't',
    MY_SECRET: 'hunter2',
  });
  assert.deepEqual(fromEnv.seal.clientSecret, { from: 'env', name: 'MY_SECRET' });
  const fromFile = await sealOf(`${keys}\n client_secret = "file:///run/secret"`, { MY_TENANT: 't' });
  assert.deepEqual(fromFile.seal.clientSecret, { from: 'file', path: '/run/secret' });
  const inline = await sealOf(`${keys}\n client_secret = "hunter2"`, { MY_TENANT: 't' });
  assert.doesNotMatch(JSON.stringify(inline), /hunter2/);
  assert.deepEqual(inline.notes, [
    'seal "azurekeyvault": client_secret stands in the config file itself; env://NAME or file:///path keeps it out',
  ]);
  assert.ok(inline.seal.clientSecret?.from === 'text');
  assert.equal(Buffer.from(inline.seal.clientSecret.value.expose()).toString(), 'hunter2');
});

test('how to sign in: names of the SDKs and of OpenBao, and the stanza in front of the environment', async () => {
  const env = {
    VAULT_SEAL_TYPE: 'azurekeyvault',
    VAULT_AZUREKEYVAULT_VAULT_NAME: 'kv-env',
    AZURE_TENANT_ID: 't',
    AZURE_CLIENT_ID: 'c',
    AZURE_CLIENT_SECRET: 'hunter2',
    AZURE_CLIENT_CERTIFICATE_PATH: '/run/cert.pem',
    VAULT_AZUREKEYVAULT_CERTIFICATE_PASSWORD: 'hunter2',
    AZURE_FEDERATED_TOKEN_FILE: '/run/token',
    AZURE_AUTHORITY_HOST: 'https://login.example.org/',
    VAULT_AZUREKEYVAULT_AUTH_METHOD: 'workload_identity',
    VAULT_AZUREKEYVAULT_MANAGED_IDENTITY_KIND: 'resource_id',
    VAULT_AZUREKEYVAULT_RESOURCE_ID: '/subscriptions/s/identity',
  };
  const { config, notes } = await load(BASE, { env });
  assert.deepEqual(config.seal, {
    type: 'azurekeyvault',
    name: 'azurekeyvault',
    tenantId: 't',
    clientId: 'c',
    authMethod: 'workload_identity',
    clientSecret: { from: 'env', name: 'AZURE_CLIENT_SECRET' },
    certificatePath: '/run/cert.pem',
    certificatePassword: { from: 'env', name: 'VAULT_AZUREKEYVAULT_CERTIFICATE_PASSWORD' },
    federatedTokenFile: '/run/token',
    managedIdentityKind: 'resource_id',
    resourceId: '/subscriptions/s/identity',
    vaultUri: 'https://kv-env.vault.azure.net/',
    vaultName: 'kv-env',
    secretName: 'vault-unseal-key',
    environment: config.seal?.environment,
    authorityHost: 'https://login.example.org',
    audience: undefined,
    caCertFile: undefined,
    imdsEndpoint: undefined,
    adopt: false,
    disabled: false,
  });
  assert.doesNotMatch(notes.join('\n'), /hunter2/);

  const { seal: stanza, notes: said } = await sealOf(
    'vault_name = "kv-file"\n federated_token_file = "/file/token"\n auth_method = "default"',
    { ...env, VAULT_AZUREKEYVAULT_AUTH_METHOD: '' },
  );
  assert.deepEqual(
    [stanza.authMethod, stanza.clientSecret, stanza.certificatePath, stanza.federatedTokenFile],
    [undefined, undefined, undefined, '/file/token'],
  );
  for (const name of ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_FEDERATED_TOKEN_FILE']) {
    const line = said.filter((note) => note.includes(name));
    assert.equal(line.length, 1, name);
    assert.match(
      line[0] ?? '',
      /federated_token_file.* \(vault.hcl:8:2\) is used; .* is set too and ignored$/,
    );
  }
  const openBao = await sealOf(
    'vault_name = "kva"\n tenant_id = "t"\n client_id = "c"\n cert_path = "/c.pem"',
  );
  assert.equal(openBao.seal.certificatePath, '/c.pem');
  const managed = await sealOf('vault_name = "kva"\n use_managed_identity = true', env);
  assert.equal(managed.seal.authMethod, 'managed_identity');
  const byEnv = await sealOf('vault_name = "kva"\n use_managed_identity = false', {
    ...env,
    VAULT_AZUREKEYVAULT_AUTH_METHOD: '',
  });
  assert.deepEqual([byEnv.seal.authMethod, byEnv.seal.clientSecret?.from], [undefined, 'env']);
  const deaf = await sealOf('vault_name = "kva"\n disallow_env_vars = true', env);
  assert.deepEqual([deaf.seal.clientSecret, deaf.seal.federatedTokenFile], [undefined, undefined]);
});

test('several files and folders: later scalars win with a note, listeners add up, a second storage is fatal', async () => {
  const files = {
    'conf/20-b.hcl': 'log_level = "debug"\nlistener "tcp" { address = "127.0.0.1:9200" tls_disable = 1 }',
    'conf/10-a.hcl': `log_level = "error"\n${BASE}`,
    'conf/30-c.json': '{"ui": true}',
    'conf/.hidden.hcl': 'not read',
    'conf/readme.txt': 'not read',
    'conf/deep.hcl/x.hcl': 'not read',
    'last.hcl': 'log_level = "trace"',
  };
  const { config, notes } = await load(files, { paths: ['conf', 'last.hcl', 'conf/10-a.hcl'] });
  assert.equal(config.logLevel, 'trace');
  assert.equal(config.ui, true);
  assert.deepEqual(
    config.listeners.map(({ address }) => address.port),
    [8200, 9200],
  );
  assert.deepEqual(notes, [
    'conf/10-a.hcl is named twice and read once',
    'conf/20-b.hcl:1:1: log_level replaces the one at conf/10-a.hcl:1:1',
    'last.hcl:1:1: log_level replaces the one at conf/20-b.hcl:1:1',
  ]);
  assert.deepEqual(
    await faults({ 'a.hcl': seal('vault_name = "kva"'), 'b.hcl': `${STORAGE}seal "azurekeyvault" {}` }),
    [
      'b.hcl:1:1: a second storage stanza; the first is at a.hcl:5:1, only one may be',
      'b.hcl:2:1: a second seal stanza; the first is at a.hcl:6:1, only one may be',
    ],
  );
});

test('the environment overrides the rest, as in Vault', async () => {
  const text = `${BASE}log_level = "error"\nui = true\napi_addr = "https://file:1"`;
  const env = {
    VAULT_LOG_LEVEL: 'Debug',
    VAULT_LOG_FORMAT: 'json',
    VAULT_UI: 'false',
    VAULT_REDIRECT_ADDR: 'https://env:1',
    VAULT_CLUSTER_ADDR: 'http://env',
    VAULT_RAFT_NODE_ID: 'n',
  };
  const { config, notes } = await load(text, { env });
  assert.deepEqual([config.logLevel, config.logFormat, config.ui], ['debug', 'json', false]);
  assert.deepEqual([config.apiAddr, config.clusterAddr], ['https://env:1', 'https://env:80']);
  assert.deepEqual(notes, [
    'VAULT_RAFT_NODE_ID is set; accepted, has no effect in this version',
    'vault.hcl:6:1: log_level is overridden by VAULT_LOG_LEVEL = debug',
    'vault.hcl:7:1: ui is overridden by VAULT_UI = false',
    'vault.hcl:8:1: api_addr is overridden by VAULT_REDIRECT_ADDR',
  ]);
  const both = await load(text, { env: { ...env, VAULT_API_ADDR: 'https://api:1' } });
  assert.equal(both.config.apiAddr, 'https://api:1');
  assert.deepEqual(await faults(BASE, { env: { VAULT_API_ADDR: 'x', VAULT_UI: 'maybe' } }), [
    'VAULT_UI = "maybe" must be true or false',
    'VAULT_API_ADDR: expected a URL that starts with https:// or http://',
  ]);
});

test('files that cannot be read are named with the reason', async () => {
  assert.deepEqual(await faults({}, { paths: [] }), [
    'no configuration; name a file or a folder with -config',
  ]);
  assert.deepEqual(await faults({ 'a/x.txt': '' }, { paths: ['gone.hcl', 'a'] }), [
    'gone.hcl: does not exist',
    'a: the folder has no file that ends in .hcl or .json',
  ]);
  assert.deepEqual(await faults({ 'big.hcl': `#${'x'.repeat(1024 * 1024)}` }), [
    'big.hcl: cannot be read (larger than 1048576 bytes)',
  ]);
  await writeFile(join(folder, 'latin1.hcl'), Buffer.from([0x23, 0xe9]));
  await assert.rejects(
    loadConfig({ paths: [join(folder, 'latin1.hcl')], env: {}, strict: false }),
    /latin1.hcl: cannot be read \(not UTF-8 text\)/,
  );
  // A mounted ConfigMap: links through a hidden folder.
  const mounted = join(folder, 'mounted');
  await mkdir(join(mounted, '..data'), { recursive: true });
  await writeFile(join(mounted, '..data', 'a.hcl'), BASE);
  await symlink('..data/a.hcl', join(mounted, 'a.hcl'));
  assert.equal((await loadConfig({ paths: [mounted], env: {}, strict: true })).config.storage.type, 'inmem');
});

test('whatever stands in a file: a config or the list of faults, and never the client secret', async () => {
  const key = fc.constantFrom(
    ...[
      'listener',
      'storage',
      'seal',
      'telemetry',
      'ui',
      'type',
      'tcp',
      'lmdb',
      'azurekeyvault',
      'address',
      'path',
    ],
    ...[
      'tls_disable',
      'client_secret',
      'vault_name',
      'vault_uri',
      'name',
      'custom_response_headers',
      'log_level',
    ],
    ...['__proto__', 'constructor', 'toString', 'environment', 'auth_method', 'hsm', 'audit', 'cluster_id'],
  );
  const scalar = fc.constantFrom<unknown>(
    '',
    'tcp',
    ':1',
    'hunter2',
    'env://hunter2',
    '__proto__',
    'constructor',
    1,
    -1,
    1.5,
    true,
    null,
  );
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie('node')), { maxLength: 6 }).map((pairs) => new Map(pairs)),
    ),
  }));
  const path = join(folder, 'random.json');
  const object = fc
    .array(fc.tuple(key, node), { maxLength: 8 })
    .map((pairs) => new Map<string, unknown>(pairs));
  const env = {
    VAULT_SEAL_TYPE: '__proto__',
    AZURE_ENVIRONMENT: 'constructor',
    VAULT_LOG_LEVEL: '__proto__',
  };
  await fc.assert(
    fc.asyncProperty(object, fc.boolean(), fc.boolean(), async (tree, strict, withEnv) => {
      await writeFile(path, toJson(tree));
      try {
        await loadConfig({ paths: [path], env: withEnv ? env : {}, strict });
      } catch (error) {
        assert.ok(error instanceof LatchkeyError && error.code === 'config_invalid', String(error));
      }
    }),
    { numRuns: 400 },
  );
  const secret = 'hunter2';
  for (const written of [
    `"${secret}`,
    secret,
    `'${secret}'`,
    `["${secret}"]`,
    `{ "${secret}" = 1 }`,
    `"env://${secret}!"`,
  ]) {
    for (const strict of [true, false]) {
      const lines = await faults(seal(`vault_name = "kva"\n client_secret = ${written}`), { strict });
      assert.doesNotMatch(lines.join('\n'), /hunter2/);
    }
  }
});

/** Maps as objects, so that a key such as __proto__ is one like any other. */
function toJson(value: unknown): string {
  if (value instanceof Map) {
    return `{${[...value].map(([key, inner]) => `${JSON.stringify(key)}: ${toJson(inner)}`).join(', ')}}`;
  }
  return Array.isArray(value) ? `[${value.map(toJson).join(', ')}]` : JSON.stringify(value);
}
