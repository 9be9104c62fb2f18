// Reads one `listener "tcp"` stanza.

import type { HclValue } from '../../base/hcl/hcl-tree.ts';
import { REQUEST_BODY_BYTES_MAX } from '../../base/limits.ts';
import { isLoopback, parseCidr, parseHostPort, showHostPort } from './addresses.ts';
import type {
  CustomResponseHeaders,
  HostPort,
  ListenerConfig,
  ListenerTls,
  TlsVersion,
  XForwardedForConfig,
} from './config.ts';
import type { Findings } from './findings.ts';
import { BELONGS_IN_SEAL, LISTENER_BLOCKS, TCP_LISTENER } from './known-keys.ts';
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
  readBlocks(stanza, findings);
  const address = readAddress(stanza, 'address') ?? { host: '127.0.0.1', port: 8200 };
  const clusterAddress = readClusterAddress(stanza, address);
  const tls = readTls(stanza);
  const xForwardedFor = readForwardedFor(stanza);
  return {
    type: 'tcp',
    address,
    clusterAddress,
    tls,
    maxRequestSizeBytes: readRequestSize(stanza),
    maxRequestDurationMs: stanza.duration('max_request_duration') || defaultDurationMs,
    httpReadHeaderTimeoutMs: stanza.duration('http_read_header_timeout') ?? READ_HEADER_TIMEOUT_MS,
    httpReadTimeoutMs: stanza.duration('http_read_timeout') ?? READ_TIMEOUT_MS,
    httpWriteTimeoutMs: stanza.duration('http_write_timeout') ?? 0,
    httpIdleTimeoutMs: stanza.duration('http_idle_timeout') ?? IDLE_TIMEOUT_MS,
    ...(xForwardedFor ? { xForwardedFor } : {}),
    customResponseHeaders: readCustomHeaders(stanza, findings),
    unauthenticatedSealDetail: stanza.boolean('unauthenticated_seal_detail') ?? isLoopback(address.host),
  };
}

/** Blocks inside the stanza have no effect in this version; their names are checked all the same. */
function readBlocks(stanza: Stanza, findings: Findings): void {
  for (const [name, table] of Object.entries(LISTENER_BLOCKS)) {
    const entry = stanza.entry(name);
    if (!entry) continue;
    for (const body of bodies(entry.value, entry.key, findings)) {
      new Stanza(`${stanza.title} ${name}`, body, table, findings);
    }
  }
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

/** TLS is on unless it is switched off in words, as in Vault: a forgotten certificate must not mean plain HTTP. */
function readTls(stanza: Stanza): ListenerTls {
  const asked = stanza.boolean('tls_disable');
  const disabled = asked ?? false;
  const certFile = stanza.string('tls_cert_file');
  const keyFile = stanza.string('tls_key_file');
  const clientCaFile = stanza.string('tls_client_ca_file');
  const clientCert = readClientCert(stanza);
  const minVersion = readTlsVersion(stanza, 'tls_min_version') ?? 'TLSv1.2';
  const maxVersion = readTlsVersion(stanza, 'tls_max_version') ?? 'TLSv1.3';
  if (disabled) {
    if (clientCert === 'require') {
      stanza.fault(
        'tls_require_and_verify_client_cert',
        'client certificates are required, but tls_disable is true',
      );
    }
    for (const key of ['tls_cert_file', 'tls_key_file', 'tls_client_ca_file']) {
      if (stanza.has(key)) stanza.warn(key, `${key} has no effect, because tls_disable is true`);
    }
    return { disabled };
  }
  if (minVersion > maxVersion) stanza.fault('tls_min_version', 'tls_min_version is above tls_max_version');
  for (const key of ['tls_cert_file', 'tls_key_file']) {
    // A tls_disable that is no boolean has its own fault, and may have meant true.
    const unclear = stanza.has('tls_disable') && asked === undefined;
    if (!stanza.has(key) && !unclear)
      stanza.fault('tls_disable', `${key} is missing; set it, or tls_disable = true for plain HTTP`);
  }
  const files = {
    disabled,
    certFile: certFile ?? '',
    keyFile: keyFile ?? '',
    clientCert,
    minVersion,
    maxVersion,
  };
  return clientCaFile === undefined ? files : { ...files, clientCaFile };
}

function readClientCert(stanza: Stanza): 'require' | 'request' | 'ignore' {
  const require = stanza.boolean('tls_require_and_verify_client_cert') ?? false;
  const ignore = stanza.boolean('tls_disable_client_certs') ?? false;
  if (require && ignore) {
    stanza.fault(
      'tls_disable_client_certs',
      'tls_disable_client_certs and tls_require_and_verify_client_cert are both true; keep one',
    );
  }
  if (require) return 'require';
  return ignore ? 'ignore' : 'request';
}

/** Node's TLS library refuses to speak what RFC 8996 has retired, so that a low minimum is raised, not obeyed. */
function readTlsVersion(stanza: Stanza, key: string): TlsVersion | undefined {
  const asked = stanza.choice(key, {
    tls10: 'old',
    tls11: 'old',
    tls12: 'TLSv1.2',
    tls13: 'TLSv1.3',
  } as const);
  if (asked !== 'old') return asked;
  if (key === 'tls_min_version')
    stanza.warn(key, 'versions before TLS 1.2 are not offered; tls12 is the lowest');
  else stanza.fault(key, 'versions before TLS 1.2 are not offered, so nothing could connect; tls12 or tls13');
  return undefined;
}

/** Vault takes a negative size as no limit. Every foreign input has one here. */
function readRequestSize(stanza: Stanza): number {
  const size = stanza.integer('max_request_size') ?? 0;
  if (size < 0)
    stanza.warn('max_request_size', 'the limit cannot be switched off; the default of 32 MiB holds');
  return size > 0 ? size : REQUEST_BODY_BYTES_MAX;
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
  if (/^x-vault-/i.test(name)) {
    findings.warn(
      value.at,
      `custom_response_headers: ${quote(name)} is left out; X-Vault- headers are the server's own`,
    );
    return [];
  }
  return [{ name, value: joined }];
}
