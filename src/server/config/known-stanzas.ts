// Known keys of storage stanzas, and of the stanzas that this version accepts without effect.

import { type KeyTable, keyTable } from './known-keys.ts';

const EVERY_STORAGE = 'advertise_addr cluster_addr disable_clustering ha_enabled max_parallel redirect_addr';
const TLS_FILES = 'tls_ca_file tls_cert_file tls_key_file tls_min_version tls_skip_verify';

/** Storages of this version first; the keys of theirs that have an effect are in `used`. */
export const STORAGES: Readonly<Record<string, KeyTable>> = {
  lmdb: known('', 'type path'),
  inmem: known('disable_transactions max_value_size transaction_max_parallel', 'type'),
  aerospike: known(
    'auth_mode cluster_name hostlist hostname idle_timeout namespace password port set timeout username',
  ),
  alicloudoss: known('access_key bucket endpoint secret_key'),
  azure: known('accountKey accountName arm_endpoint container environment'),
  cassandra: known(`connection_timeout consistency hosts initial_connection_timeout keyspace password
    pem_bundle_file pem_json_file protocol_version simple_retry_policy_retries table tls tls_min_version
    tls_skip_verify username`),
  cockroachdb: known('connection_url ha_table table'),
  consul:
    known(`address check_timeout consistency_mode disable_registration lock_wait_time path scheme service
    service_address service_meta service_tags session_ttl token ${TLS_FILES}`),
  couchdb: known('endpoint password username'),
  dynamodb: known('access_key endpoint read_capacity region secret_key session_token table write_capacity'),
  etcd: known(
    'max_receive_size sync tls_min_version tls_skip_verify',
    `type address discovery_srv discovery_srv_name etcd_api lock_timeout password path request_timeout tls_ca_file tls_cert_file tls_key_file
      username`,
  ),
  file: known('path'),
  foundationdb: known(
    'api_version cluster_file path tls_ca_file tls_cert_file tls_key_file tls_password tls_verify_peers',
  ),
  gcs: known('bucket chunk_size'),
  manta: known('directory key_id subuser url user'),
  mssql: known('appname connectionTimeout database logLevel password port schema server table username'),
  mysql: known(`address database lock_table max_connection_lifetime max_idle_connections password
    plaintext_connection_allowed plaintext_credentials_transmission table tls_ca_file username`),
  oci: known('bucket_name lock_bucket_name namespace_name region'),
  pebbledb: known('path'),
  postgresql: known(
    'auth_mode azure_client_id ha_table max_connect_retries max_idle_connections',
    'type connection_url max_parallel skip_create_table table',
  ),
  raft: known(`apply_delay autopilot_reconcile_interval autopilot_redundancy_zone autopilot_update_interval
    autopilot_upgrade_version leader_api_addr log_store_check_interval max_entry_size
    max_mount_and_namespace_table_entry_size max_transaction_size max_trailing_logs node_id path
    performance_multiplier raft_log_verifier_enabled raft_log_verification_interval raft_wal retry_join
    retry_join_as_non_voter snapshot_delay snapshot_interval snapshot_threshold trailing_logs`),
  s3: known(
    'access_key bucket disable_ssl endpoint kms_key_id path region s3_force_path_style secret_key session_token',
  ),
  spanner: known('database ha_table table'),
  swift: known(
    'auth_token auth_url container domain password project_domain region storage_url tenant tenant_id trust_id username',
  ),
  zookeeper: known(`address auth_info path tls_ca_file tls_cert_file tls_enabled tls_key_file tls_min_version
    tls_skip_verify tls_verify_ip znode_owner`),
};

function known(names: string, used = ''): KeyTable {
  return keyTable({ accepted: `${EVERY_STORAGE} ${names}`, used });
}

export interface AcceptedStanza {
  /** Whether the first label, or the first level of a JSON object, is a type or a name. */
  readonly labelled: boolean;
  /** Undefined: what stands inside is free. */
  readonly keys?: KeyTable;
  /** Tables by type, where they differ. */
  readonly byType?: Readonly<Record<string, KeyTable>>;
}

const SERVICE_REGISTRATIONS: Readonly<Record<string, KeyTable>> = {
  consul: tableOf(`address check_timeout disable_registration scheme service service_address service_meta
    service_tags token ${TLS_FILES}`),
  kubernetes: tableOf('namespace pod_name'),
};

/** Top-level stanzas that are known and have no effect in this version: one warning each. */
export const ACCEPTED_STANZAS: Readonly<Record<string, AcceptedStanza>> = {
  ha_storage: { labelled: true, byType: STORAGES },
  ha_backend: { labelled: true, byType: STORAGES },
  service_registration: { labelled: true, byType: SERVICE_REGISTRATIONS },
  user_lockout: {
    labelled: true,
    keys: tableOf('disable_lockout lockout_counter_reset lockout_duration lockout_threshold'),
  },
  initialize: { labelled: true },
  plugin: { labelled: true, keys: tableOf('args binary_name command env image sha256sum version') },
  entropy: { labelled: true, keys: tableOf('mode seal_name') },
  replication: {
    labelled: false,
    keys: tableOf(`allow_forwarding_via_header allow_forwarding_via_token best_effort_wal_wait_duration
      logshipper_buffer_length logshipper_buffer_size resolver_discover_servers`),
  },
  sentinel: { labelled: false, keys: tableOf('additional_enabled_modules') },
  reporting: {
    labelled: false,
    keys: tableOf('disable_product_usage_reporting license snapshot_retention_time'),
  },
  cloud: {
    labelled: false,
    keys: tableOf('auth_url client_id client_secret hostname hcp_api_address resource_id scada_address'),
  },
  request_limiter: { labelled: false, keys: tableOf('disable') },
  adaptive_overload_protection: { labelled: false, keys: tableOf('disable_write_controller') },
  kms_library: { labelled: true },
  feature_flags: { labelled: false },
  observations: { labelled: false },
};

function tableOf(accepted: string): KeyTable {
  return keyTable({ accepted });
}
