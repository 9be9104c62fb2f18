// One attempt at Key Vault: an official client of its own, watched, with a deadline on each call, never retrying.

import type { AccessToken, TokenCredential } from '@azure/core-auth';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import type { SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import type { SecretBytes } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { SealFault } from '../seal.ts';
import { readAnswer, readChallenge } from './answer.ts';
import { deletedVerdict, tenantFault, vaultFault } from './classify.ts';
import type { CheckedConfig } from './config.ts';
import { TracedAgent } from './connection.ts';
import type { AzureCredential } from './credential.ts';
import { type Encounter, makeFault, type Undertaking, type VaultAction } from './encounter.ts';
import { decodeKek, encodeKek } from './kek.ts';
import { codeOf } from './metadata-get.ts';

/** Milliseconds. */
export interface Deadlines {
  /** Each of DNS, TCP connect, TLS handshake. */
  readonly stageMs: number;
  /** One call to Key Vault, with its challenge and its token. */
  readonly callMs: number;
  /** One token. */
  readonly tokenMs: number;
}

export interface SessionParts {
  readonly config: CheckedConfig;
  readonly credential: AzureCredential;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly signal: AbortSignal;
}

/** What Key Vault says of one version, without its value. */
export interface VersionFacts {
  readonly version: string;
  readonly enabled: boolean;
  readonly notBefore: Date | undefined;
  readonly expiresOn: Date | undefined;
  readonly recoveryLevel: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** A version with its value. The caller wipes `kek`; undefined if the value is not base64 of 32 bytes. */
export interface HeldSecret extends VersionFacts {
  readonly kek: SecretBytes | undefined;
}

const VERSION = /^[0-9A-Za-z]{1,64}$/;
const ANSWER_BYTES_MAX = 1024 * 1024;
/** Most versions looked at by a probe. */
const VERSIONS_MAX = 200;
/** How long the SDK may take to notice that a call was ended, before it is left alone, milliseconds. */
const SETTLE_MS = 500;

/**
 * A client per attempt, because the SDK's challenge policy keeps state between calls: after an abort it holds the
 * body of the next request, and it would carry a stale answer of one failure into the next attempt.
 */
export class VaultSession {
  readonly #parts: SessionParts;
  readonly #client: SecretClient;
  readonly #agent: TracedAgent;
  readonly #met: Encounter;

  private constructor(parts: SessionParts, client: SecretClient, agent: TracedAgent, met: Encounter) {
    this.#parts = parts;
    this.#client = client;
    this.#agent = agent;
    this.#met = met;
  }

  static async open(parts: SessionParts): Promise<VaultSession> {
    // Loaded here and not at the top: it costs tens of megabytes and a good part of a second.
    const { SecretClient } = await import('@azure/keyvault-secrets');
    const { config, deadlines } = parts;
    const met: Encounter = { stage: 'dns' };
    const agent = new TracedAgent({ caCertPem: config.caCertPem, stageMs: deadlines.stageMs, trace: met });
    const client = new SecretClient(config.vaultUri, tokenSource(parts), {
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
      disableChallengeResourceVerification: audienceIsForeign(config),
      additionalPolicies: [
        { position: 'perCall', policy: sendBy(agent, deadlines.callMs) },
        { position: 'perRetry', policy: watch(met, parts) },
      ],
    });
    return new VaultSession(parts, client, agent, met);
  }

  /** Ends every connection. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * @param version undefined: the newest.
   * @throws SealFault; for a missing secret keyvault_secret_not_found or keyvault_secret_deleted.
   */
  async get(secretName: string, version?: string): Promise<HeldSecret> {
    const doing = this.#undertaking('getSecret', secretName, version);
    const secret = await this.#call(doing, (abortSignal) =>
      this.#client.getSecret(secretName, { abortSignal, ...(version === undefined ? {} : { version }) }),
    );
    const facts = this.#facts(doing, secret.properties);
    if (version !== undefined && facts.version !== version) throw this.#odd(doing);
    return { ...facts, kek: decodeKek(secret.value) };
  }

  /** Makes a new version. Its value passes through strings of the SDK and of TLS, which cannot be wiped. */
  async set(
    secretName: string,
    kek: SecretBytes,
    contentType: string,
    tags: Record<string, string>,
  ): Promise<VersionFacts> {
    const doing = this.#undertaking('setSecret', secretName);
    const secret = await this.#call(doing, (abortSignal) =>
      this.#client.setSecret(secretName, encodeKek(kek), { abortSignal, contentType, tags }),
    );
    return this.#facts(doing, secret.properties);
  }

  /** Replaces the tags of one version. */
  async retag(secretName: string, version: string, tags: Record<string, string>): Promise<void> {
    const doing = this.#undertaking('update', secretName, version);
    await this.#call(doing, (abortSignal) =>
      this.#client.updateSecretProperties(secretName, version, { abortSignal, tags }),
    );
  }

  /** At most 200, in no particular order. */
  async versions(secretName: string): Promise<VersionFacts[]> {
    const doing = this.#undertaking('readMetadata', secretName);
    return await this.#call(doing, async (abortSignal) => {
      const found: VersionFacts[] = [];
      for await (const properties of this.#client.listPropertiesOfSecretVersions(secretName, {
        abortSignal,
      })) {
        found.push(this.#facts(doing, properties));
        if (found.length >= VERSIONS_MAX) break;
      }
      return found;
    });
  }

  /** The fault that tells of a deleted secret, if the vault says that it is one; undefined if it says anything else. */
  async deletedFault(secretName: string, action: VaultAction): Promise<SealFault | undefined> {
    const doing = this.#undertaking('readMetadata', secretName);
    try {
      const deleted = await this.#call(doing, (abortSignal) =>
        this.#client.getDeletedSecret(secretName, { abortSignal }),
      );
      const verdict = deletedVerdict({ ...doing, action }, 404, deleted.scheduledPurgeDate);
      return makeFault(this.#parts.config.name, verdict);
    } catch {
      return undefined;
    }
  }

  #undertaking(action: VaultAction, secretName: string, version?: string): Undertaking {
    const { config, deadlines } = this.#parts;
    const { callMs, stageMs } = deadlines;
    return { config, action, secretName, callMs, stageMs, ...(version === undefined ? {} : { version }) };
  }

  async #call<T>(doing: Undertaking, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, deadlines, credential } = this.#parts;
    const met = this.#met;
    forgetEarlier(met);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlines.callMs);
    const either = AbortSignal.any([signal, deadline.signal]);
    try {
      return await settle(run, either);
    } catch (error) {
      if (signal.aborted) met.ended = 'cancelled';
      else if (deadline.signal.aborted) met.ended = 'deadline';
      if (met.answer?.status === 401) credential.forget();
      // The SDK's error is not kept as a cause: it holds the request with its token and its body.
      throw error instanceof SealFault ? honest(error, met) : vaultFault(doing, met);
    } finally {
      clearTimeout(timer);
    }
  }

  #facts(doing: Undertaking, properties: SecretProperties): VersionFacts {
    const { version } = properties;
    if (version === undefined || !VERSION.test(version)) throw this.#odd(doing);
    return {
      version,
      enabled: properties.enabled !== false,
      notBefore: properties.notBefore,
      expiresOn: properties.expiresOn,
      recoveryLevel: properties.recoveryLevel,
      tags: properties.tags ?? {},
    };
  }

  #odd(doing: Undertaking): SealFault {
    return vaultFault(doing, { stage: 'key', answer: { status: this.#met.answer?.status ?? 200 } });
  }
}

/** The credential as this vault sees it: checks the tenant first, and asks for the configured audience. */
function tokenSource({ config, credential }: SessionParts): TokenCredential {
  return {
    async getToken(scopes, options): Promise<AccessToken | null> {
      const wrongTenant = tenantFault(config, options?.tenantId);
      if (wrongTenant !== undefined) throw wrongTenant;
      const scope = config.audience === undefined ? scopes : `${config.audience}/.default`;
      return await credential.getToken(scope, options);
    },
  };
}

/** Only an audience that somebody wrote down may differ from the vault's own domain. */
function audienceIsForeign(config: CheckedConfig): boolean {
  if (config.audience === undefined) return false;
  const host = URL.parse(config.audience)?.hostname;
  return host === undefined || !config.vaultHost.endsWith(`.${host}`);
}

/** An agent that is already set keeps the SDK's proxy policy from reading HTTPS_PROXY. */
function sendBy(agent: TracedAgent, timeoutMs: number): PipelinePolicy {
  return {
    name: 'latchkeyAgentPolicy',
    sendRequest(request, next) {
      request.agent = agent;
      request.timeout = timeoutMs;
      request.onDownloadProgress = ({ loadedBytes }) => {
        if (loadedBytes > ANSWER_BYTES_MAX) throw new Error('answer too large');
      };
      return next(request);
    },
  };
}

/** Notes what each single exchange met, because the SDK's errors lose it (an empty 503 becomes a TypeError). */
function watch(met: Encounter, { clock }: SessionParts): PipelinePolicy {
  return {
    name: 'latchkeyWatchPolicy',
    async sendRequest(request, next) {
      delete met.answer;
      try {
        const response = await next(request);
        const header = (name: string) => response.headers.get(name);
        met.answer = readAnswer(response.status, header, response.bodyAsText, clock.now());
        if (response.status === 401) met.challenge = readChallenge(header('www-authenticate'));
        return response;
      } catch (error) {
        met.networkCode = codeOf(error);
        throw error;
      }
    },
  };
}

/** To the credential every signal is a caller who gave up; where it was the call's deadline, the token was slow. */
function honest(fault: SealFault, met: Encounter): SealFault {
  if (fault.facts.class !== 'cancelled' || met.ended !== 'deadline') return fault;
  const sentence = 'the token did not come before the call to Key Vault had to end';
  return makeFault(fault.facts.sealName, { ...fault.facts, class: 'imds_timeout', sentence });
}

/** A call on a connection that is still open starts where that connection is. */
function forgetEarlier(met: Encounter): void {
  delete met.answer;
  delete met.challenge;
  delete met.networkCode;
  delete met.ended;
}

/** Runs to the end, or until shortly after the signal, should the SDK overlook it. */
async function settle<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: overlooked, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const abort = () => {
    timer = setTimeout(() => reject(signal.reason), SETTLE_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([run(signal), overlooked]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
