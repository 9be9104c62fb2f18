// What a loaded configuration is. Durations are milliseconds, sizes bytes; every default is filled in.

import type { SecretBytes } from '../../base/bytes.ts';
import type { JsonLimits } from '../json-limits.ts';
import type { MetricsAccess } from '../metrics-access.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'standard' | 'json';

export interface ServerConfig {
  readonly clusterName?: string;
  /** A pin, UUID in lower case: compared with the stored cluster id at unseal. */
  readonly clusterId?: string;
  /** URL without a slash at its end, e.g. `https://vault-0:8200`. */
  readonly apiAddr?: string;
  /** Always `https://host:port`. */
  readonly clusterAddr?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly defaultLeaseTtlMs: number;
  readonly maxLeaseTtlMs: number;
  readonly defaultMaxRequestDurationMs: number;
  readonly pidFile?: string;
  /** Memory is never locked by this server; kept so that `sys/config` can show what was asked for. */
  readonly disableMlock: boolean;
  readonly ui: boolean;
  readonly telemetry: TelemetryConfig;
  /** In the order of the files; no two have one path. */
  readonly auditDevices: readonly AuditDeviceConfig[];
  /** May audit devices also be enabled over the API? */
  readonly apiAuditCreation: boolean;
  /** At least one. */
  readonly listeners: readonly ListenerConfig[];
  readonly storage: StorageConfig;
  /** Undefined: no seal stanza and no VAULT_SEAL_TYPE. */
  readonly seal?: AzureKeyVaultSealConfig;
}

export interface TelemetryConfig {
  /** 0: Prometheus' form is switched off. Else without effect: nothing that was counted is forgotten. */
  readonly prometheusRetentionMs: number;
  /** False puts the host's name into those of gauges. */
  readonly disableHostname: boolean;
  /** The label `host` on everything. */
  readonly enableHostnameLabel: boolean;
  readonly metricsPrefix: string;
  /** How often tokens are counted; 0 for never. */
  readonly usageGaugePeriodMs: number;
}

export interface HostPort {
  /** Name or address, IPv6 without brackets; `0.0.0.0` where the config has `:8200`. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
}

export interface ListenerConfig {
  readonly type: 'tcp';
  readonly address: HostPort;
  /** Default: the same host, one port higher (0 if the port is 0). */
  readonly clusterAddress: HostPort;
  readonly tls: ListenerTls;
  readonly maxRequestSizeBytes: number;
  readonly jsonLimits: JsonLimits;
  readonly tokenHeaderBytesMax: number;
  readonly maxRequestDurationMs: number;
  readonly httpReadHeaderTimeoutMs: number;
  readonly httpReadTimeoutMs: number;
  /** 0: without limit. */
  readonly httpWriteTimeoutMs: number;
  readonly httpIdleTimeoutMs: number;
  /** Undefined: X-Forwarded-For is not looked at. */
  readonly xForwardedFor?: XForwardedForConfig;
  readonly customResponseHeaders: readonly CustomResponseHeaders[];
  /** Paths below `/v1/`, ending in `/`, that this listener does not serve. */
  readonly closedPaths: readonly string[];
  /** sys/metrics without a token. */
  readonly openMetrics: boolean;
  readonly metricsAccess: MetricsAccess;
  /** sys/in-flight-req without a token. */
  readonly openInFlight: boolean;
  /** Whether seal-status without a token names identity, action and resource. Default: only on loopback. */
  readonly unauthenticatedSealDetail: boolean;
}

export type ListenerTls = { readonly disabled: true } | ({ readonly disabled: false } & ListenerTlsFiles);

export interface ListenerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM. Set if certificates are required. */
  readonly clientCaFile?: string;
  /** `require`: no connection without a good certificate; `request`: asked for, not needed; `ignore`: not asked. */
  readonly clientCert: 'require' | 'request' | 'ignore';
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL's names; undefined: the default. */
  readonly cipherSuites?: readonly string[];
  /** The same, best first. */
  readonly keyExchanges?: readonly string[];
  /** How often the files are looked at; 0 for never. */
  readonly lookEveryMs: number;
}

