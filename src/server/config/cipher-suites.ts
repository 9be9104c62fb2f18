// Cipher suites and key exchanges: from Go's names, as Vault's users write them, to OpenSSL's.
// https://pkg.go.dev/crypto/tls#pkg-constants and https://pkg.go.dev/crypto/tls#CurveID

import { TLS13_SUITES } from '../tls-files.ts';
import type { Checked } from './addresses.ts';

const CIPHERS: Readonly<Record<string, string>> = {
  AES_128_CBC_SHA: 'AES128-SHA',
  AES_256_CBC_SHA: 'AES256-SHA',
  AES_128_CBC_SHA256: 'AES128-SHA256',
  AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  CHACHA20_POLY1305: 'CHACHA20-POLY1305',
  CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
};

/**
 * OpenSSL's name of one suite of TLS 1.2 or 1.3. RC4 and 3DES, which Go still knows, are refused like a typing error:
 * OpenSSL does not offer them any more.
 */
export function parseCipherSuite(text: string): Checked<string> {
  const name = text.toUpperCase();
  if (TLS13_SUITES.includes(name)) return { value: name };
  const [, exchange, cipher = ''] = /^TLS_(RSA|ECDHE_RSA|ECDHE_ECDSA)_WITH_(\w+)$/.exec(name) ?? [];
  const known = Object.hasOwn(CIPHERS, cipher) ? CIPHERS[cipher] : undefined;
  // Without a key exchange of its own, CHACHA20 exists in TLS 1.3 alone.
  if (known === undefined || (exchange === 'RSA' && cipher.startsWith('CHACHA20'))) {
    return { fault: 'this cipher suite is unknown or not offered any more' };
  }
  return { value: exchange === 'RSA' ? known : `${exchange?.replace('_', '-')}-${known}` };
}

const KEY_EXCHANGES: Readonly<Record<string, string>> = {
  CURVEP256: 'P-256',
  CURVEP384: 'P-384',
  CURVEP521: 'P-521',
  X25519: 'X25519',
  X25519MLKEM768: 'X25519MLKEM768',
  SECP256R1MLKEM768: 'SecP256r1MLKEM768',
  SECP384R1MLKEM1024: 'SecP384r1MLKEM1024',
};

/** OpenSSL's name of one of OpenBao's `tls_key_exchange_preferences`. */
export function parseKeyExchange(text: string): Checked<string> {
  const name = text.toUpperCase();
  const known = Object.hasOwn(KEY_EXCHANGES, name) ? KEY_EXCHANGES[name] : undefined;
  return known === undefined ? { fault: 'this key exchange is unknown' } : { value: known };
}
