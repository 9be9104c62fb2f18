// A certificate authority for the servers of one test, and certificates under it.

// @peculiar/x509 does not load without this polyfill.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface Authority {
  /** What a client must trust, PEM. */
  readonly caPem: string;
  /** For localhost and 127.0.0.1, PEM. */
  readonly leafPem: string;
  readonly leafKeyPem: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export async function makeAuthority(name = `CN=test ${randomBytes(4).toString('hex')}`): Promise<Authority> {
  const [notBefore, notAfter] = [new Date(Date.now() - 60_000), new Date(Date.now() + 86_400_000)];
  const [caKeys, leafKeys] = await Promise.all([keyPair(), keyPair()]);
  const common = { notBefore, notAfter, signingAlgorithm: ALGORITHM };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: serial(),
    name,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: serial(),
    subject: 'CN=localhost',
    issuer: name,
    publicKey: leafKeys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const leafKey = await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey);
  return {
    caPem: `${ca.toString('pem')}\n`,
    leafPem: `${leaf.toString('pem')}\n`,
    leafKeyPem: x509.PemConverter.encode(leafKey, 'PRIVATE KEY'),
  };
}

function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function serial(): string {
  return `4${randomBytes(15).toString('hex')}`;
}
