// Batch tokens: the entry itself, encrypted by the barrier, is the token. Nothing is stored, and nothing can be revoked.

import { utf8 } from '../base/bytes.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import { parseEntry, type TokenEntry, UNLIMITED } from './token-entry.ts';
import { TOKEN_CHARACTERS_MAX } from './token-store.ts';

/** Encrypts and decrypts what leaves the server and comes back; passed in, since this room has no keys. */
export interface TokenCipher {
  encrypt(plain: Uint8Array): Uint8Array;
  /** @throws LatchkeyError storage_corrupt if the bytes are not what `encrypt` made. */
  decrypt(record: Uint8Array): Promise<Uint8Array>;
}

const PREFIX = 'hvb.';
/** Left out where they are so. They belong to format 2 of an entry, and never change. */
const DEFAULTS = { ...UNLIMITED, accessor: '', cubbyhole: '', displayName: 'token', metadata: {} } as const;

export function isBatchText(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** @throws LatchkeyError bad_request if what it holds makes it too long for a header. */
export function encodeBatchToken(cipher: TokenCipher, entry: TokenEntry): string {
  const record = cipher.encrypt(utf8(JSON.stringify(withoutDefaults(entry))));
  const token = textOf(record);
  if (token.length > TOKEN_CHARACTERS_MAX) {
    throw new LatchkeyError(
      'bad_request',
      `a batch token carries its policies and metadata, and these make it longer than ${TOKEN_CHARACTERS_MAX} characters`,
    );
  }
  return token;
}

/** Undefined for anything that this cluster did not make. */
export async function decodeBatchToken(cipher: TokenCipher, token: string): Promise<TokenEntry | undefined> {
  if (token.length > TOKEN_CHARACTERS_MAX || !/^hvb\.[A-Za-z0-9_-]+$/.test(token)) return undefined;
  const record = new Uint8Array(Buffer.from(token.slice(PREFIX.length), 'base64url'));
  // Of several texts for the same bytes one is the token.
  if (textOf(record) !== token) return undefined;
  try {
    const entry = { ...DEFAULTS, ...parseEntry(await cipher.decrypt(record), () => '') };
    return entry.type === 'batch' ? entry : undefined;
  } catch (error) {
    if (hasCode(error, 'storage_corrupt')) return undefined;
    throw error;
  }
}

/** It goes along with every request, so that each character counts. */
function withoutDefaults(entry: TokenEntry): Partial<TokenEntry> {
  const usual: Readonly<Record<string, unknown>> = DEFAULTS;
  return Object.fromEntries(
    Object.entries(entry).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(usual[name])),
  );
}

function textOf(record: Uint8Array): string {
  return `${PREFIX}${Buffer.from(record).toString('base64url')}`;
}
