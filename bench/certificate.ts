// A certificate for the servers of a benchmark.

import { generateKeyPairSync, webcrypto } from 'node:crypto';
// First: the certificate library needs its metadata registry before it loads.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** For 127.0.0.1, good for a day. */
export async function makeCertificate(): Promise<Certificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
    notAfter: new Date(Date.now() + 86_400_000),
  });
  return {
    cert: certificate.toString('pem'),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