/** As `node:tls` spells them. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface XForwardedForConfig {
  /** CIDR blocks, e.g. `10.0.0.0/8`; a single address has /32 or /128. */
  readonly authorizedAddrs: readonly string[];
  /** Hops skipped from the rear. */
  readonly hopSkips: number;
  readonly rejectNotPresent: boolean;
  readonly rejectNotAuthorized: boolean;
}

export interface CustomResponseHeaders {
  /** `default`, `2xx` or `404`. */
  readonly status: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface AuditDeviceConfig {
  readonly type: string;
  /** Ends in `/`. */
  readonly path: string;
  readonly description: string;
  readonly local: boolean;
  readonly options: Readonly<Record<string, string>>;
}

export type StorageConfig =
  | { readonly type: 'lmdb'; readonly path: string }
  | PostgresqlStorageConfig
  | EtcdStorageConfig
  | { readonly type: 'inmem' };

export interface PostgresqlStorageConfig {
  readonly type: 'postgresql';
  /** `postgres://…`; a secret, since it may hold a password. */
  readonly connectionUrl: string;
  /** Prefix of the table names, with an optional schema before a dot. */
  readonly table?: string;
  /** False: the tables must be there. */
  readonly mayCreateTables: boolean;
  readonly connectionsMax?: number;
}

export interface EtcdStorageConfig {
  readonly type: 'etcd';
  /** `http://host:port` or `https://host:port`, of members of one cluster. */
  readonly endpoints: readonly string[];
  /** Begins every key, and ends in a slash. */
  readonly prefix?: string;
  /** PEM files, read anew for each connection. */
  readonly tlsCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly username?: string;
  /** A secret. */
  readonly password?: string;
  readonly leaseMs?: number;
  readonly requestMsMax?: number;
}

export interface AzureKeyVaultSealConfig {
  readonly type: 'azurekeyvault';
  /** Unique among the seals of a node; default `azurekeyvault`. */
  readonly name: string;
  readonly tenantId?: string;
  readonly clientId?: string;
  /** Undefined: the first of these four that is set; the managed identity always is. */
  readonly authMethod?: 'client_secret' | 'certificate' | 'workload_identity' | 'managed_identity';
  /** Not read here, like the files below: the seal reads them anew for each sign-in. */
  readonly clientSecret?: SecretSource;
  /** PEM file with a certificate and its private key. */
  readonly certificatePath?: string;
  readonly certificatePassword?: SecretSource;
  readonly federatedTokenFile?: string;
  /** Which id a managed identity is asked for by, if both are set. */
  readonly managedIdentityKind?: 'client_id' | 'resource_id';
  readonly resourceId?: string;
  /** `https://host[:port]/`. */
  readonly vaultUri: string;
  /** First label of the URI's host. */
  readonly vaultName: string;
  /** The secret variant; has its default even if `keyName` is set, and then means nothing. */
  readonly secretName: string;
  /** Set: the key variant is asked for. */
  readonly keyName?: string;
  readonly environment: AzureEnvironment;
  /** `https://host[:port]`; set only if it overrides the environment's. */
  readonly authorityHost?: string;
  /** Token audience; undefined: learnt from the vault's challenge. */
  readonly audience?: string;
  /** PEM file of the authorities that are trusted for the vault and the login host, in place of the system's. */
  readonly caCertFile?: string;
  /** `http(s)://host[:port][/path]`; set only if it overrides the well-known address. */
  readonly imdsEndpoint?: string;
  /** Take over a secret of that name that belongs to no cluster or to another. */
  readonly adopt: boolean;
  readonly disabled: boolean;
}

export interface AzureEnvironment {
  readonly name: 'AzurePublicCloud' | 'AzureUSGovernment' | 'AzureChinaCloud';
  /** Host suffix of its vaults, without a leading dot. */
  readonly keyVaultSuffix: string;
  /** `https://host`. */
  readonly authorityHost: string;
}

/** Where a secret value comes from. `text` was written into the config file itself. */
export type SecretSource =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'text'; readonly value: SecretBytes };
