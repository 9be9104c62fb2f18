// A certificate authority that lives for one run: its private key is not extractable and never leaves this memory.

// @peculiar/x509 does not load without this polyfill.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface Certificates {
  /** The CA certificate, PEM: what clients must trust. */
  caPem: string;
  /** The server's certificate and key, PEM. */
  leafPem: string;
  leafKeyPem: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** 398 days is the longest that strict clients accept for a leaf (CA/Browser Forum BR 6.3.2). */
const LIFETIME_MS = 397 * DAY_MS;

/**
 * Makes a CA and one leaf for localhost, *.vault.localhost, 127.0.0.1 and ::1. EC P-256, valid from an hour ago
 * for 397 days. Strict verifiers (Python 3.13) want keyUsage and a critical basicConstraints on the CA and an
 * authorityKeyIdentifier on the leaf.
 */
export async function makeCertificates(): Promise<Certificates> {
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + LIFETIME_MS);
  const [caKeys, leafKeys] = await Promise.all([generateKeys(false), generateKeys(true)]);
  const caName = `CN=Local Azure CA ${crypto.randomUUID().slice(0, 8)}, O=azure-emulator (not for production)`;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: caName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: caName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: leafKeys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: await leafExtensions(ca, leafKeys.publicKey),
  });
  const leafKey = await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey);
  return {
    caPem: `${ca.toString('pem')}\n`,
    leafPem: `${leaf.toString('pem')}\n`,
    leafKeyPem: x509.PemConverter.encode(leafKey, 'PRIVATE KEY'),
  };
}

export interface ClientCertificatePem {
  /** The certificate, PEM: what an application registers. */
  certificatePem: string;
  /** Private key (PKCS#8) and certificate in one, PEM: what a client holds. A secret. */
  pem: string;
}

/** A self-signed certificate with an RSA 2048 key for an application to prove itself with. */
export async function makeClientCertificate(
  commonName: string,
  validity: { notBefore?: Date; notAfter?: Date } = {},
): Promise<ClientCertificatePem> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const notBefore = validity.notBefore ?? new Date(Date.now() - 3_600_000);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore,
    notAfter: validity.notAfter ?? new Date(notBefore.getTime() + LIFETIME_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const certificatePem = `${certificate.toString('pem')}\n`;
  return { certificatePem, pem: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n${certificatePem}` };
}

async function leafExtensions(ca: x509.X509Certificate, key: CryptoKey): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension([
      { type: 'dns', value: 'localhost' },
      { type: 'dns', value: '*.vault.localhost' },
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
    ]),
    await x509.AuthorityKeyIdentifierExtension.create(ca),
    await x509.SubjectKeyIdentifierExtension.create(key),
  ];
}

function generateKeys(extractable: boolean): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, extractable, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

/** 16 random octets with the top bit clear: positive and never zero (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
