// The certificate of one tenure. The active node makes it and keeps it in the barrier; whoever can read it there is
// a member of the cluster. Both ends show this one certificate and accept no other.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { equalConstantTime, SecretBytes, toBase64 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { makeSelfSigned } from './self-signed.ts';
import { CLUSTER_SERVER_NAME } from './wire.ts';

const IDENTITY_FORMAT = 1;
const HEADER_BYTES = 5;
/** So that a node whose clock is behind still accepts it. The pin is what is trusted, not the dates. */
const BACKDATED_MS = 24 * 3_600_000;

export interface TlsCredentials {
  readonly cert: string;
  /** PEM. */
  readonly key: Buffer;
  readonly ca: string;
  readonly minVersion: 'TLSv1.3';
  readonly maxVersion: 'TLSv1.3';
}

/** Owns its private key: `wipe` it at the end of the tenure. Connections and listeners made from it live on. */
export class ClusterIdentity implements Disposable {
  /** DER. Not secret. */
  readonly certificate: Uint8Array;
  /** Hex SHA-256 of the certificate; for logs, and to see that another tenure has begun. */
  readonly fingerprint: string;
  readonly #privateKey: SecretBytes;

  constructor(certificate: Uint8Array, privateKey: SecretBytes) {
    this.certificate = certificate;
    this.fingerprint = createHash('sha256').update(certificate).digest('hex');
    this.#privateKey = privateKey;
  }

  /** Format byte 1, size of the certificate (u16), size of the key (u16), certificate, PKCS #8 key. Big endian. */
  serialize(): SecretBytes {
    const key = this.#privateKey.expose();
    return SecretBytes.fill(HEADER_BYTES + this.certificate.byteLength + key.byteLength, (target) => {
      const view = new DataView(target.buffer);
      view.setUint8(0, IDENTITY_FORMAT);
      view.setUint16(1, this.certificate.byteLength);
      view.setUint16(3, key.byteLength);
      target.set(this.certificate, HEADER_BYTES);
      target.set(key, HEADER_BYTES + this.certificate.byteLength);
    });
  }

  /**
   * For either end: shows this certificate, trusts this certificate alone, TLS 1.3 and nothing older.
   * Good only inside `use`, which makes a context or a server of them; the key's PEM is wiped after it.
   */
  withCredentials<T>(use: (credentials: TlsCredentials) => T): T {
    const certificate = `-----BEGIN CERTIFICATE-----\n${toBase64(this.certificate)}\n-----END CERTIFICATE-----\n`;
    using key = privateKeyPem(this.#privateKey);
    return use({
      cert: certificate,
      key: Buffer.from(key.expose().buffer),
      ca: certificate,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    });
  }

  /** True if the far end showed exactly this certificate; TLS has then proven that it holds the key. */
  isHeldBy(socket: TLSSocket): boolean {
    const shown = socket.getPeerX509Certificate();
    return shown !== undefined && equalConstantTime(shown.raw, this.certificate);
  }

  wipe(): void {
    this.#privateKey.wipe();
  }

  [Symbol.dispose](): void {
    this.wipe();
  }
}

/** A new key and certificate, for one tenure. */
export function createClusterIdentity(parts: {
  readonly random: Random;
  readonly clock: Clock;
}): ClusterIdentity {
  const serial = new Uint8Array(16);
  parts.random.fill(serial);
  const notBefore = parts.clock.now() - BACKDATED_MS;
  const made = makeSelfSigned({ name: CLUSTER_SERVER_NAME, serial, notBefore });
  return new ClusterIdentity(made.certificate, made.privateKey);
}

/**
 * Reads what `serialize` wrote; copies, so that the caller may wipe `bytes`.
 * @throws LatchkeyError storage_corrupt
 */
export function parseClusterIdentity(bytes: Uint8Array): ClusterIdentity {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER_BYTES || view.getUint8(0) !== IDENTITY_FORMAT) throw corrupt();
  const keyAt = HEADER_BYTES + view.getUint16(1);
  if (bytes.byteLength !== keyAt + view.getUint16(3)) throw corrupt();
  const certificate = bytes.slice(HEADER_BYTES, keyAt);
  const privateKey = SecretBytes.copyOf(bytes.subarray(keyAt));
  try {
    const key = createPrivateKey({
      key: Buffer.from(privateKey.expose().buffer),
      format: 'der',
      type: 'pkcs8',
    });
    if (!new X509Certificate(certificate).checkPrivateKey(key)) throw corrupt();
  } catch (error) {
    privateKey.wipe();
    throw error instanceof LatchkeyError ? error : corrupt();
  }
  return new ClusterIdentity(certificate, privateKey);
}

/** Without a cause: OpenSSL's errors may quote what they failed to read. */
function corrupt(): LatchkeyError {
  return new LatchkeyError('storage_corrupt', "the cluster's stored certificate cannot be read");
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PEM_BEGIN = '-----BEGIN PRIVATE KEY-----\n';
const PEM_END = '\n-----END PRIVATE KEY-----\n';

/** PEM (RFC 7468), the only form that Node's TLS takes, made without a string: strings cannot be wiped. */
function privateKeyPem(key: SecretBytes): SecretBytes {
  const der = key.expose();
  const size = PEM_BEGIN.length + Math.ceil(der.byteLength / 3) * 4 + PEM_END.length;
  return SecretBytes.fill(size, (target) => {
    let at = writeAscii(target, 0, PEM_BEGIN);
    for (let from = 0; from < der.byteLength; from += 3) {
      const group = ((der[from] ?? 0) << 16) | ((der[from + 1] ?? 0) << 8) | (der[from + 2] ?? 0);
      const digits = Math.min(3, der.byteLength - from) + 1;
      for (let digit = 0; digit < 4; digit += 1) {
        const code = BASE64.charCodeAt((group >> (18 - 6 * digit)) & 63);
        target[at++] = digit < digits ? code : 0x3d;
      }
    }
    writeAscii(target, at, PEM_END);
  });
}

function writeAscii(target: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) target[at + index] = text.charCodeAt(index);
  return at + text.length;
}
