// The configuration as sys/config/state/sanitized shows it: Vault's members, and nothing that is a secret or leads to one.
// Vault's API page /api-docs/system/config-state.

import type { JsonObject } from '../../base/json.ts';
import { showHostPort } from './addresses.ts';
import type { ListenerConfig, ServerConfig, TlsVersion } from './config.ts';

/** Members for what this version has no switch for say what it does: nothing is disabled, nothing raw is open. */
const FIXED: JsonObject = {
  cache_size: 0,
  cluster_cipher_suites: '',
  disable_cache: false,
  disable_clustering: false,
  disable_indexing: false,
  disable_performance_standby: true,
  disable_printable_check: false,
  disable_sealwrap: true,
  disable_sentinel_trace: true,
  enable_response_header_hostname: false,
  enable_response_header_raft_node_id: false,
  introspection_endpoint: false,
  log_requests_level: '',
  plugin_directory: '',
  plugin_file_permissions: 0,
  plugin_file_uid: 0,
  raw_storage_endpoint: false,
};

const VERSIONS: Readonly<Record<TlsVersion, string>> = { 'TLSv1.2': 'tls12', 'TLSv1.3': 'tls13' };

export function sanitized(config: ServerConfig): JsonObject {
  const { telemetry, storage, seal } = config;
  return {
    ...FIXED,
    api_addr: config.apiAddr ?? '',
    cluster_addr: config.clusterAddr ?? '',
    cluster_name: config.clusterName ?? '',
    default_lease_ttl: Math.floor(config.defaultLeaseTtlMs / 1_000),
    // Go's duration, which is in nanoseconds.
    default_max_request_duration: config.defaultMaxRequestDurationMs * 1_000_000,
    disable_mlock: config.disableMlock,
    enable_ui: config.ui,
    listeners: config.listeners.map((listener) => ({
      type: listener.type,
      config: sanitizedListener(listener),
    })),
    log_format: config.logFormat,
    log_level: config.logLevel,
    max_lease_ttl: Math.floor(config.maxLeaseTtlMs / 1_000),
    pid_file: config.pidFile ?? '',
    seals: [{ type: seal?.type ?? 'shamir', name: seal?.name ?? 'shamir', disabled: false }],
    storage: {
      type: storage.type,
      cluster_addr: config.clusterAddr ?? '',
      disable_clustering: false,
      redirect_addr: config.apiAddr ?? '',
    },
    telemetry: {
      disable_hostname: telemetry.disableHostname,
      enable_hostname_label: telemetry.enableHostnameLabel,
      metrics_prefix: telemetry.metricsPrefix,
      prometheus_retention_time: telemetry.prometheusRetentionMs * 1_000_000,
      usage_gauge_period: telemetry.usageGaugePeriodMs * 1_000_000,
    },
    ...(config.auditDevices.length === 0
      ? {}
      : { audits: config.auditDevices.map(({ path, type, description }) => ({ path, type, description })) }),
  };
}

function sanitizedListener(listener: ListenerConfig): JsonObject {
  const { tls, xForwardedFor } = listener;
  return {
    address: showHostPort(listener.address),
    cluster_address: showHostPort(listener.clusterAddress),
    max_request_duration: `${listener.maxRequestDurationMs / 1_000}s`,
    max_request_size: listener.maxRequestSizeBytes,
    telemetry: {
      unauthenticated_metrics_access: listener.openMetrics,
      disallow_metrics: listener.metricsAccess.serves === 'none',
      metrics_only: listener.metricsAccess.serves === 'alone',
      metrics_path: listener.metricsAccess.path ?? '',
    },
    inflight_requests_logging: { unauthenticated_in_flight_requests_access: listener.openInFlight },
    tls_disable: tls.disabled,
    ...(tls.disabled
      ? {}
      : {
          tls_cert_file: tls.certFile,
          tls_key_file: tls.keyFile,
          tls_min_version: VERSIONS[tls.minVersion],
          tls_max_version: VERSIONS[tls.maxVersion],
          tls_require_and_verify_client_cert: tls.clientCert === 'require',
          ...(tls.clientCaFile === undefined ? {} : { tls_client_ca_file: tls.clientCaFile }),
        }),
    ...(xForwardedFor === undefined
      ? {}
      : { x_forwarded_for_authorized_addrs: [...xForwardedFor.authorizedAddrs] }),
    unauthenticated_seal_detail: listener.unauthenticatedSealDetail,
  };
}
