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

export function onNetwork(doing: Undertaking, met: Encounter): Verdict {
  const { config } = doing;
  const code = met.networkCode ?? '';
  const slow = met.ended === 'deadline' || code === STAGE_TIMEOUT_CODE;
  const host = `${config.vaultHost}${met.peer === undefined ? '' : ` (${met.peer})`}`;
  // Until TLS is up, no request has left this machine.
  const base = {
    stage: met.stage,
    retry: 'backoff' as const,
    definite: met.stage !== 'key',
    remedy: askVault(config),
  };
  const seconds = (met.ended === 'deadline' ? doing.callMs : doing.stageMs) / 1_000;
  if (DNS_CODES.has(code) || (slow && met.stage === 'dns')) {
    return {
      ...base,
      stage: 'dns',
      class: 'dns_failed',
      sentence: `no address found for ${config.vaultHost} (${slow ? `${seconds} s without an answer` : code}): is the vault's name right, and can this machine resolve it?`,
      remedy: `az keyvault show --name ${config.vaultName} --query properties.vaultUri`,
      definite: true,
    };
  }
  if (slow && met.stage === 'key') return onKeyTimeout(base, host, seconds);
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
  if (UNTRUSTED.test(code)) return onUntrusted(config, base, host, code);
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
      sentence: `the connection to ${host} was cut ${met.stage === 'key' ? 'before the answer was complete' : `during ${met.stage.toUpperCase()}`}`,
    };
  }
  return {
    ...base,
    class: 'unknown',
    sentence: `the call to ${host} failed (${safe(code)})`,
    definite: false,
  };
}

function onKeyTimeout(
  base: Pick<Verdict, 'stage' | 'retry' | 'definite' | 'remedy'>,
  host: string,
  seconds: number,
): Verdict {
  return {
    ...base,
    class: 'keyvault_timeout',
    sentence: `${host} took the request and gave no answer within ${seconds} s`,
  };
}

function onUntrusted(
  config: CheckedConfig,
  base: Pick<Verdict, 'retry' | 'definite'>,
  host: string,
  code: string,
): Verdict {
  const because =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'is for another name'
      : config.caCertPem === undefined
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

export function onCancelled(met: Encounter): Verdict {
  return {
    stage: met.stage,
    class: 'cancelled',
    retry: 'backoff',
    sentence: 'the call to Key Vault was cancelled on this side',
    definite: false,
  };
}
