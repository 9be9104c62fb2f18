// Backups: all versions of a key or secret in a blob that only this subscription can read, and that nobody can change.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { decode, encode } from '../state/codec.ts';
import { badParameter, readObject } from './bodies.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const CHARS_MAX = 1024 * 1024;

/** `kind` is bound to it: a backup of a secret is no backup of a key. */
export function seal(key: Buffer, kind: 'keys' | 'secrets', object: object): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(kind));
  const body = Buffer.concat([cipher.update(encode(object), 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
}

/** The object of a restore request's body; throws 400 for a blob of another subscription or kind. */
export function readBackup(key: Buffer, kind: 'keys' | 'secrets', body: Buffer): unknown {
  const { value } = readObject(body);
  if (typeof value !== 'string' || value.length > CHARS_MAX || !/^[\w-]+={0,2}$/.test(value)) {
    throw badParameter('value must be a backup in base64url.');
  }
  const blob = Buffer.from(value, 'base64url');
  if (blob.length <= IV_BYTES + TAG_BYTES) throw notABackup();
  const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(0, IV_BYTES))
    .setAAD(Buffer.from(kind))
    .setAuthTag(blob.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    const text = Buffer.concat([decipher.update(blob.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    return decode(text.toString('utf8'));
  } catch {
    throw notABackup();
  }
}

function notABackup() {
  return badParameter('Backup blob is not valid, or was made in another subscription.');
}
