// Turns the TLS options into what Node's TLS wants, reading the files they name.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, type SecureContextOptions } from 'node:tls';
import { LatchkeyError } from '../base/errors.ts';
import type { TlsOptions } from './options.ts';

/** Largest file taken for PEM, bytes. */
const PEM_BYTES_MAX = 4 * 1024 * 1024;

export interface Trust extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

/** @throws LatchkeyError config_invalid, naming the file. */
export function loadTrust(options: TlsOptions): Trust {
  const trust: Trust = {
    ca: authorities(options),
    rejectUnauthorized: options.skipVerify !== true,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
  };
  if ((options.certFile === undefined) !== (options.keyFile === undefined)) {
    throw new LatchkeyError('config_invalid', 'both client cert and client key must be provided');
  }
  if (options.certFile === undefined || options.keyFile === undefined) return trust;
  return { ...trust, cert: readPem(options.certFile), key: readPem(options.keyFile) };
}

function authorities(options: TlsOptions): string[] {
  if (options.caFile !== undefined) return [readPem(options.caFile)];
  if (options.caPem !== undefined) return [options.caPem];
  if (options.caFolder !== undefined) return folder(options.caFolder);
  // Node trusts its own list alone unless told otherwise; an operator expects the machine's list as well. Reading
  // that one takes some 80 ms, so it is left out where nothing is verified.
  if (options.skipVerify === true) return [];
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

function folder(path: string): string[] {
  try {
    const found: string[] = [];
    for (const name of readdirSync(path).sort()) {
      const file = join(path, name);
      if (statSync(file).isFile()) found.push(readPem(file));
    }
    return found;
  } catch (error) {
    if (error instanceof LatchkeyError) throw error;
    throw unreadable(path, error);
  }
}

function readPem(path: string): string {
  try {
    if (statSync(path).size > PEM_BYTES_MAX) {
      throw new LatchkeyError('config_invalid', `failed to setup TLS config: "${path}" is too large for PEM`);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof LatchkeyError) throw error;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): LatchkeyError {
  const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new LatchkeyError('config_invalid', `failed to setup TLS config: cannot read "${path}": ${reason}`, {
    cause,
  });
}
