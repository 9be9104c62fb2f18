// What both variants do around their calls: choose the identity once, open a session for each attempt, close it, and say
// at the first one where it goes and as whom.

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { SealFault, type SealFaultFacts } from '../seal.ts';
import type { AzureCredential } from './azure-credential.ts';
import type { CheckedConfig } from './config.ts';
import { openCredential } from './credential.ts';
import { makeFault } from './encounter.ts';
import type { AttemptParts, Deadlines } from './vault-call.ts';

export interface AzureSealParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The process's environment: what Azure sets, what `env://` names, and proxy variables, to say that they are not used. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly deadlines?: Partial<Deadlines>;
}

type FaultFacts = Omit<SealFaultFacts, 'sealName' | 'definite'> & { readonly definite?: boolean };

const DEADLINES: Deadlines = { stageMs: 5_000, callMs: 10_000, tokenMs: 5_000 };

/** `S` is the variant's session. */
export class Attempts<S extends { close(): void }> {
  readonly credential: AzureCredential;
  readonly #config: CheckedConfig;
  readonly #parts: AzureSealParts;
  readonly #deadlines: Deadlines;
  readonly #open: (parts: AttemptParts) => Promise<S>;
  readonly #closing = new AbortController();
  #announced = false;

  /** @throws LatchkeyError config_invalid if no way to sign in is complete. */
  constructor(config: CheckedConfig, parts: AzureSealParts, open: (parts: AttemptParts) => Promise<S>) {
    const { clock, log, env = {} } = parts;
    this.#config = config;
    this.#parts = parts;
    this.#open = open;
    this.#deadlines = { ...DEADLINES, ...parts.deadlines };
    const { stageMs, tokenMs } = this.#deadlines;
    this.credential = openCredential(config, { clock, log, env, stageMs, tokenMs });
  }

  /** @throws SealFault and nothing else. */
  async run<T>(signal: AbortSignal, act: (session: S) => Promise<T>): Promise<T> {
    this.#announce();
    let session: S | undefined;
    try {
      session = await this.#open({
        config: this.#config,
        credential: this.credential,
        clock: this.#parts.clock,
        deadlines: this.#deadlines,
        signal: AbortSignal.any([signal, this.#closing.signal]),
      });
      return await act(session);
    } catch (error) {
      if (error instanceof SealFault) throw error;
      // A defect of ours or a package that does not load. Its text is not trusted to be free of values.
      const what = error instanceof Error ? error.name : typeof error;
      throw this.fault({
        stage: 'key',
        class: 'unknown',
        retry: 'backoff',
        sentence: `the seal itself failed (${what})`,
        definite: false,
      });
    } finally {
      session?.close();
    }
  }

  fault(facts: FaultFacts): SealFault {
    return makeFault(this.#config.name, { definite: true, ...facts });
  }

  close(): void {
    this.#closing.abort();
    this.credential.close();
  }

  /** The first time where everybody sees it, then where it does not fill the log. */
  #announce(): void {
    const { log, env = {} } = this.#parts;
    const { vaultUri, name, keyName, secretName } = this.#config;
    const say = this.#announced ? log.debug.bind(log) : log.info.bind(log);
    say(`contacting ${vaultUri} as ${this.credential.label}`, {
      seal: name,
      ...(keyName === undefined ? { secret: secretName } : { key: keyName }),
      token_endpoint: this.credential.endpoint,
      proxy: 'none',
    });
    const proxy = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'].find((variable) => env[variable]);
    if (!this.#announced && proxy !== undefined) {
      log.warn(`${proxy} is set; the seal does not use it and goes to Azure directly`, { seal: name });
    }
    this.#announced = true;
  }
}
