// Reads the `telemetry` stanza. Vault's page /docs/configuration/telemetry; other sinks than sys/metrics are not in this version.

import type { HclBody } from '../../base/hcl/hcl-tree.ts';
import type { TelemetryConfig } from './config.ts';
import type { Findings } from './findings.ts';
import { keyTable } from './known-keys.ts';
import { Stanza } from './stanza.ts';
import { bodies } from './stanza-forms.ts';

/** Vault's, but for `disable_hostname`: the names that dashboards ask for have no host in them. */
export const TELEMETRY_DEFAULTS: TelemetryConfig = {
  prometheusRetentionMs: 24 * 3_600_000,
  disableHostname: true,
  enableHostnameLabel: false,
  metricsPrefix: 'vault',
  usageGaugePeriodMs: 600_000,
};

const KEYS = keyTable({
  used: 'prometheus_retention_time disable_hostname enable_hostname_label metrics_prefix usage_gauge_period',
  accepted: `add_lease_metrics_namespace_labels add_mount_point_rollback_metrics circonus_api_app
    circonus_api_token circonus_api_url circonus_broker_id circonus_broker_select_tag
    circonus_check_display_name circonus_check_force_metric_activation circonus_check_id
    circonus_check_instance_id circonus_check_search_tag circonus_check_tags
    circonus_submission_interval circonus_submission_url dogstatsd_addr dogstatsd_tags
    filter_default lease_metrics_epsilon maximum_gauge_cardinality num_lease_metrics_buckets
    prefix_filter stackdriver_debug_logs stackdriver_location stackdriver_namespace
    stackdriver_project_id statsd_address statsite_address unauthenticated_metrics_access`,
});

export function readTelemetry(root: HclBody, findings: Findings): TelemetryConfig {
  const found = root.entries
    .filter(({ key }) => key.text.toLowerCase() === 'telemetry')
    .flatMap(({ key, value }) => bodies(value, key, findings).map((body) => ({ key, body })));
  const [first, second] = found;
  if (second !== undefined) findings.fault(second.key.at, 'a second telemetry stanza; only one may be');
  if (first === undefined) return TELEMETRY_DEFAULTS;
  const stanza = new Stanza('telemetry', first.body, KEYS, findings);
  const metricsPrefix = stanza.string('metrics_prefix') ?? TELEMETRY_DEFAULTS.metricsPrefix;
  if (!/^[a-zA-Z_][a-zA-Z0-9_.]{0,63}$/.test(metricsPrefix)) {
    stanza.fault(
      'metrics_prefix',
      'metrics_prefix is 1 to 64 of A-Z a-z 0-9 _ and ., and begins with a letter or _',
    );
  }
  return {
    prometheusRetentionMs:
      stanza.duration('prometheus_retention_time') ?? TELEMETRY_DEFAULTS.prometheusRetentionMs,
    disableHostname: stanza.boolean('disable_hostname') ?? TELEMETRY_DEFAULTS.disableHostname,
    enableHostnameLabel: stanza.boolean('enable_hostname_label') ?? TELEMETRY_DEFAULTS.enableHostnameLabel,
    metricsPrefix,
    usageGaugePeriodMs: stanza.duration('usage_gauge_period') ?? TELEMETRY_DEFAULTS.usageGaugePeriodMs,
  };
}
