// State as text and back: JSON, with keys and bytes that JSON does not know. The text holds private keys: it is a secret.

import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';

const texts = new WeakMap<KeyObject, string>();

export function encode(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, name: string, plain: unknown) {
    // A Buffer has already been turned into something else by its own toJSON: look at what it was.
    const raw = this[name];
    if (raw instanceof KeyObject) return { [`$${raw.type}Key`]: pemOf(raw) };
    if (Buffer.isBuffer(raw)) return { $bytes: raw.toString('base64') };
    return plain;
  });
}

/** Throws for text that is not JSON and for keys that are none. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_name, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const { $privateKey, $publicKey, $bytes } = value as Record<string, unknown>;
    if (typeof $privateKey === 'string') return createPrivateKey($privateKey);
    if (typeof $publicKey === 'string') return createPublicKey($publicKey);
    if (typeof $bytes === 'string') return Buffer.from($bytes, 'base64');
    return value;
  });
}

function pemOf(key: KeyObject): string {
  const known = texts.get(key);
  if (known !== undefined) return known;
  const pem = String(key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }));
  texts.set(key, pem);
  return pem;
}
