// Tokens of a service principal, or of a workload identity, from Entra by the official credentials. Each sign-in gets a
// credential of its own: the SDK's would go on with a secret that was rotated, and with a federated token for 5 minutes.

import type { AccessToken, GetTokenOptions } from '@azure/core-auth';
import type { TokenCredentialOptions } from '@azure/identity';
import { SealFault } from '../seal.ts';
import type { AzureCredential, CredentialParts } from './azure-credential.ts';
import { type EntraRequest, entraFault } from './classify-entra.ts';
import type { CheckedConfig } from './config.ts';
import { TracedAgent } from './connection.ts';
import {
  type Reader,
  readCertificate,
  readFederatedToken,
  readSecret,
  type SecretSource,
} from './credential-material.ts';
import type { Encounter } from './encounter.ts';
import { settle } from './settle.ts';
import { TokenCache } from './token-cache.ts';
import { sendBy, watch } from './vault-call.ts';

/** How a principal proves who it is. */
export type Proof =
  | { readonly kind: 'client_secret'; readonly source: SecretSource }
  | {
      readonly kind: 'certificate';
      readonly path: string;
      readonly password: SecretSource | undefined;
    }
  | { readonly kind: 'workload_identity'; readonly tokenFile: string };

export interface Principal {
  readonly tenantId: string;
  readonly clientId: string;
  readonly proof: Proof;
}

type SdkOptions = TokenCredentialOptions & { readonly disableInstanceDiscovery: boolean };
type Sign = (scope: string, options: GetTokenOptions) => Promise<AccessToken | null>;

const LABELS: Readonly<Record<Proof['kind'], string>> = {
  client_secret: 'service principal {} (client secret)',
  certificate: 'service principal {} (certificate)',
  workload_identity: 'workload identity {} (federated token)',
};
const PUBLIC_AUTHORITY = 'https://login.microsoftonline.com';
/** Only these know the others, so only they are asked who they are (instance discovery). */
const MICROSOFT =
  /^login\.(?:microsoftonline\.(?:com|us)|microsoft\.com|windows\.net|chinacloudapi\.cn|partner\.microsoftonline\.cn)$/;

export class EntraCredential implements AzureCredential {
  readonly label: string;
  readonly endpoint: string;
  readonly timeoutClass = 'entra_timeout';
  readonly #principal: Principal;
  readonly #parts: CredentialParts;
  readonly #request: EntraRequest;
  readonly #reader: Reader;
  readonly #caCertPem: string | undefined;
  readonly #authorityHost: string;
  readonly #tokens: TokenCache;

  constructor(config: CheckedConfig, principal: Principal, parts: CredentialParts) {
    this.#principal = principal;
    this.#parts = parts;
    this.#caCertPem = config.caCertPem;
    // Always said, else the SDK takes AZURE_AUTHORITY_HOST by itself.
    this.#authorityHost = (config.authorityHost ?? PUBLIC_AUTHORITY).replace(/\/+$/, '');
    this.endpoint = new URL(this.#authorityHost).origin;
    this.label = LABELS[principal.proof.kind].replace('{}', principal.clientId);
    this.#reader = { sealName: config.name, env: parts.env };
    this.#request = {
      sealName: config.name,
      host: new URL(this.#authorityHost).hostname,
      tenantId: principal.tenantId,
      clientId: principal.clientId,
      proof: principal.proof.kind,
      tokenFile: principal.proof.kind === 'workload_identity' ? principal.proof.tokenFile : undefined,
      caCertPem: config.caCertPem,
      tokenMs: parts.tokenMs,
      stageMs: parts.stageMs,
    };
    this.#tokens = new TokenCache(parts.clock);
  }

  /** @throws SealFault of stage `token`, or of the network on the way to Entra. */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    const scope = typeof scopes === 'string' ? scopes : (scopes[0] ?? '');
    const { claims } = options;
    const signal = options.abortSignal as AbortSignal | undefined;
    return await this.#tokens.get(scope, claims, () => this.#fetch(scope, claims, signal));
  }

  forget(): void {
    this.#tokens.clear();
  }

  close(): void {
    this.forget();
  }

  async #fetch(
    scope: string,
    claims: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AccessToken> {
    const met: Encounter = { stage: 'dns' };
    const { clock, stageMs, tokenMs } = this.#parts;
    const agent = new TracedAgent({ caCertPem: this.#caCertPem, stageMs, trace: met });
    const deadline = AbortSignal.timeout(tokenMs);
    const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    // The SDK's credentials do not look at a signal: their connection is taken from under them.
    const cut = () => agent.destroy();
    either.addEventListener('abort', cut, { once: true });
    try {
      const sign = await this.#open({
        authorityHost: this.#authorityHost,
        disableInstanceDiscovery: !MICROSOFT.test(this.#request.host),
        retryOptions: { maxRetries: 0 },
        redirectOptions: { maxRetries: 0 },
        additionalPolicies: [
          { position: 'perCall', policy: sendBy(agent, tokenMs) },
          { position: 'perRetry', policy: watch(met, clock) },
        ],
      });
      const token = await settle(() => sign(scope, claims === undefined ? {} : { claims }), either);
      if (token !== null) return token;
      throw entraFault(this.#request, met, clock.now());
    } catch (error) {
      if (error instanceof SealFault) throw error;
      if (signal?.aborted) met.ended = 'cancelled';
      else if (deadline.aborted) met.ended = 'deadline';
      // The SDK's error is not kept as a cause: it may hold the request with the secret in its body.
      throw entraFault(this.#request, met, clock.now());
    } finally {
      either.removeEventListener('abort', cut);
      agent.destroy();
    }
  }

  async #open(options: SdkOptions): Promise<Sign> {
    const { tenantId, clientId, proof } = this.#principal;
    const reader = this.#reader;
    // Loaded late: a node with a managed identity never pays for it.
    const sdk = await import('@azure/identity');
    if (proof.kind === 'client_secret') {
      const secret = await readSecret(reader, 'the client secret', proof.source);
      const credential = new sdk.ClientSecretCredential(tenantId, clientId, secret, options);
      return (scope, more) => credential.getToken(scope, more);
    }
    if (proof.kind === 'workload_identity') {
      const { tokenFile } = proof;
      const read = () => readFederatedToken(reader, tokenFile);
      // Read once here as well, because the SDK would hide why it could not be.
      await read();
      const credential = new sdk.ClientAssertionCredential(tenantId, clientId, read, options);
      return (scope, more) => credential.getToken(scope, more);
    }
    const password =
      proof.password && (await readSecret(reader, "the client certificate's password", proof.password));
    const certificate = await readCertificate(reader, proof.path, password, this.#parts.clock.now());
    const credential = new sdk.ClientCertificateCredential(
      tenantId,
      clientId,
      { certificate, ...(password === undefined ? {} : { certificatePassword: password }) },
      options,
    );
    return (scope, more) => credential.getToken(scope, more);
  }
}
