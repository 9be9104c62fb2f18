// The token service: client credentials in, access token out; and tokens for the managed identities of IMDS.

import { type Clock, epochSeconds } from '../clock.ts';
import { PUBLIC_HOSTS } from '../hosts.ts';
import { checkAssertion } from './assertions.ts';
import type { Directory, ServicePrincipal } from './directory.ts';
import { aadsts } from './errors.ts';
import { resourceKind } from './resources.ts';
import type { IssuedToken, TokenIssuer } from './tokens.ts';

export interface ClientCredentials {
  clientId: string;
  /** One of the two; with both, the assertion counts. */
  clientSecret: string | undefined;
  clientAssertion: string | undefined;
  /** The resource that the token is for, without `/.default`. */
  resource: string;
}

/** Entra's default is a random 60–90 minutes; az and MSAL only need a whole number. */
const APPLICATION_TOKEN_SECONDS = 3599;
/** Managed identities get 24 hours. */
const IDENTITY_TOKEN_SECONDS = 86_399;

export class Entra {
  readonly directory: Directory;
  readonly tokens: TokenIssuer;
  /** Known once the listener is bound: the audiences of this emulator carry it. */
  httpsPort = 0;

  readonly #clock: Clock;
  readonly #caPem: string;

  /** `caPem`: whom federated issuers on https may be certified by. */
  constructor(directory: Directory, tokens: TokenIssuer, clock: Clock, caPem: string) {
    this.directory = directory;
    this.tokens = tokens;
    this.#clock = clock;
    this.#caPem = caPem;
  }

  get tenantId(): string {
    return this.tokens.tenantId;
  }

  /** Throws AadstsError. */
  async clientToken(
    request: ClientCredentials,
  ): Promise<{ principal: ServicePrincipal; issued: IssuedToken }> {
    const principal = this.directory.byClientId(request.clientId);
    if (!principal) {
      const registered = this.directory.applicationOf(request.clientId) !== undefined;
      throw registered
        ? aadsts.noServicePrincipal(request.clientId, this.tenantId)
        : aadsts.unknownApplication(request.clientId, this.tenantId);
    }
    if (request.clientAssertion !== undefined) await this.#checkAssertion(principal, request.clientAssertion);
    else this.#checkSecret(principal, request.clientSecret);
    this.#checkResource(request.resource);
    const proof = request.clientAssertion === undefined ? 'secret' : 'assertion';
    return {
      principal,
      issued: await this.tokens.issue(principal, request.resource, APPLICATION_TOKEN_SECONDS, proof),
    };
  }

  /** A token for a managed identity; throws AadstsError for an unknown resource. */
  identityToken(principal: ServicePrincipal, resource: string): Promise<IssuedToken> {
    this.#checkResource(resource);
    return this.tokens.issue(principal, resource, IDENTITY_TOKEN_SECONDS, 'assertion');
  }

  #checkSecret(principal: ServicePrincipal, secret: string | undefined): void {
    // Managed identities have no secrets, so to a caller with one they are not there.
    if (principal.kind !== 'Application') throw aadsts.unknownApplication(principal.clientId, this.tenantId);
    if (secret === undefined) throw aadsts.noCredential();
    const { credentials } = this.directory;
    const state = credentials.checkSecret(principal.clientId, secret, epochSeconds(this.#clock));
    if (state === 'wrong') throw aadsts.wrongSecret(principal.clientId);
    if (state === 'expired') throw aadsts.expiredSecret(principal.clientId);
  }

  #checkAssertion(principal: ServicePrincipal, assertion: string): Promise<void> {
    const hosts = [`localhost:${this.httpsPort}`, `127.0.0.1:${this.httpsPort}`, ...PUBLIC_HOSTS.entra];
    return checkAssertion(assertion, {
      principal,
      credentials: this.directory.credentials,
      nowSeconds: epochSeconds(this.#clock),
      audiencePrefixes: hosts.flatMap((host) => [`https://${host}/${this.tenantId}`, `https://${host}/adfs`]),
      caPem: this.#caPem,
    });
  }

  #checkResource(resource: string): void {
    if (!resourceKind(resource, this.httpsPort)) throw aadsts.unknownResource(resource, this.tenantId);
  }
}
