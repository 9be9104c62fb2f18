// Reads one `listener "tcp"` stanza.

import type { HclValue } from '../../base/hcl/hcl-tree.ts';
import type { MetricsAccess } from '../metrics-access.ts';
import { isLoopback, parseCidr, parseHostPort, showHostPort } from './addresses.ts';
import type { CustomResponseHeaders, HostPort, ListenerConfig, XForwardedForConfig } from './config.ts';
import type { Findings } from './findings.ts';
import { BELONGS_IN_SEAL, LISTENER_BLOCKS, TCP_LISTENER } from './known-keys.ts';
import { readJsonLimits, readRequestSize, readTokenHeaderSize } from './listener-limits.ts';
import { readTls } from './listener-tls.ts';
import { NO_EFFECT, quote, Stanza } from './stanza.ts';
import { bodies, type TypedStanza } from './stanza-forms.ts';

/** Vault's defaults of the tcp listener page. */
const READ_HEADER_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 300_000;

/** Undefined for a listener that this version does not open, and for one whose faults leave nothing to give. */
export function readListener(
  found: TypedStanza,
  defaultDurationMs: number,
  findings: Findings,
): ListenerConfig | undefined {
  if (found.type === 'unix') {
    findings.warn(found.at, `listener "unix": ${NO_EFFECT}; this version listens on tcp alone`);
    return undefined;
  }
  if (found.type !== 'tcp') {
    const type =
      found.type === undefined ? 'a listener without a type' : `listener type ${quote(found.type)}`;
    findings.fault(found.at, `${type} is not in this version; there is: tcp, as in listener "tcp" { … }`);
    return undefined;
  }
  const title = 'listener "tcp"';
  const stanza = new Stanza(title, found.body, TCP_LISTENER, findings, { elsewhere: BELONGS_IN_SEAL });
  const access = readBlocks(stanza, findings);
  const address = readAddress(stanza, 'address') ?? { host: '127.0.0.1', port: 8200 };
  const clusterAddress = readClusterAddress(stanza, address);
  const tls = readTls(stanza);
  refuseProxyProtocol(stanza);
  const xForwardedFor = readForwardedFor(stanza);
  return {
    type: 'tcp',
    address,
    clusterAddress,
    tls,
    maxRequestSizeBytes: readRequestSize(stanza),
    jsonLimits: readJsonLimits(stanza),
    tokenHeaderBytesMax: readTokenHeaderSize(stanza),
    maxRequestDurationMs: stanza.duration('max_request_duration') || defaultDurationMs,
    httpReadHeaderTimeoutMs: stanza.duration('http_read_header_timeout') ?? READ_HEADER_TIMEOUT_MS,
    httpReadTimeoutMs: stanza.duration('http_read_timeout') ?? READ_TIMEOUT_MS,
    httpWriteTimeoutMs: stanza.duration('http_write_timeout') ?? 0,
    httpIdleTimeoutMs: stanza.duration('http_idle_timeout') ?? IDLE_TIMEOUT_MS,
    ...(xForwardedFor ? { xForwardedFor } : {}),
    customResponseHeaders: readCustomHeaders(stanza, findings),
    closedPaths: readClosedPaths(stanza),
    ...access,
    unauthenticatedSealDetail: stanza.boolean('unauthenticated_seal_detail') ?? isLoopback(address.host),
  };
}

/** Of the blocks inside the stanza: what is shown without a token. */
function readBlocks(
  stanza: Stanza,
  findings: Findings,
): Pick<ListenerConfig, 'openMetrics' | 'openInFlight' | 'metricsAccess'> {
  const isOn = { openMetrics: false, openInFlight: false };
  let metricsAccess: MetricsAccess = { serves: 'all' };
  for (const [name, table] of Object.entries(LISTENER_BLOCKS)) {
    const entry = stanza.entry(name);
    if (!entry) continue;
    for (const body of bodies(entry.value, entry.key, findings)) {
      const block = new Stanza(`${stanza.title} ${name}`, body, table, findings);
      if (name === 'telemetry') metricsAccess = readMetricsAccess(block);
      isOn.openMetrics ||= block.boolean('unauthenticated_metrics_access') ?? false;
      // Vault has the name in the singular in `profiling`, and in the plural in the block of its own.
      isOn.openInFlight ||= block.boolean('unauthenticated_in_flight_request_access') ?? false;
      isOn.openInFlight ||= block.boolean('unauthenticated_in_flight_requests_access') ?? false;
    }
  }
  return { ...isOn, metricsAccess };
}

function readMetricsAccess(block: Stanza): MetricsAccess {
  const none = block.boolean('disallow_metrics') ?? false;
  const alone = block.boolean('metrics_only') ?? false;
  const path = block.string('metrics_path');
  if (none && alone) block.fault('metrics_only', 'metrics_only and disallow_metrics are both true; keep one');
  if (path !== undefined && !alone) block.fault('metrics_path', 'metrics_path goes only with metrics_only');
  if (path !== undefined && !/^\/[\w./-]{1,255}$/.test(path)) {
    block.fault(
      'metrics_path',
      'metrics_path begins with a slash and has letters, digits and _ . - / after it',
    );
  }
  if (alone) return { serves: 'alone', ...(path === undefined ? {} : { path }) };
  return { serves: none ? 'none' : 'all' };
}

