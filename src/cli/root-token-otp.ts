// The one-time password that hides a new root token on its way: the token XOR the password, as base64.

import { randomInt } from 'node:crypto';
import { UsageError } from './failure.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` letters and digits, each as likely as any other. */
export function makeOtp(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/**
 * The token. `encoded`: base64 with or without padding.
 * @throws UsageError if the two do not belong together.
 */
export function decodeToken(encoded: string, otp: string): string {
  const hidden = Buffer.from(encoded, 'base64');
  const key = Buffer.from(otp, 'utf8');
  if (hidden.length === 0 || !/^[\w+/-]+={0,2}$/.test(encoded)) {
    throw new UsageError('Error decoding root token: the encoded token is not base64');
  }
  if (hidden.length !== key.length) {
    throw new UsageError(
      `Error decoding root token: the token has ${hidden.length} bytes and the OTP has ${key.length}`,
    );
  }
  const token = hidden.map((byte, at) => byte ^ (key[at] ?? 0));
  const text = token.every((byte) => byte >= 0x21 && byte <= 0x7e)
    ? Buffer.from(token).toString('latin1')
    : '';
  hidden.fill(0);
  key.fill(0);
  token.fill(0);
  if (text === '') throw new UsageError('Error decoding root token: this OTP does not belong to this token');
  return text;
}
