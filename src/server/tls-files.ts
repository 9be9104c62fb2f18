// Reads a listener's certificate, key and client CA, and says which file is at fault.

import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { LatchkeyError } from '../base/errors.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The chain, leaf first. */
  readonly cert: string;
  readonly key: string;
  /** Certificates that sign client certificates. With it, clients are asked for one. */
  readonly clientCa?: string;
  /** Connections without a valid client certificate are closed. Needs `clientCa`. */
  readonly requireClientCert?: boolean;
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** @throws LatchkeyError config_invalid if a file is missing, is not PEM, or the key is not the certificate's. */
export async function loadTls(files: TlsFiles): Promise<SecureContextOptions> {
  if (files.requireClientCert && files.clientCa === undefined) {
    throw new LatchkeyError(
      'config_invalid',
      'a listener that requires client certificates needs a client CA file',
    );
  }
  const key = await read(files.key, 'key');
  const minVersion: SecureVersion = files.minVersion ?? 'TLSv1.2';
  const options: SecureContextOptions = {
    cert: await read(files.cert, 'certificate'),
    key,
    minVersion,
    ...(files.clientCa === undefined ? {} : { ca: await read(files.clientCa, 'client CA') }),
  };
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
