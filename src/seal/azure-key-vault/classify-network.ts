// Turns a connection that failed or hung into a verdict: DNS, TCP, TLS, or no answer.

import type { CheckedConfig } from './config.ts';
import { STAGE_TIMEOUT_CODE } from './connection.ts';
import { type Encounter, safe, type Undertaking, type Verdict } from './encounter.ts';

const DNS_CODES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME', 'ENODATA']);
const UNREACHABLE_CODES = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL']);
const UNTRUSTED =
  /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME|PATH_LENGTH)/;

/** Answers without a token, and shows on the way how far DNS, TCP and TLS come. */
export function askVault({ vaultUri }: CheckedConfig): string {
  return `curl -v ${vaultUri}/healthstatus`;
}

/** The far side of a connection, for the sentence. */
export interface Wire {
  readonly host: string;
  /** What the host is, as in "is … right". */
  readonly named: string;
  readonly caCertPem: string | undefined;
  /** Milliseconds that the whole call had, and each of DNS, TCP and TLS. */
  readonly callMs: number;
  readonly stageMs: number;
  /** For what stopped once TLS was up. */
  readonly talking: Pick<Verdict, 'stage'>;
  readonly silent: Pick<Verdict, 'class'>;
  readonly remedy: string;
  readonly nameRemedy: string;
}

export function vaultWire({ config, callMs, stageMs }: Undertaking): Wire {
  return {
    host: config.vaultHost,
    named: "the vault's name",
    caCertPem: config.caCertPem,
    callMs,
    stageMs,
    talking: { stage: 'key' },
    silent: { class: 'keyvault_timeout' },
    remedy: askVault(config),
    nameRemedy: `az keyvault show --name ${config.vaultName} --query properties.vaultUri`,
  };
}

export function onNetwork(wire: Wire, met: Encounter): Verdict {
  const code = met.networkCode ?? '';
  const slow = met.ended === 'deadline' || code === STAGE_TIMEOUT_CODE;
  const host = `${wire.host}${met.peer === undefined ? '' : ` (${met.peer})`}`;
  const talking = met.stage === 'key';
  // Until TLS is up, no request has left this machine.
  const base = {
    stage: talking ? wire.talking.stage : met.stage,
    retry: 'backoff' as const,
    definite: !talking,
    remedy: wire.remedy,
  };
  const seconds = (met.ended === 'deadline' ? wire.callMs : wire.stageMs) / 1_000;
  if (DNS_CODES.has(code) || (slow && met.stage === 'dns')) {
    return {
      ...base,
      stage: 'dns',
      class: 'dns_failed',
      sentence: `no address found for ${wire.host} (${slow ? `${seconds} s without an answer` : code}): is ${wire.named} right, and can this machine resolve it?`,
      remedy: wire.nameRemedy,
      definite: true,
    };
  }
  if (slow && talking) {
    const sentence = `${host} took the request and gave no answer within ${seconds} s`;
    return { ...base, ...wire.silent, sentence };
  }
  if (slow && met.stage === 'tls') {
    return {
      ...base,
      class: 'tls_failed',
      sentence: `the TLS handshake with ${host} did not end within ${seconds} s`,
    };
  }
  if (slow || UNREACHABLE_CODES.has(code)) {
    return {
      ...base,
      class: 'tcp_timeout',
      sentence: `no TCP connection to ${host}${slow ? ` within ${seconds} s` : ` (${code})`}: a firewall, a missing private endpoint or a dead route`,
    };
  }
  if (code === 'ECONNREFUSED') {
    return { ...base, class: 'tcp_refused', sentence: `${host} refused the TCP connection` };
  }
  if (UNTRUSTED.test(code)) return onUntrusted(wire, base, host, code);
  if (/^(?:EPROTO|ERR_SSL|ERR_TLS)/.test(code)) {
    return {
      ...base,
      stage: 'tls',
      class: 'tls_failed',
      sentence: `the TLS handshake with ${host} failed (${safe(code)})`,
    };
  }
  if (/^(?:ECONNRESET|EPIPE|ECONNABORTED|PARSE_ERROR)$/.test(code)) {
    return {
      ...base,
      class: 'tcp_reset',
      sentence: `the connection to ${host} was cut ${talking ? 'before the answer was complete' : `during ${met.stage.toUpperCase()}`}`,
    };
  }
  return {
    ...base,
    class: 'unknown',
    sentence: `the call to ${host} failed (${safe(code)})`,
    definite: false,
  };
}

function onUntrusted(
  { caCertPem }: Wire,
  base: Pick<Verdict, 'retry' | 'definite'>,
  host: string,
  code: string,
): Verdict {
  const because =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'is for another name'
      : caCertPem === undefined
        ? 'was not signed by an authority that this machine knows'
        : 'was not signed by the authority in ca_cert';
  const dated = code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID';
  return {
    ...base,
    stage: 'tls',
    class: 'tls_untrusted',
    sentence: `the certificate of ${host} ${dated ? 'is outside its time, by this machine’s clock' : because} (${safe(code)})`,
    remedy:
      'set ca_cert in the seal stanza to the PEM file of the authority that signed it, if it is one that you trust',
  };
}

export function onCancelled(stage: Verdict['stage'], whom: string): Verdict {
  return {
    stage,
    class: 'cancelled',
    retry: 'backoff',
    sentence: `the call to ${whom} was cancelled on this side`,
    definite: false,
  };
}
