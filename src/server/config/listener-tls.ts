// Reads the tls_* keys of a listener.

import type { Checked } from './addresses.ts';
import { parseCipherSuite, parseKeyExchange } from './cipher-suites.ts';
import type { ListenerTls, TlsVersion } from './config.ts';
import { quote, type Stanza } from './stanza.ts';

const LOOK_EVERY_MS = 5_000;

/** TLS is on unless it is switched off in words, as in Vault: a forgotten certificate must not mean plain HTTP. */
export function readTls(stanza: Stanza): ListenerTls {
  const asked = stanza.boolean('tls_disable');
  const disabled = asked ?? false;
  const certFile = stanza.string('tls_cert_file');
  const keyFile = stanza.string('tls_key_file');
  const clientCaFile = stanza.string('tls_client_ca_file');
  const clientCert = readClientCert(stanza);
  const minVersion = readTlsVersion(stanza, 'tls_min_version') ?? 'TLSv1.2';
  const maxVersion = readTlsVersion(stanza, 'tls_max_version') ?? 'TLSv1.3';
  const cipherSuites = readNames(stanza, 'tls_cipher_suites', parseCipherSuite);
  const keyExchanges = readNames(stanza, 'tls_key_exchange_preferences', parseKeyExchange);
  const lookEveryMs = readAutoReload(stanza);
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
  if (clientCert === 'require' && clientCaFile === undefined) {
    stanza.fault(
      'tls_require_and_verify_client_cert',
      'client certificates are required; set tls_client_ca_file, for any public authority would do without it',
    );
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
    lookEveryMs,
    ...(cipherSuites === undefined ? {} : { cipherSuites }),
    ...(keyExchanges === undefined ? {} : { keyExchanges }),
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

function readNames(
  stanza: Stanza,
  key: string,
  parse: (text: string) => Checked<string>,
): string[] | undefined {
  const names: string[] = [];
  for (const text of stanza.strings(key) ?? []) {
    const parsed = parse(text);
    if ('value' in parsed) names.push(parsed.value);
    else stanza.fault(key, `${key}: ${quote(text)}: ${parsed.fault}`);
  }
  return names.length === 0 ? undefined : names;
}

/** Milliseconds between two looks at the files; 0 for never. On unless it is switched off, for nothing speaks for a
 *  certificate that has run out. OpenBao's smallest interval is ours. */
function readAutoReload(stanza: Stanza): number {
  const on = stanza.boolean('tls_auto_reload') ?? true;
  const key = 'tls_auto_reload_interval';
  const every = stanza.duration(key) ?? LOOK_EVERY_MS;
  if (every < LOOK_EVERY_MS) stanza.fault(key, `${key} must be at least 5s`);
  return on ? every : 0;
}
