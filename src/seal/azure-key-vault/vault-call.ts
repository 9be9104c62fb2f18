// One attempt at Key Vault: an agent of its own, each exchange watched, a deadline on each call, never a retry.

import type { AccessToken, TokenCredential } from '@azure/core-auth';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import type { Clock } from '../../base/clock.ts';
import { SealFault } from '../seal.ts';
import { readAnswer, readChallenge } from './answer.ts';
import type { AzureCredential } from './azure-credential.ts';
import { tenantFault, vaultFault } from './classify.ts';
import type { CheckedConfig } from './config.ts';
import { TracedAgent } from './connection.ts';
import { type Encounter, makeFault, type Undertaking, type VaultAction } from './encounter.ts';
import { codeOf } from './metadata-get.ts';
import { settle } from './settle.ts';

/** Milliseconds. */
export interface Deadlines {
  /** Each of DNS, TCP connect, TLS handshake. */
  readonly stageMs: number;
  /** One call to Key Vault, with its challenge and its token. */
  readonly callMs: number;
  /** One token. */
  readonly tokenMs: number;
}

export interface AttemptParts {
  readonly config: CheckedConfig;
  readonly credential: AzureCredential;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly signal: AbortSignal;
}

/** What Key Vault says of one version of a secret or a key, without what it holds. */
export interface VersionFacts {
  readonly version: string;
  readonly enabled: boolean;
  readonly notBefore: Date | undefined;
  readonly expiresOn: Date | undefined;
  readonly recoveryLevel: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** The same of the SDK's clients for secrets and for keys. */
interface SdkProperties {
  readonly version?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly notBefore?: Date | undefined;
  readonly expiresOn?: Date | undefined;
  readonly recoveryLevel?: string | undefined;
  readonly tags?: Record<string, string> | undefined;
}

const VERSION = /^[0-9A-Za-z]{1,64}$/;
const ANSWER_BYTES_MAX = 1024 * 1024;
/** Most versions looked at by a probe. */
const VERSIONS_MAX = 200;

/**
 * What the clients of one attempt share. A client lives no longer than the attempt, because the SDK's challenge policy
 * keeps state between calls: after an abort it holds the body of the next request, and it would carry a stale answer of
 * one failure into the next attempt.
 */
export class VaultCall {
  readonly config: CheckedConfig;
  /** For the SDK's clients. */
  readonly tokens: TokenCredential;
  readonly #parts: AttemptParts;
  readonly #agent: TracedAgent;
  readonly #met: Encounter = { stage: 'dns' };

  constructor(parts: AttemptParts) {
    const { config, deadlines } = parts;
    this.#parts = parts;
    this.config = config;
    this.tokens = tokenSource(parts);
    this.#agent = new TracedAgent({
      caCertPem: config.caCertPem,
      stageMs: deadlines.stageMs,
      trace: this.#met,
    });
  }

  /** A fresh object each time: the SDK writes into it. */
  clientOptions() {
    return {
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
      disableChallengeResourceVerification: audienceIsForeign(this.config),
      additionalPolicies: [
        { position: 'perCall' as const, policy: sendBy(this.#agent, this.#parts.deadlines.callMs) },
        { position: 'perRetry' as const, policy: watch(this.#met, this.#parts.clock) },
      ],
    };
  }

  undertaking(action: VaultAction, objectName: string, version?: string): Undertaking {
    const { config, deadlines } = this.#parts;
    const { callMs, stageMs } = deadlines;
    return { config, action, objectName, callMs, stageMs, ...(version === undefined ? {} : { version }) };
  }

  /** @throws SealFault */
  async run<T>(doing: Undertaking, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, deadlines, credential } = this.#parts;
    const met = this.#met;
    forgetEarlier(met);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlines.callMs);
    const either = AbortSignal.any([signal, deadline.signal]);
    try {
      return await settle(send, either);
    } catch (error) {
      if (signal.aborted) met.ended = 'cancelled';
      else if (deadline.signal.aborted) met.ended = 'deadline';
      if (met.answer?.status === 401) credential.forget();
      // The SDK's error is not kept as a cause: it holds the request with its token and its body.
      throw error instanceof SealFault ? this.#honest(error) : vaultFault(doing, met);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The first 200, in no particular order. */
  async collect(
    doing: Undertaking,
    list: (signal: AbortSignal) => AsyncIterable<SdkProperties>,
  ): Promise<VersionFacts[]> {
    return await this.run(doing, async (signal) => {
      const found: VersionFacts[] = [];
      for await (const properties of list(signal)) {
        found.push(this.facts(doing, properties));
        if (found.length >= VERSIONS_MAX) break;
      }
      return found;
    });
  }

  facts(doing: Undertaking, properties: SdkProperties): VersionFacts {
    const { version } = properties;
    if (version === undefined || !VERSION.test(version)) throw this.odd(doing);
    return {
      version,
      enabled: properties.enabled !== false,
      notBefore: properties.notBefore,
      expiresOn: properties.expiresOn,
      recoveryLevel: properties.recoveryLevel,
      tags: properties.tags ?? {},
    };
  }

  /** For a good answer that says something which cannot be. */
  odd(doing: Undertaking): SealFault {
    return vaultFault(doing, { stage: 'key', answer: { status: this.#met.answer?.status ?? 200 } });
  }

  /** Ends every connection. */
  close(): void {
    this.#agent.destroy();
  }

  /** To the credential every signal is a caller who gave up; where it was the call's deadline, the token was slow. */
  #honest(fault: SealFault): SealFault {
    if (fault.facts.class !== 'cancelled' || this.#met.ended !== 'deadline') return fault;
    const sentence = 'the token did not come before the call to Key Vault had to end';
    const { timeoutClass } = this.#parts.credential;
    return makeFault(fault.facts.sealName, { ...fault.facts, class: timeoutClass, sentence });
  }
}

/** The credential as this vault sees it: checks the tenant first, and asks for the configured audience. */
function tokenSource({ config, credential }: AttemptParts): TokenCredential {
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
export function sendBy(agent: TracedAgent, timeoutMs: number): PipelinePolicy {
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
export function watch(met: Encounter, clock: Clock): PipelinePolicy {
  return {
    name: 'latchkeyWatchPolicy',
    async sendRequest(request, next) {
      delete met.answer;
      delete met.dateMs;
      try {
        const response = await next(request);
        const header = (name: string) => response.headers.get(name);
        met.answer = readAnswer(response.status, header, response.bodyAsText, clock.now());
        if (response.status === 401) met.challenge = readChallenge(header('www-authenticate'));
        const dateMs = Date.parse(header('date') ?? '');
        if (!Number.isNaN(dateMs)) met.dateMs = dateMs;
        return response;
      } catch (error) {
        met.networkCode = codeOf(error);
        throw error;
      }
    },
  };
}

/** A call on a connection that is still open starts where that connection is. */
function forgetEarlier(met: Encounter): void {
  delete met.answer;
  delete met.challenge;
  delete met.networkCode;
  delete met.ended;
  delete met.dateMs;
}
