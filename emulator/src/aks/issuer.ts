// Plays the OIDC issuer of one AKS cluster: signs the tokens that a kubelet projects into its pods.

import { createHash, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { type Clock, epochSeconds } from '../clock.ts';
import { FEDERATED_AUDIENCE } from '../entra/credentials.ts';
import { generateRsaKey } from '../key-vault/key-crypto.ts';

export interface AksTokenRequest {
  namespace: string;
  serviceAccount: string;
  /** Default: api://AzureADTokenExchange. */
  audience?: string;
  /** Default 3600, as AKS projects them. */
  lifetimeSeconds?: number;
  /** Default 0: how long ago it was issued, for tokens that are old or expired already. */
  issuedSecondsAgo?: number;
}

interface SigningKey {
  privateKey: KeyObject;
  jwk: JWK & { kid: string };
}

/** Kubernetes' rule for names (RFC 1123 labels, with dots for service accounts). */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export class AksIssuer {
  /** Path of the issuer, no slash at either end. */
  path: string;
  /** Known once the listener is bound. */
  httpsPort = 0;
  readonly #clock: Clock;
  /** Made at the first use: most tests need none. */
  #key: Promise<SigningKey> | undefined;
  #privateKey: KeyObject | undefined;

  constructor(tenantId: string, clock: Clock) {
    this.path = `aks/${tenantId}/${randomUUID()}`;
    this.#clock = clock;
  }

  /** The issuer's name; the slash at its end belongs to it, as with AKS. */
  get url(): string {
    return `https://localhost:${this.httpsPort}/${this.path}/`;
  }

  /** A service account's token (JWT, RS256). Throws RangeError for a request that Kubernetes could not make. */
  async token(request: AksTokenRequest): Promise<string> {
    const { namespace, serviceAccount, audience = FEDERATED_AUDIENCE } = request;
    for (const name of [namespace, serviceAccount]) {
      if (!NAME.test(name)) throw new RangeError(`not a Kubernetes name: ${name}`);
    }
    const lifetime = wholeSeconds('lifetimeSeconds', request.lifetimeSeconds ?? 3600);
    const issuedAt =
      epochSeconds(this.#clock) - wholeSeconds('issuedSecondsAgo', request.issuedSecondsAgo ?? 0);
    const { privateKey, jwk } = await this.#signingKey();
    return new SignJWT({
      aud: [audience],
      exp: issuedAt + lifetime,
      iat: issuedAt,
      iss: this.url,
      jti: randomUUID(),
      'kubernetes.io': { namespace, serviceaccount: { name: serviceAccount, uid: randomUUID() } },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    })
      .setProtectedHeader({ alg: 'RS256', kid: jwk.kid })
      .sign(privateKey);
  }

  /** OpenID Connect discovery 1.0, as AKS answers it. */
  discoveryDocument() {
    return {
      issuer: this.url,
      jwks_uri: `${this.url}openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    };
  }

  async keySet(): Promise<{ keys: JWK[] }> {
    return { keys: [(await this.#signingKey()).jwk] };
  }

  /** From now on tokens are signed with a new key, and the old ones are no longer believed. */
  rotateKey(): void {
    this.#key = undefined;
    this.#privateKey = undefined;
  }

  dump() {
    return { path: this.path, privateKey: this.#privateKey };
  }

  load({ path, privateKey }: ReturnType<AksIssuer['dump']>): void {
    this.path = path;
    this.#privateKey = privateKey;
    this.#key = privateKey && describeKey(privateKey);
  }

  #signingKey(): Promise<SigningKey> {
    this.#key ??= this.#makeKey();
    return this.#key;
  }

  async #makeKey(): Promise<SigningKey> {
    const { privateKey } = await generateRsaKey(2048);
    this.#privateKey = privateKey;
    return describeKey(privateKey);
  }
}

async function describeKey(privateKey: KeyObject): Promise<SigningKey> {
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const kid = createHash('sha256').update(spki).digest('base64url');
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid } };
}

function wholeSeconds(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} must be whole seconds`);
  return value;
}
