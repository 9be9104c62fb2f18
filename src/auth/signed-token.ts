// A JWT in compact form (RFC 7515 section 7.1, RFC 7519): read within limits, its signature checked. Symmetric
// algorithms and "none" are not in the list of what can be asked for, so no configuration lets them in.

import { compactVerify } from 'jose';
import { fromUtf8 } from '../base/bytes.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { fits, type VerificationKey } from './public-keys.ts';

export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const;

/** Largest token, characters. */
export const TOKEN_CHARACTERS_MAX = 64 * 1024;
const DEPTH_MAX = 32;

/** Not believed yet: whoever wrote the token wrote all of it. */
export interface UnverifiedToken {
  readonly compact: string;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly claims: JsonObject;
}

/** Why a token is no token that we read; the words hold nothing of it. Stays inside this room. */
export class TokenFault extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'TokenFault';
  }
}

/** A line break at the end, as files have one, does not count. @throws TokenFault */
export function readToken(text: string): UnverifiedToken {
  const compact = text.trim();
  if (compact.length > TOKEN_CHARACTERS_MAX) {
    throw new TokenFault(`the token is longer than ${TOKEN_CHARACTERS_MAX} characters`);
  }
  const parts = compact.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3) throw new TokenFault('malformed jwt: it must have three parts');
  if (signature === '') throw new TokenFault('malformed jwt: token must be signed');
  if (!isBase64Url(signature)) throw new TokenFault('malformed jwt: its signature is not base64url');
  const { alg, kid, crit, b64 } = objectIn(header, 'header');
  if (typeof alg !== 'string') throw new TokenFault('malformed jwt: its header has no algorithm');
  if (crit !== undefined || b64 !== undefined) {
    throw new TokenFault('malformed jwt: its header asks for extensions that are not known');
  }
  const claims = objectIn(payload, 'payload');
  return { compact, alg, kid: typeof kid === 'string' ? kid : undefined, claims };
}

function objectIn(part: string, what: string): JsonObject {
  try {
    const bytes = Buffer.from(isBase64Url(part) ? part : '', 'base64url');
    const value = parseJson(fromUtf8(bytes), DEPTH_MAX);
    if (isObject(value)) return value;
  } catch {
    // The parser's words quote nothing, but ours say which part it was.
  }
  throw new TokenFault(`malformed jwt: its ${what} is not a JSON object`);
}

/** Buffer's decoder skips what is not base64url, so that two spellings would be one token. */
function isBase64Url(part: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(part) && part.length % 4 !== 1;
}

/**
 * True if one of `keys` signed the token with its algorithm, which must be among `algorithms`.
 * A token that names a key (`kid`) is checked with that one alone, unless `anyKid`: keys out of PEM have no names.
 */
export async function isSignedBy(
  token: UnverifiedToken,
  keys: readonly VerificationKey[],
  algorithms: readonly string[],
  anyKid = false,
): Promise<boolean> {
  const allowed = ALGORITHMS.filter((known) => known === token.alg && algorithms.includes(known));
  if (allowed.length === 0) return false;
  const named = anyKid || token.kid === undefined ? keys : keys.filter((found) => found.kid === token.kid);
  for (const found of named) {
    if (!fits(found, token.alg)) continue;
    const isSigned = await compactVerify(token.compact, found.key, { algorithms: [...allowed] }).then(
      () => true,
      () => false,
    );
    if (isSigned) return true;
  }
  return false;
}
