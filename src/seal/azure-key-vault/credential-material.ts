// What proves who we are: a client secret, a certificate with its key, or a token of the cluster. Read anew for each
// sign-in, so that a rotated file counts without a restart. All of it becomes text of the SDK's, which cannot be wiped.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fromUtf8, type SecretBytes } from '../../base/bytes.ts';
import type { SealFault } from '../seal.ts';
import { makeFault } from './encounter.ts';
import { codeOf } from './metadata-get.ts';

/** Where a secret value comes from. `text` was written into the config file itself. */
export type SecretSource =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'text'; readonly value: SecretBytes };

export interface Reader {
  readonly sealName: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const FILE_BYTES_MAX = 64 * 1024;

/** @throws SealFault credential_unreadable. */
export async function readSecret(reader: Reader, what: string, source: SecretSource): Promise<string> {
  if (source.from === 'text') return fromUtf8(source.value.expose());
  if (source.from === 'file') return await readText(reader, what, source.path);
  const text = reader.env[source.name]?.trim() ?? '';
  if (text === '') throw unreadable(reader, what, `the variable ${source.name}`, 'not set');
  return text;
}

/** Without white space at its ends. @throws SealFault credential_unreadable. */
export async function readText(reader: Reader, what: string, path: string): Promise<string> {
  let text: string;
  try {
    text = fromUtf8(await readLimited(path)).trim();
  } catch (error) {
    throw unreadable(reader, what, path, codeOf(error));
  }
  if (text === '') throw unreadable(reader, what, path, 'empty');
  return text;
}

/**
 * A certificate and its private key, both PEM, in one file.
 * @throws SealFault credential_unreadable, credential_unusable.
 */
export async function readCertificate(
  reader: Reader,
  path: string,
  password: string | undefined,
  nowMs: number,
): Promise<string> {
  const pem = await readText(reader, 'the client certificate', path);
  const wrong = certificateFault(pem, password, nowMs);
  if (wrong !== undefined) throw unusable(reader, `the client certificate in ${path} ${wrong}`);
  return pem;
}

/** @throws SealFault credential_unreadable, credential_unusable if it has not the shape of a JWT. */
export async function readFederatedToken(reader: Reader, path: string): Promise<string> {
  const token = await readText(reader, 'the federated token', path);
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return token;
  throw unusable(reader, `the federated token in ${path} is not a JWT`);
}

/** What completes "the client certificate …". Says nothing of what is in the file. */
function certificateFault(pem: string, password: string | undefined, nowMs: number): string | undefined {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return 'holds no PEM certificate';
  if (!/-----BEGIN (?:\w+ )*PRIVATE KEY-----/.test(pem)) {
    return 'holds no PEM private key; certificate and key must stand in one file';
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return 'cannot be parsed';
  }
  try {
    const key = createPrivateKey({ key: pem, ...(password === undefined ? {} : { passphrase: password }) });
    if (!certificate.checkPrivateKey(key)) return 'does not belong to the private key beside it';
  } catch {
    return password === undefined
      ? 'has a private key that cannot be read; if it is encrypted, set cert_password'
      : 'has a private key that cert_password does not open';
  }
  const expiresMs = certificate.validToDate.getTime();
  return expiresMs < nowMs ? `expired on ${new Date(expiresMs).toISOString().slice(0, 10)}` : undefined;
}

/** At most 64 KiB, whatever the file is: also of a pipe or a device. */
async function readLimited(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > FILE_BYTES_MAX) throw Object.assign(new Error('too large'), { code: 'too_large' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreadable({ sealName }: Reader, what: string, where: string, why: string): SealFault {
  return makeFault(sealName, {
    stage: 'token',
    class: 'credential_unreadable',
    retry: 'slow',
    sentence: `cannot read ${what} from ${where} (${why})`,
    remedy: where.startsWith('/') ? `ls -l ${where}` : `set ${where.replace(/^the /, '')} and restart`,
    definite: true,
  });
}

function unusable({ sealName }: Reader, sentence: string): SealFault {
  return makeFault(sealName, {
    stage: 'token',
    class: 'credential_unusable',
    retry: 'slow',
    sentence,
    remedy: 'put a good one in its place; it is read anew at each sign-in',
    definite: true,
  });
}
