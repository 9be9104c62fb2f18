// Reads a listener's certificate, key and client CA, and says which file is at fault.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { LatchkeyError } from '../base/errors.ts';

/** Paths of PEM files, and what the listener asks of its clients. */
export interface TlsFiles {
  /** The chain, leaf first. */
  readonly cert: string;
  readonly key: string;
  /** Certificates that sign client certificates. */
  readonly clientCa?: string;
  /**
   * `require`: connections without a valid client certificate are closed; needs `clientCa`. `request`, the default as
   * in Vault: asked for, and neither needed nor checked. `ignore`: not asked for.
   */
  readonly clientCert?: 'require' | 'request' | 'ignore';
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Default TLSv1.3. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names. Those of TLS 1.3 are all offered unless one of them is named. Default: Node's. */
  readonly cipherSuites?: readonly string[] | undefined;
  /** OpenSSL's names of groups, best first. Default: Node's. */
  readonly keyExchanges?: readonly string[] | undefined;
}

export const TLS13_SUITES: readonly string[] = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
];

/** @throws LatchkeyError config_invalid if a file is missing, is not PEM, or the key is not the certificate's. */
export async function loadTls(files: TlsFiles): Promise<SecureContextOptions> {
  if (files.clientCert === 'require' && files.clientCa === undefined) {
    throw new LatchkeyError(
      'config_invalid',
      'a listener that requires client certificates needs a client CA file',
    );
  }
  const key = await read(files.key, 'key');
  const cert = await read(files.cert, 'certificate');
  const ca = files.clientCa === undefined ? undefined : await read(files.clientCa, 'client CA');
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: files.minVersion ?? 'TLSv1.2',
    maxVersion: files.maxVersion ?? 'TLSv1.3',
    ...(files.cipherSuites === undefined ? {} : { ciphers: ciphersOf(files.cipherSuites) }),
    ...(files.keyExchanges === undefined ? {} : { ecdhCurve: files.keyExchanges.join(':') }),
    ...(ca === undefined ? {} : { ca }),
  };
  refuseEncrypted(key, files.key);
  if (ca !== undefined) checkAuthority(ca, files.clientCa ?? '');
  try {
    createSecureContext(options);
  } catch (error) {
    throw new LatchkeyError(
      'config_invalid',
      `TLS certificate ${files.cert} and key ${files.key} cannot be used together`,
      { cause: error },
    );
  }
  return options;
}

/** When the leaf that `loadTls` has read runs out, milliseconds since the epoch. */
export function certificateEnd({ cert }: SecureContextOptions): number {
  return cert instanceof Uint8Array ? new X509Certificate(cert).validToDate.getTime() : Number.NaN;
}

/** Nobody is there to type a passphrase when a node restarts by itself. */
function refuseEncrypted(pem: Buffer, path: string): void {
  if (!/^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(pem.toString('latin1')))
    return;
  throw new LatchkeyError(
    'config_invalid',
    `the TLS key file ${path} is encrypted with a passphrase, and there is nobody to ask for it; give a plain key`,
  );
}

/** Go does not let anybody choose among those of TLS 1.3, and Node would switch 1.3 off where none is named. */
function ciphersOf(suites: readonly string[]): string {
  const chosen = suites.some((suite) => TLS13_SUITES.includes(suite));
  return [...(chosen ? [] : TLS13_SUITES), ...suites].join(':');
}

/** Node takes a file without any certificate for an empty list, and would let nobody in. */
function checkAuthority(pem: Buffer, path: string): void {
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new LatchkeyError('config_invalid', `the TLS client CA file ${path} holds no certificate`, {
      cause: error,
    });
  }
}

async function read(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new LatchkeyError('config_invalid', `cannot read the TLS ${what} file ${path} (${code})`, {
      cause: error,
    });
  }
}
