// The token service: client credentials in, access token out; and tokens for the managed identities of IMDS.

import type { Directory, ServicePrincipal } from './directory.ts';
import { aadsts } from './errors.ts';
import { resourceKind } from './resources.ts';
import type { IssuedToken, TokenIssuer } from './tokens.ts';

export interface ClientCredentials {
  clientId: string;
  clientSecret: string | undefined;
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

  constructor(directory: Directory, tokens: TokenIssuer) {
    this.directory = directory;
    this.tokens = tokens;
  }

  get tenantId(): string {
    return this.tokens.tenantId;
  }

  /** Throws AadstsError. */
  async clientToken(
    request: ClientCredentials,
  ): Promise<{ principal: ServicePrincipal; issued: IssuedToken }> {
    const principal = this.directory.byClientId(request.clientId);
    if (principal?.kind !== 'Application') throw aadsts.unknownApplication(request.clientId, this.tenantId);
    if (request.clientSecret === undefined) throw aadsts.noCredential();
    if (!this.directory.secretMatches(principal.objectId, request.clientSecret)) {
      throw aadsts.wrongSecret(principal.clientId);
    }
    this.#checkResource(request.resource);
    return {
      principal,
      issued: await this.tokens.issue(principal, request.resource, APPLICATION_TOKEN_SECONDS),
    };
  }

  /** A token for a managed identity; throws AadstsError for an unknown resource. */
  identityToken(principal: ServicePrincipal, resource: string): Promise<IssuedToken> {
    this.#checkResource(resource);
    return this.tokens.issue(principal, resource, IDENTITY_TOKEN_SECONDS);
  }

  #checkResource(resource: string): void {
    if (!resourceKind(resource, this.httpsPort)) throw aadsts.unknownResource(resource, this.tenantId);
  }
}
