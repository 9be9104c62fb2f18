// Tokens of a managed identity, from IMDS or from App Service: one GET with a deadline, never through a proxy.
// The official ManagedIdentityCredential ignores abort signals and `maxRetries: 0` and hides the status of a refusal.

import type { AccessToken, GetTokenOptions } from '@azure/core-auth';
import type { Clock } from '../../base/clock.ts';
import { isObject, parseJson } from '../../base/json.ts';
import { readAnswer } from './answer.ts';
import { type TokenFailure, type TokenRequest, tokenFault } from './classify-identity.ts';
import type { CheckedConfig } from './config.ts';
import type { AzureCredential, CredentialParts } from './credential.ts';
import { MetadataFailure, type MetadataReply, metadataGet } from './metadata-get.ts';

const IMDS = 'http://169.254.169.254';
/** A cached token is used no longer than this before it expires, milliseconds. */
const MARGIN_MS = 120_000;
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
  readonly #source: TokenSource;
  readonly #request: TokenRequest;
  readonly #clock: Clock;
  readonly #caCertPem: string | undefined;
  /** By resource. The text of a token is a string of the SDK's making too: it cannot be wiped. */
  readonly #cached = new Map<string, AccessToken>();

  constructor(config: CheckedConfig, parts: CredentialParts) {
    this.#source = chooseSource(config, parts.env);
    this.#clock = parts.clock;
    this.#caCertPem = config.caCertPem;
    this.endpoint = this.#source.origin;
    const who =
      config.clientId === undefined
        ? 'the system-assigned managed identity'
        : `managed identity ${config.clientId}`;
    this.label = `${who} (${this.#source.service})`;
    this.#request = {
      sealName: config.name,
      service: this.#source.service,
      endpoint: this.#source.origin,
      clientId: config.clientId,
      tokenMs: parts.tokenMs,
      hasFederatedTokenFile: parts.env['AZURE_FEDERATED_TOKEN_FILE'] !== undefined,
    };
  }

  /** @throws SealFault of stage `token`. */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    const scope = typeof scopes === 'string' ? scopes : (scopes[0] ?? '');
    const resource = scope.replace(/\/\.default$/, '');
    const cached = this.#cached.get(resource);
    // A claims challenge says that Key Vault wants a newer token than the one it saw.
    if (cached !== undefined && options.claims === undefined && this.#isFresh(cached)) return cached;
    const token = await this.#fetch(resource, options.abortSignal as AbortSignal | undefined);
    this.#cached.set(resource, token);
    return token;
  }

  forget(): void {
    this.#cached.clear();
  }

  close(): void {
    this.forget();
  }

  #isFresh(token: AccessToken): boolean {
    return token.expiresOnTimestamp - this.#clock.now() > MARGIN_MS;
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

/**
 * The stanza's `imds_endpoint` first; then App Service, whose variables Azure sets in the containers it runs
 * (Microsoft Learn, "How to use managed identities for App Service", REST endpoint reference); else IMDS.
 */
function chooseSource(config: CheckedConfig, env: CredentialParts['env']): TokenSource {
  const endpoint = env['IDENTITY_ENDPOINT'];
  const secret = env['IDENTITY_HEADER'];
  const appService = endpoint === undefined ? null : URL.parse(endpoint);
  const webUrl = appService !== null && /^https?:$/.test(appService.protocol);
  if (config.imdsEndpoint === undefined && webUrl && secret !== undefined) {
    return {
      service: 'App Service',
      origin: appService.origin,
      url: (resource) => withQuery(new URL(appService), '2019-08-01', resource, config.clientId),
      headers: { 'X-IDENTITY-HEADER': secret },
    };
  }
  const origin = new URL(config.imdsEndpoint ?? IMDS).origin;
  return {
    service: 'IMDS',
    origin,
    url: (resource) =>
      withQuery(new URL('/metadata/identity/oauth2/token', origin), '2018-02-01', resource, config.clientId),
    headers: { Metadata: 'true' },
  };
}

function withQuery(url: URL, apiVersion: string, resource: string, clientId: string | undefined): URL {
  url.searchParams.set('api-version', apiVersion);
  url.searchParams.set('resource', resource);
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
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
