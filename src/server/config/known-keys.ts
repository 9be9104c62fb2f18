// Every key that Vault or OpenBao knows, and ours. Names only; the readers know types. Sources: OpenBao's
// source and configuration pages, older pages for what it dropped, and some of Vault's; a few names of enterprise and
// cloud keys are from memory. A name that is missing costs its user a warning, nothing more.

export interface KeyTable {
  /** Lower-case name → the name as written in the documentation. HCL1 does not look at case. */
  readonly used: ReadonlyMap<string, string>;
  /** Known and without effect in this version. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Mistyping one of these would silently weaken the server, so a near-miss is fatal. */
  readonly guarded: ReadonlySet<string>;
  /** Any unknown key that starts so is fatal too. */
  readonly guardedPrefix?: string;
}

/** Names in one text, with space between. */
interface Names {
  used?: string;
  accepted?: string;
  guarded?: string;
  guardedPrefix?: string;
}

export function keyTable({ used = '', accepted = '', guarded = '', guardedPrefix }: Names): KeyTable {
  const named = (text: string) => new Map(words(text).map((name) => [name.toLowerCase(), name]));
  const built = { used: named(used), accepted: named(accepted), guarded: new Set(words(guarded)) };
  return guardedPrefix === undefined ? built : { ...built, guardedPrefix };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

export const TOP_LEVEL = keyTable({
  used: `storage backend listener seal cluster_name cluster_id api_addr cluster_addr log_level log_format
    default_lease_ttl max_lease_ttl default_max_request_duration pid_file disable_mlock ui
    unsafe_allow_api_audit_creation
    ha_storage ha_backend telemetry service_registration user_lockout audit initialize plugin entropy replication
    sentinel reporting cloud request_limiter adaptive_overload_protection kms_library feature_flags observations
    hsm kms`,
  accepted: `administrative_namespace_path allow_audit_log_prefixing allow_unauthenticated_workflows cache_size
    cluster_cipher_suites detect_deadlocks disable_cache disable_clustering disable_indexing
    disable_performance_standby disable_printable_check disable_sealwrap disable_sentinel_trace disable_sscts
    disable_standby_reads enable_multiseal enable_post_unseal_trace enable_raw_endpoint
    enable_response_header_hostname enable_response_header_raft_node_id enable_unauthenticated_access
    experiments imprecise_lease_role_tracking introspection_endpoint license license_path log_file
    log_requests_level log_rotate_bytes log_rotate_duration log_rotate_max_files plugin_auto_download
    plugin_auto_register plugin_directory plugin_download_behavior plugin_download_max_size
    plugin_file_permissions plugin_file_uid plugin_tmpdir post_unseal_trace_directory raw_storage_endpoint
    remove_irrevocable_lease_after unsafe_cross_namespace_identity
    unsafe_relative_paths`,
  guarded: 'seal cluster_id',
});

export const TCP_LISTENER = keyTable({
  used: `type address cluster_address tls_disable tls_cert_file tls_key_file tls_client_ca_file tls_min_version
    tls_max_version tls_require_and_verify_client_cert tls_disable_client_certs max_request_size
    max_request_duration http_read_header_timeout http_read_timeout http_write_timeout http_idle_timeout
    x_forwarded_for_authorized_addrs x_forwarded_for_hop_skips x_forwarded_for_reject_not_present
    x_forwarded_for_reject_not_authorized custom_response_headers unauthenticated_seal_detail
    disable_unauthed_generate_root_endpoints disable_unauthed_rekey_endpoints max_json_array_element_count
    max_json_depth max_json_object_entry_count max_json_string_value_length max_json_token
    max_request_json_memory max_request_json_strings max_token_header_size proxy_protocol_behavior
    tls_auto_reload tls_auto_reload_interval tls_cipher_suites tls_key_exchange_preferences telemetry profiling inflight_requests_logging agent_api proxy_api`,
  accepted: `purpose role chroot_namespace cors_allow_credentials cors_allowed_headers cors_allowed_origins
    cors_enabled disable_replication_status_endpoints disable_request_limiter
      
       
       proxy_protocol_authorized_addrs
     redact_addresses redact_cluster_name redact_version require_request_header
    socket_group socket_mode socket_user tls_acme_ca_directory tls_acme_ca_root tls_acme_cache_path
    tls_acme_disable_alpn_challenge tls_acme_disable_http_challenge tls_acme_domains tls_acme_eab_key_id
    tls_acme_eab_mac_key tls_acme_email tls_acme_key_type tls_acme_test_ca_directory 
      tls_prefer_server_cipher_suites
    x_forwarded_for_client_cert_decoders x_forwarded_for_client_cert_header
    x_forwarded_for_client_cert_header_decoders x_forwarded_for_client_cert_keep_not_forwarded
    x_forwarded_for_client_cert_keep_unauthorized`,
  guarded: `disable_unauthed_generate_root_endpoints tls_disable tls_cert_file tls_key_file tls_client_ca_file tls_min_version tls_max_version
    tls_require_and_verify_client_cert tls_disable_client_certs unauthenticated_seal_detail
    x_forwarded_for_authorized_addrs x_forwarded_for_reject_not_present x_forwarded_for_reject_not_authorized`,
  guardedPrefix: 'tls',
});

/** Blocks inside a listener. */
export const LISTENER_BLOCKS: Readonly<Record<string, KeyTable>> = {
  telemetry: keyTable({
    used: 'unauthenticated_metrics_access disallow_metrics metrics_only metrics_path',
    guarded: 'disallow_metrics metrics_only',
  }),
  profiling: keyTable({
    used: 'unauthenticated_in_flight_request_access',
    accepted: 'unauthenticated_pprof_access',
  }),
  inflight_requests_logging: keyTable({ used: 'unauthenticated_in_flight_requests_access' }),
  agent_api: keyTable({ accepted: 'enable_quit' }),
  proxy_api: keyTable({ accepted: 'enable_quit' }),
};

const EVERY_SEAL = `name priority purpose disabled recover health_check_enabled health_check_interval
  health_check_interval_unhealthy health_check_timeout`;

export const AZURE_KEY_VAULT_SEAL = keyTable({
  used: `type name disabled tenant_id client_id client_secret client_certificate_path cert_path cert_bytes cert_password
    federated_token_file managed_id_kind resource_id use_managed_identity auth_method vault_name vault_uri resource
    secret_name key_name environment authority_host audience ca_cert imds_endpoint adopt disallow_env_vars`,
  accepted: `priority purpose recover health_check_enabled health_check_interval health_check_interval_unhealthy
    health_check_timeout key_not_required`,
  guarded: `tenant_id client_id client_secret client_certificate_path cert_path cert_bytes cert_password
    federated_token_file managed_id_kind resource_id use_managed_identity auth_method vault_name vault_uri resource
    secret_name key_name environment authority_host audience ca_cert imds_endpoint adopt disabled
    disallow_env_vars`,
});

/** Stanzas of other seal types, so that a mistyped key in one is still told from a known one. */
export const OTHER_SEALS: Readonly<Record<string, KeyTable>> = seals({
  alicloudkms: 'access_key domain kms_key_id region secret_key auth_type',
  awskms: `access_key assume_role endpoint kms_key_id region role_arn role_session_name secret_key session_token
    shared_creds_filename shared_creds_profile web_identity_token_file disallow_env_vars`,
  gcpckms: 'credentials crypto_key key_ring project region disallow_env_vars user_agent',
  kmip: 'ca_cert client_cert client_key encrypt_alg endpoint kms_key_id server_name timeout tls12_ciphers',
  ocikms: 'auth_type_api_key crypto_endpoint key_id management_endpoint',
  ovhcloud: 'ca_cert client_cert client_key endpoint key_id kms_id token',
  ovhcloudkms: 'ca_cert client_cert client_key endpoint key_id kms_id token',
  pkcs11: `default_hmac_key_label default_key_label disable_software_encryption force_rw_session generate_key
    hmac_key_id hmac_key_label hmac_mechanism key_id key_label lib max_parallel mechanism pin rsa_encrypt_local
    rsa_oaep_hash slot token_label`,
  shamir: '',
  static: 'current_key current_key_id previous_key previous_key_id',
  tcloudpublic: 'access_key identity_endpoint key_id project region secret_key',
  tcloudpublickms: 'access_key identity_endpoint key_id project region secret_key',
  transit: `address disable_renewal key_id_prefix key_name mount_path namespace tls_ca_cert tls_client_cert
    tls_client_key tls_server_name tls_skip_verify token`,
});

function seals(own: Readonly<Record<string, string>>): Record<string, KeyTable> {
  const named = Object.entries(own).map(([type, names]) => [
    type,
    keyTable({ accepted: `${EVERY_SEAL} ${names}` }),
  ]);
  return Object.fromEntries(named) as Record<string, KeyTable>;
}

/** Guarded keys of the stanzas, by name: one that stands in the wrong stanza protects nothing. */
export const BELONGS_IN_LISTENER: ReadonlyMap<string, string> = homes(TCP_LISTENER, 'listener "tcp"');
export const BELONGS_IN_SEAL: ReadonlyMap<string, string> = homes(
  AZURE_KEY_VAULT_SEAL,
  'seal "azurekeyvault"',
);

function homes({ guarded }: KeyTable, home: string): Map<string, string> {
  return new Map([...guarded].map((name) => [name, home]));
}
