// Signs and checks access tokens: RS256 JWTs with the v1 claims that Key Vault and ARM look at.

import { createHash, createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { compactVerify, exportJWK, type JWK, SignJWT } from 'jose';
import { type Clock, epochSeconds } from '../clock.ts';
import type { ServicePrincipal } from './directory.ts';

export interface IssuedToken {
  token: string;
  /** Seconds since the Unix epoch. */
  notBefore: number;
  expiresOn: number;
  expiresIn: number;
}

export interface Caller {
  objectId: string;
  clientId: string;
  audience: string;
  issuer: string;
  tenantId: string;
}

/** Why a token is not believed. Audience and issuer are for the service to judge: each words it its own way. */
export type TokenProblem = 'malformed' | 'bad signature' | 'not yet valid' | 'expired';

export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly problem: TokenProblem;

  constructor(problem: TokenProblem) {
    super(problem);
    this.problem = problem;
  }
}

/** Key Vault and ARM forgive clocks that differ by this much. */
const SKEW_SECONDS = 300;
const TOKEN_CHARS_MAX = 16_384;

interface SigningKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
  keyId: string;
  jwk: JWK;
}

export class TokenIssuer {
  readonly tenantId: string;
  readonly #clock: Clock;
  /** Made in the background from the start: 2048-bit RSA takes longer than everything else together. */
  #key: Promise<SigningKey>;
  #privateKey: KeyObject | undefined;

  constructor(tenantId: string, clock: Clock) {
    this.tenantId = tenantId;
    this.#clock = clock;
    this.#key = makeKey();
    this.#key.then(
      ({ privateKey }) => {
        this.#privateKey ??= privateKey;
      },
      // A failure shows at the first use; here it must not end the process as an unhandled rejection.
      () => undefined,
    );
  }

  /** The key that signs; undefined until it is made. */
  dump(): KeyObject | undefined {
    return this.#privateKey;
  }

  load(privateKey: KeyObject): void {
    this.#privateKey = privateKey;
    this.#key = describeKey(privateKey);
  }

  async ready(): Promise<void> {
    await this.#key;
  }

  /** The `iss` of access tokens; not the issuer of the discovery document, which MSAL ties to the host. */
  get issuer(): string {
    return `https://sts.windows.net/${this.tenantId}/`;
  }

  /** `proof`: how the principal proved itself; the claim `appidacr` says so. */
  async issue(
    principal: ServicePrincipal,
    audience: string,
    lifetimeSeconds: number,
    proof: 'secret' | 'assertion',
  ): Promise<IssuedToken> {
    const { privateKey, keyId } = await this.#key;
    const notBefore = epochSeconds(this.#clock);
    const expiresOn = notBefore + lifetimeSeconds;
    const token = await new SignJWT({
      aud: audience,
      iss: this.issuer,
      iat: notBefore,
      nbf: notBefore,
      exp: expiresOn,
      appid: principal.clientId,
      appidacr: proof === 'assertion' ? '2' : '1',
      idp: this.issuer,
      idtyp: 'app',
      oid: principal.objectId,
      sub: principal.objectId,
      tid: this.tenantId,
      uti: randomBytes(16).toString('base64url'),
      ver: '1.0',
      ...(principal.resourceId ? { xms_mirid: principal.resourceId } : {}),
    })
      .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: keyId, x5t: keyId })
      .sign(privateKey);
    return { token, notBefore, expiresOn, expiresIn: lifetimeSeconds };
  }

  /** Checks form, signature and time; throws TokenError. */
  async verify(token: string): Promise<Caller> {
    const { publicKey } = await this.#key;
    const payload = await verifiedPayload(token, publicKey);
    const { exp, nbf, aud, iss, oid, appid, tid } = payload;
    if (typeof exp !== 'number' || typeof nbf !== 'number') throw new TokenError('malformed');
    const now = epochSeconds(this.#clock);
    if (now >= exp + SKEW_SECONDS) throw new TokenError('expired');
    if (now < nbf - SKEW_SECONDS) throw new TokenError('not yet valid');
    return {
      objectId: stringClaim(oid),
      clientId: stringClaim(appid),
      audience: stringClaim(aud),
      issuer: stringClaim(iss),
      tenantId: stringClaim(tid),
    };
  }

  /** The key set document (RFC 7517). */
  async keySet(): Promise<{ keys: JWK[] }> {
    const { jwk } = await this.#key;
    return { keys: [jwk] };
  }

  /** Signs any claims. Only for tests that need a token which Entra would never issue. */
  async signClaims(claims: Record<string, unknown>): Promise<string> {
    const { privateKey, keyId } = await this.#key;
    return new SignJWT(claims).setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: keyId }).sign(privateKey);
  }
}

async function makeKey(): Promise<SigningKey> {
  return describeKey((await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })).privateKey);
}

async function describeKey(privateKey: KeyObject): Promise<SigningKey> {
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha1').update(spki).digest('base64url');
  const jwk = { ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid: keyId, x5t: keyId };
  return { privateKey, publicKey, keyId, jwk };
}

async function verifiedPayload(token: string, key: KeyObject): Promise<Record<string, unknown>> {
  if (token.length > TOKEN_CHARS_MAX || !/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token))
    throw new TokenError('malformed');
  let payload: Uint8Array;
  try {
    // RS256 alone: `none`, HS256 with the public key and the like end here.
    ({ payload } = await compactVerify(token, key, { algorithms: ['RS256'] }));
  } catch {
    throw new TokenError('bad signature');
  }
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
      throw new TokenError('malformed');
    return claims as Record<string, unknown>;
  } catch {
    throw new TokenError('malformed');
  }
}

function stringClaim(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TokenError('malformed');
  return value;
}
