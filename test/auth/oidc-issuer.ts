// An issuer of JWTs: OpenID Connect discovery and a key set over HTTPS, keys that rotate, and tokens of any shape.

import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { CompactSign, exportJWK, type JWK, type JWTPayload } from 'jose';
import { type Answer, type Asked, SecureServer } from './secure-server.ts';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function makeKey(alg = 'ES256'): SigningKey {
  const { privateKey, publicKey } = pairFor(alg);
  return { kid: randomUUID(), alg, privateKey, publicKey };
}

function pairFor(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  if (alg.startsWith('RS') || alg.startsWith('PS'))
    return generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] ?? '';
  return generateKeyPairSync('ec', { namedCurve });
}

/** Signed over exactly these claims. */
export function signToken(key: SigningKey, claims: JWTPayload, header: object = {}): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey);
}

export function pemOf(key: SigningKey): string {
  return key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

export class OidcIssuer implements AsyncDisposable {
  readonly server: SecureServer;
  /** Signs; the newest of those that are published. */
  key: SigningKey;
  /** What the key set shows; more may be put in. */
  published: JWK[] = [];
  /** What the discovery document says beside the truth. */
  discovery: Record<string, unknown> = {};

  private constructor(server: SecureServer, key: SigningKey) {
    this.server = server;
    this.key = key;
  }

  static async start(alg = 'ES256'): Promise<OidcIssuer> {
    let issuer: OidcIssuer | undefined;
    const server = await SecureServer.start((asked) => issuer?.answer(asked) ?? { status: 503, json: {} });
    issuer = new OidcIssuer(server, makeKey(alg));
    await issuer.publish(issuer.key);
    return issuer;
  }

  get url(): string {
    return this.server.url;
  }

  get caPem(): string {
    return this.server.caPem;
  }

  get jwksUrl(): string {
    return `${this.url}/keys`;
  }

  /** How often the key set was fetched. */
  get fetches(): number {
    return this.server.asked.filter(({ path }) => path === '/keys').length;
  }

  async publish(...keys: SigningKey[]): Promise<void> {
    const toJwk = async (key: SigningKey) => ({
      ...(await exportJWK(key.publicKey)),
      kid: key.kid,
      use: 'sig',
    });
    this.published = await Promise.all(keys.map(toJwk));
  }

  /** From now on tokens are signed with a new key, and the old one is gone from the key set. */
  async rotate(): Promise<void> {
    this.key = makeKey(this.key.alg);
    await this.publish(this.key);
  }

  /** @param now milliseconds; the token is good for ten minutes. */
  token(claims: JWTPayload, now: number = Date.now(), header: object = {}): Promise<string> {
    const seconds = Math.floor(now / 1_000);
    const initial = { iss: this.url, aud: 'latchkey', sub: 'ann', iat: seconds, exp: seconds + 600 };
    return signToken(this.key, { ...initial, ...claims }, header);
  }

  answer({ path }: Asked): Answer {
    if (path === '/keys') return { status: 200, json: { keys: this.published } };
    if (path !== '/.well-known/openid-configuration') return { status: 404, json: {} };
    const document = { issuer: this.url, jwks_uri: this.jwksUrl, ...this.discovery };
    return { status: 200, json: document };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
