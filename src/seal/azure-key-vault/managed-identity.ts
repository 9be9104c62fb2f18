// Tokens of a managed identity, from IMDS or from App Service: one GET with a deadline, never through a proxy.
// The official ManagedIdentityCredential ignores abort signals and `maxRetries: 0` and hides the status of a refusal.

import type { AccessToken, GetTokenOptions } from '@azure/core-auth';
import type { Clock } from '../../base/clock.ts';
import { isObject, parseJson } from '../../base/json.ts';
import { readAnswer } from './answer.ts';
import type { AzureCredential, CredentialParts } from './azure-credential.ts';
import { type TokenFailure, type TokenRequest, tokenFault } from './classify-identity.ts';
import type { CheckedConfig } from './config.ts';
import { MetadataFailure, type MetadataReply, metadataGet } from './metadata-get.ts';
import { TokenCache } from './token-cache.ts';

const IMDS = 'http://169.254.169.254';
const TOKEN_CHARACTERS_MAX = 32 * 1024;

/** Where tokens come from, and how that place wants to be asked. */
interface TokenSource {
  readonly service: 'IMDS' | 'App Service';
  readonly origin: string;
  readonly url: (resource: string) => URL;
  readonly headers: Readonly<Record<string, string>>;
}

export class ManagedIdentityCredential implements AzureCredential {
  readonly label: string;
  readonly endpoint: string;
  readonly timeoutClass = 'imds_timeout';
  readonly #source: TokenSource;
  readonly #request: TokenRequest;
  readonly #clock: Clock;
  readonly #caCertPem: string | undefined;
  readonly #tokens: TokenCache;

  constructor(config: CheckedConfig, parts: CredentialParts) {
    const identity = identityOf(config);
    this.#source = chooseSource(config, identity, parts.env);
    this.#tokens = new TokenCache(parts.clock);
    this.#clock = parts.clock;
    this.#caCertPem = config.caCertPem;
    this.endpoint = this.#source.origin;
    const who =
      identity === undefined ? 'the system-assigned managed identity' : `managed identity ${identity.id}`;
    this.label = `${who} (${this.#source.service})`;
    this.#request = {
      sealName: config.name,
      service: this.#source.service,
      endpoint: this.#source.origin,
      identity: identity?.id,
      tokenMs: parts.tokenMs,
      hasFederatedTokenFile: config.federatedTokenFile !== undefined,
    };
  }

  /** @throws SealFault of stage `token`. */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    const scope = typeof scopes === 'string' ? scopes : (scopes[0] ?? '');
    const resource = scope.replace(/\/\.default$/, '');
    const signal = options.abortSignal as AbortSignal | undefined;
    return await this.#tokens.get(resource, options.claims, () => this.#fetch(resource, signal));
  }

  forget(): void {
    this.#tokens.clear();
  }

  close(): void {
    this.forget();
  }

  async #fetch(resource: string, signal: AbortSignal | undefined): Promise<AccessToken> {
    const reply = await this.#get(resource, signal);
    if (reply.status !== 200) {
      const answer = readAnswer(reply.status, reply.header, reply.body, this.#clock.now());
      throw this.#fault({ kind: 'answer', answer });
    }
    const token = readToken(reply.body, this.#clock.now());
    if (token === undefined) throw this.#fault({ kind: 'malformed' });
    return token;
  }

  async #get(resource: string, signal: AbortSignal | undefined): Promise<MetadataReply> {
    try {
      return await metadataGet({
        url: this.#source.url(resource),
        headers: this.#source.headers,
        deadlineMs: this.#request.tokenMs,
        caCertPem: this.#caCertPem,
        signal,
      });
    } catch (error) {
      if (error instanceof MetadataFailure) throw this.#fault(error.failure);
      throw this.#fault({ kind: 'network', code: 'unknown', connected: false });
    }
  }

  #fault(failure: TokenFailure) {
    return tokenFault(this.#request, failure);
  }
}

/** A user-assigned identity. */
interface Identity {
  readonly kind: 'client_id' | 'resource_id';
  readonly id: string;
}

/** Undefined: the system-assigned one. A resource id that is set is meant, unless `managed_id_kind` says otherwise. */
function identityOf({ managedIdentityKind, clientId, resourceId }: CheckedConfig): Identity | undefined {
  if (resourceId !== undefined && managedIdentityKind !== 'client_id') {
    return { kind: 'resource_id', id: resourceId };
  }
  return clientId === undefined ? undefined : { kind: 'client_id', id: clientId };
}

/**
 * The stanza's `imds_endpoint` first; then App Service, whose variables Azure sets in the containers it runs
 * (Microsoft Learn, "How to use managed identities for App Service", REST endpoint reference); else IMDS.
 */
function chooseSource(
  config: CheckedConfig,
  identity: Identity | undefined,
  env: CredentialParts['env'],
): TokenSource {
  const endpoint = env['IDENTITY_ENDPOINT'];
  const secret = env['IDENTITY_HEADER'];
  const appService = endpoint === undefined ? null : URL.parse(endpoint);
  const webUrl = appService !== null && /^https?:$/.test(appService.protocol);
  if (config.imdsEndpoint === undefined && webUrl && secret !== undefined) {
    return {
      service: 'App Service',
      origin: appService.origin,
      url: (resource) =>
        withQuery(new URL(appService), { version: '2019-08-01', resource, identity, idKey: 'mi_res_id' }),
      headers: { 'X-IDENTITY-HEADER': secret },
    };
  }
  const origin = new URL(config.imdsEndpoint ?? IMDS).origin;
  return {
    service: 'IMDS',
    origin,
    url: (resource) =>
      withQuery(new URL('/metadata/identity/oauth2/token', origin), {
        version: '2018-02-01',
        resource,
        identity,
        idKey: 'msi_res_id',
      }),
    headers: { Metadata: 'true' },
  };
}

/** A resource id has another name in each of the two. */
function withQuery(
  url: URL,
  query: {
    readonly version: string;
    readonly resource: string;
    readonly identity: Identity | undefined;
    readonly idKey: string;
  },
): URL {
  url.searchParams.set('api-version', query.version);
  url.searchParams.set('resource', query.resource);
  if (query.identity !== undefined) {
    url.searchParams.set(query.identity.kind === 'client_id' ? 'client_id' : query.idKey, query.identity.id);
  }
  return url;
}

/** IMDS sends every number as a string; App Service too. Undefined if it is not a usable token. */
function readToken(body: string, nowMs: number): AccessToken | undefined {
  let parsed: unknown;
  try {
    parsed = parseJson(body, 8);
  } catch {
    return undefined;
  }
  if (!isObject(parsed)) return undefined;
  const token = parsed['access_token'];
  // What is not plain visible ASCII would blow up later, in a header, with the token in the error.
  if (typeof token !== 'string' || token.length > TOKEN_CHARACTERS_MAX || !/^[\x21-\x7e]+$/.test(token))
    return undefined;
  const expiresOn = Number(parsed['expires_on']) * 1_000;
  const expiresIn = nowMs + Number(parsed['expires_in']) * 1_000;
  const expiresOnTimestamp = Number.isFinite(expiresOn) ? expiresOn : expiresIn;
  return Number.isFinite(expiresOnTimestamp) ? { token, expiresOnTimestamp, tokenType: 'Bearer' } : undefined;
}