function readAddress(stanza: Stanza, key: string): HostPort | undefined {
  const text = stanza.string(key);
  if (text === undefined) return undefined;
  const parsed = parseHostPort(text);
  if ('value' in parsed) return parsed.value;
  stanza.fault(key, `${key} = ${quote(text)}: ${parsed.fault}`);
  return undefined;
}

/** Where the other nodes connect; Vault's default is one port higher than the API. */
function readClusterAddress(stanza: Stanza, address: HostPort): HostPort {
  const explicit = readAddress(stanza, 'cluster_address');
  if (explicit && explicit.port !== 0 && showHostPort(explicit) === showHostPort(address)) {
    stanza.fault(
      'cluster_address',
      `cluster_address equals address (${showHostPort(address)}); give it another port`,
    );
  }
  if (!explicit && address.port === 65_535) {
    stanza.fault(
      'address',
      'the cluster address is one port higher, and 65535 is the last; set cluster_address',
    );
  }
  return explicit ?? { host: address.host, port: address.port === 0 ? 0 : address.port + 1 };
}

/** A balancer that speaks it puts a line before each request, and nothing would work. */
function refuseProxyProtocol(stanza: Stanza): void {
  if (!stanza.has('proxy_protocol_behavior')) return;
  stanza.fault(
    'proxy_protocol_behavior',
    'the PROXY protocol is not in this version; let the balancer send X-Forwarded-For, and set ' +
      'x_forwarded_for_authorized_addrs to its addresses',
  );
}

/** What OpenBao does not serve by default, and Vault before 2.0 always. */
function readClosedPaths(stanza: Stanza): string[] {
  const generateRoot = stanza.boolean('disable_unauthed_generate_root_endpoints') ?? false;
  const rekey = stanza.boolean('disable_unauthed_rekey_endpoints') ?? false;
  return [
    ...(generateRoot ? ['sys/generate-root/'] : []),
    ...(rekey ? ['sys/rekey/', 'sys/rekey-recovery-key/'] : []),
  ];
}

/** Only the address list turns X-Forwarded-For on; the other keys refine it. */
function readForwardedFor(stanza: Stanza): XForwardedForConfig | undefined {
  const key = 'x_forwarded_for_authorized_addrs';
  const authorizedAddrs: string[] = [];
  for (const text of stanza.strings(key) ?? []) {
    const parsed = parseCidr(text);
    if ('value' in parsed) authorizedAddrs.push(parsed.value);
    else stanza.fault(key, `${key}: ${quote(text)}: ${parsed.fault}`);
  }
  const hopSkips = stanza.integer('x_forwarded_for_hop_skips') ?? 0;
  if (hopSkips < 0) stanza.fault('x_forwarded_for_hop_skips', 'x_forwarded_for_hop_skips must be 0 or more');
  const rejectNotPresent = stanza.boolean('x_forwarded_for_reject_not_present') ?? true;
  const rejectNotAuthorized = stanza.boolean('x_forwarded_for_reject_not_authorized') ?? true;
  if (authorizedAddrs.length === 0) return undefined;
  return { authorizedAddrs, hopSkips, rejectNotPresent, rejectNotAuthorized };
}

/** Headers by status, in the order of the file; which of them wins is the listener's business. */
function readCustomHeaders(stanza: Stanza, findings: Findings): CustomResponseHeaders[] {
  const entry = stanza.entry('custom_response_headers');
  if (!entry) return [];
  return bodies(entry.value, entry.key, findings).flatMap((body) =>
    body.entries.flatMap(({ key, value }) => {
      if (!/^(?:default|[1-5]xx|[1-5]\d\d)$/.test(key.text)) {
        findings.fault(
          key.at,
          `custom_response_headers: ${quote(key.text)} is neither default, 2xx nor a status`,
        );
      }
      return bodies(value, key, findings).map((inner) => ({
        status: key.text,
        headers: inner.entries.flatMap((header) => readHeader(header.key.text, header.value, findings)),
      }));
    }),
  );
}

/** Several values of one header are joined with `; `, as Vault joins them. */
function readHeader(name: string, value: HclValue, findings: Findings): { name: string; value: string }[] {
  const items = value.kind === 'list' ? value.items : [value];
  const texts = items.flatMap((item) => (item.kind === 'string' ? [item.value] : []));
  if (texts.length < items.length || texts.length === 0) {
    findings.fault(value.at, `custom_response_headers: ${quote(name)} must be text or a list of texts`);
    return [];
  }
  const joined = texts.join('; ');
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(joined)) {
    findings.fault(
      value.at,
      `custom_response_headers: ${quote(name)} or its value cannot stand in an HTTP header`,
    );
    return [];
  }
  const why = reserved(name) ?? (joined === '' ? 'its value is empty' : undefined);
  if (why !== undefined) {
    findings.warn(value.at, `custom_response_headers: ${quote(name)} is left out; ${why}`);
    return [];
  }
  return [{ name, value: joined }];
}

function reserved(name: string): string | undefined {
  if (/^x-vault-/i.test(name)) return "X-Vault- headers are the server's own";
  // Vault lets them through, and breaks its own answers.
  const framing =
    /^(?:connection|content-(?:encoding|length|type)|date|keep-alive|location|te|trailer|transfer-encoding|upgrade)$/i;
  return framing.test(name) ? 'it says how an answer is to be read, and the server sets it' : undefined;
}
