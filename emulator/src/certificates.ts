// A certificate authority. Mostly it lives for one run: its private key is not extractable and never leaves this memory.
// One that is to be kept lies in the state's file.

// @peculiar/x509 does not load without this polyfill.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { PUBLIC_HOSTS } from './hosts.ts';

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

export interface CertificateOptions {
  /** For the public cloud's names too: needed by clients whose traffic is intercepted. */
  intercept?: boolean;
}

/** A CA that can be kept, so that clients need not be told of a new one at each start. */
export interface CertificateAuthority {
  certificatePem: string;
  /** PKCS#8, PEM. A secret. */
  keyPem: string;
  intercept: boolean;
}

/** What the CA may vouch for, whoever gets hold of it: names at and below these (RFC 5280 4.2.1.10). */
const LOCAL_TREES = ['localhost'];
const PUBLIC_TREES = [...PUBLIC_HOSTS.entra, PUBLIC_HOSTS.arm, PUBLIC_HOSTS.graph, PUBLIC_HOSTS.vaultSuffix];
/** A kept CA that ends sooner than this is not used again. */
const RENEW_MS = 30 * DAY_MS;

interface Authority {
  certificate: x509.X509Certificate;
  privateKey: CryptoKey;
}

/**
 * Makes a CA and one leaf for localhost, *.vault.localhost, 127.0.0.1 and ::1. EC P-256, valid from an hour ago
 * for 397 days. Strict verifiers (Python 3.13) want keyUsage and a critical basicConstraints on the CA and an
 * authorityKeyIdentifier on the leaf.
 */
export async function makeCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const intercept = options.intercept === true;
  return makeLeaf(await makeAuthority(intercept, false), intercept);
}

/** A CA to keep: the one that was kept, as long as it fits and lasts, or a new one. */
export async function keepAuthority(
  kept: CertificateAuthority | undefined,
  intercept: boolean,
): Promise<CertificateAuthority> {
  const ends = kept && new x509.X509Certificate(kept.certificatePem).notAfter.getTime();
  if (kept && kept.intercept === intercept && Number(ends) > Date.now() + RENEW_MS) return kept;
  const { certificate, privateKey } = await makeAuthority(intercept, true);
  const key = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: x509.PemConverter.encode(key, 'PRIVATE KEY'),
    intercept,
  };
}

/** A fresh leaf of a kept CA. */
export async function certificatesOf(authority: CertificateAuthority): Promise<Certificates> {
  const key = x509.PemConverter.decodeFirst(authority.keyPem);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', key, ALGORITHM, false, ['sign']);
  const certificate = new x509.X509Certificate(authority.certificatePem);
  return makeLeaf({ certificate, privateKey }, authority.intercept);
}

async function makeAuthority(intercept: boolean, extractable: boolean): Promise<Authority> {
  const notBefore = new Date(Date.now() - 3_600_000);
  const keys = await generateKeys(extractable);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Local Azure CA ${crypto.randomUUID().slice(0, 8)}, O=azure-emulator (not for production)`,
    notBefore,
    notAfter: new Date(notBefore.getTime() + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      nameConstraints(intercept ? [...LOCAL_TREES, ...PUBLIC_TREES] : LOCAL_TREES),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

async function makeLeaf({ certificate, privateKey }: Authority, intercept: boolean): Promise<Certificates> {
  const keys = await generateKeys(true);
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: certificate.subject,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: privateKey,
    extensions: await leafExtensions(certificate, keys.publicKey, intercept),
  });
  const leafKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    caPem: `${certificate.toString('pem')}\n`,
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

async function leafExtensions(
  ca: x509.X509Certificate,
  key: CryptoKey,
  intercept: boolean,
): Promise<x509.Extension[]> {
  const names = ['localhost', '*.vault.localhost'];
  const { entra, arm, graph, vaultSuffix } = PUBLIC_HOSTS;
  if (intercept) names.push(...entra, arm, graph, `*.${vaultSuffix}`);
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension([
      ...names.map((value) => ({ type: 'dns' as const, value })),
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
    ]),
    await x509.AuthorityKeyIdentifierExtension.create(ca),
    await x509.SubjectKeyIdentifierExtension.create(key),
  ];
}

/** Loopback addresses are permitted as well, and no others. Written out in DER, for which the library has no words. */
function nameConstraints(trees: readonly string[]): x509.Extension {
  const names = trees.map((name) => der(0x82, Buffer.from(name, 'ascii')));
  const loopback = [
    Buffer.from([127, 0, 0, 0, 255, 0, 0, 0]),
    Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(16, 0xff)]),
  ].map((network) => der(0x87, network));
  const subtrees = [...names, ...loopback].map((base) => der(0x30, base));
  const permitted = der(0xa0, Buffer.concat(subtrees));
  return new x509.Extension('2.5.29.30', true, Uint8Array.from(der(0x30, permitted)).buffer);
}

/** Tag, length, value (X.690 8.1). */
function der(tag: number, value: Buffer): Buffer {
  const { length } = value;
  // The shortest form is the only one that DER allows.
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
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
