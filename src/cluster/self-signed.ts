// One X.509 certificate in DER, signed by its own P-256 key. Every field but serial, dates and key is fixed, which is
// why sixty lines do: a general library costs 145 ms and 21 MB of every node that becomes active.

import { generateKeyPairSync, sign } from 'node:crypto';
import { SecretBytes, utf8 } from '../base/bytes.ts';

export interface SelfSignedRequest {
  /** Subject, issuer and the only DNS name of the certificate. */
  readonly name: string;
  /** 16 bytes; two bits are fixed so that the number is positive and of one length. */
  readonly serial: Uint8Array;
  /** Milliseconds since the Unix epoch. There is no end: RFC 5280 4.1.2.5 writes that as 99991231235959Z. */
  readonly notBefore: number;
}

export interface SelfSigned {
  readonly certificate: Uint8Array;
  /** PKCS #8, DER. The caller wipes it. */
  readonly privateKey: SecretBytes;
}

/** Makes the key and a certificate for servers and clients (RFC 5280; ecdsa-with-SHA256 of RFC 5758). */
export function makeSelfSigned(request: SelfSignedRequest): SelfSigned {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const toSign = tbsCertificate(request, pair.publicKey);
  const signature = sign('sha256', toSign, { key: pair.privateKey, format: 'der', type: 'pkcs8' });
  const certificate = sequence(toSign, ECDSA_WITH_SHA256, tagged(0x03, new Uint8Array(1), signature));
  return { certificate, privateKey: SecretBytes.take(pair.privateKey) };
}

function tbsCertificate({ name, serial, notBefore }: SelfSignedRequest, publicKey: Uint8Array): Uint8Array {
  const number = serial.slice(0, 16);
  number[0] = ((number[0] ?? 0) & 0x7f) | 0x40;
  const distinguished = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, utf8(name)))));
  return sequence(
    tagged(0xa0, tagged(0x02, new Uint8Array([2]))),
    tagged(0x02, number),
    ECDSA_WITH_SHA256,
    distinguished,
    sequence(time(new Date(notBefore)), tagged(0x18, utf8('99991231235959Z'))),
    distinguished,
    publicKey,
    tagged(0xa3, extensions(name)),
  );
}

function extensions(name: string): Uint8Array {
  const digitalSignature = tagged(0x03, new Uint8Array([7, 0x80]));
  return sequence(
    // An empty BasicConstraints says: not an authority.
    sequence(BASIC_CONSTRAINTS, CRITICAL, tagged(0x04, sequence())),
    sequence(KEY_USAGE, CRITICAL, tagged(0x04, digitalSignature)),
    sequence(EXTENDED_KEY_USAGE, tagged(0x04, sequence(SERVER_AUTH, CLIENT_AUTH))),
    sequence(SUBJECT_ALT_NAME, tagged(0x04, sequence(tagged(0x82, utf8(name))))),
  );
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
function time(date: Date): Uint8Array {
  const digits = `${date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? tagged(0x17, utf8(digits.slice(2))) : tagged(0x18, utf8(digits));
}

const COMMON_NAME = oid(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const KEY_USAGE = oid(0x55, 0x1d, 0x0f);
const EXTENDED_KEY_USAGE = oid(0x55, 0x1d, 0x25);
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11);
const SERVER_AUTH = oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01);
const CLIENT_AUTH = oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02);
const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const CRITICAL = tagged(0x01, new Uint8Array([0xff]));

function oid(...encoded: number[]): Uint8Array {
  return tagged(0x06, new Uint8Array(encoded));
}

function sequence(...parts: Uint8Array[]): Uint8Array {
  return tagged(0x30, ...parts);
}

/** Tag, definite length, content (X.690 8.1.3); content up to 65,535 bytes. */
function tagged(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([new Uint8Array([tag, ...length]), ...parts]);
}
