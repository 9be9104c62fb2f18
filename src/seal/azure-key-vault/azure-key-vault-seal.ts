// The seal `azurekeyvault` in its secret variant: the KEK is a random 256-bit value that Key Vault keeps as a secret
// and this node reads, uses and wipes. Whoever may read the secret and has the stored copy has the root key.

import type { SecretBytes } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import {
  type ProbeReport,
  type Seal,
  SealFault,
  type SealFaultFacts,
  type WrapContext,
  type WrappedCopy,
} from '../seal.ts';
import { type AzureSealConfig, type CheckedConfig, checkConfig } from './config.ts';
import { type AzureCredential, openCredential } from './credential.ts';
import { makeFault, placeOf } from './encounter.ts';
import {
  fingerprintMatches,
  fingerprintOf,
  generateKek,
  isWellFormed,
  openUnder,
  sealUnder,
  WRAP_BYTES_MAX,
} from './kek.ts';
import { type CopyAddress, parseKeyId } from './key-id.ts';
import { warningsOf } from './probe-warnings.ts';
import { type Deadlines, type HeldSecret, VaultSession } from './vault-session.ts';

export type { AzureSealConfig } from './config.ts';

export interface AzureSealParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The process's environment; only what Azure sets is read, and proxy variables, to say that they are not used. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly deadlines?: Partial<Deadlines>;
}

export const VARIANT = 'secret';
export const CLUSTER_TAG = 'latchkey-cluster-id';
export const FORMAT_TAG = 'latchkey-format';
/** Value of the format tag: base64 of 32 bytes. */
export const FORMAT_TAG_VALUE = '1';
export const CONTENT_TYPE = 'application/vnd.latchkey.kek+base64';

const DEADLINES: Deadlines = { stageMs: 5_000, callMs: 10_000, tokenMs: 5_000 };
/** Key Vault's limit is 15 tags; two are ours. */
const FOREIGN_TAGS_MAX = 13;

/**
 * Opens nothing on the network: the first call does.
 * @throws LatchkeyError config_invalid.
 */
export function openAzureKeyVaultSeal(config: AzureSealConfig, parts: AzureSealParts): Seal {
  return new AzureKeyVaultSeal(checkConfig(config), parts);
}

class AzureKeyVaultSeal implements Seal {
  readonly name: string;
  readonly kind = 'azurekeyvault';
  readonly describe: Seal['describe'];
  readonly #config: CheckedConfig;
  readonly #parts: AzureSealParts;
  readonly #deadlines: Deadlines;
  readonly #credential: AzureCredential;
  readonly #closing = new AbortController();
  #announced = false;

  constructor(config: CheckedConfig, parts: AzureSealParts) {
    const { clock, env = {} } = parts;
    this.name = config.name;
    this.#config = config;
    this.#parts = parts;
    this.#deadlines = { ...DEADLINES, ...parts.deadlines };
    this.#credential = openCredential(config, { clock, env, tokenMs: this.#deadlines.tokenMs });
    this.describe = {
      summary: `Azure Key Vault ${config.vaultUri} secret ${config.secretName}, as ${this.#credential.label}`,
      warnings: [
        'KEK held as a secret: whoever may read it in Key Vault and has the stored data can open this cluster',
      ],
    };
  }

  async prepare(clusterId: string, signal: AbortSignal): Promise<void> {
    await this.#attempt(signal, async (session) => {
      const { secretName } = this.#config;
      const found = await this.#look(session);
      if (found === undefined) {
        using kek = generateKek(this.#parts.random);
        const made = await session.set(secretName, kek, CONTENT_TYPE, ourTags(clusterId));
        this.#parts.log.info('made a new KEK', { kek: this.#keyId(made.version) });
        return;
      }
      using _kek = found.kek;
      if (found.tags[CLUSTER_TAG] === clusterId) this.#requireKek(found);
      else await this.#adopt(session, found, clusterId);
    });
  }

  async wrap(secret: SecretBytes, context: WrapContext, signal: AbortSignal): Promise<WrappedCopy> {
    if (secret.size < 1 || secret.size > WRAP_BYTES_MAX) {
      throw this.#fault({
        stage: 'wrap',
        class: 'unknown',
        retry: 'rare',
        sentence: `a seal wraps 1 to ${WRAP_BYTES_MAX} bytes`,
      });
    }
    return await this.#attempt(signal, async (session) => {
      const newest = await session.get(this.#config.secretName);
      using kek = this.#requireKek(newest);
      // Also settles a race of two initialisations for one name: the one whose version was overtaken stops here.
      if (newest.tags[CLUSTER_TAG] !== context.clusterId) throw this.#foreign(newest, context.clusterId);
      return {
        variant: VARIANT,
        keyId: this.#keyId(newest.version),
        fingerprint: fingerprintOf(kek),
        blob: sealUnder(kek, secret, context, this.#parts.random),
      };
    });
  }

  async unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes> {
    const address = this.#checkCopy(copy);
    return await this.#attempt(signal, async (session) => {
      const held = await this.#getPinned(session, address);
      using kek = this.#requireKek(held);
      const opened = fingerprintMatches(kek, copy.fingerprint)
        ? openUnder(kek, copy.blob, context)
        : undefined;
      if (opened === undefined) throw this.#mismatch(address);
      return opened;
    });
  }

  async probe(signal: AbortSignal): Promise<ProbeReport> {
    return await this.#attempt(signal, async (session) => {
      const newest = await session.get(this.#config.secretName);
      using _kek = this.#requireKek(newest);
      const versions = await session.versions(this.#config.secretName).catch((error: unknown) => {
        if (error instanceof SealFault && error.facts.class !== 'cancelled') return error;
        throw error;
      });
      const warnings = warningsOf(newest, versions, this.#parts.clock.now());
      return { keyId: this.#keyId(newest.version), warnings };
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#credential.close();
  }

  async #attempt<T>(signal: AbortSignal, run: (session: VaultSession) => Promise<T>): Promise<T> {
    this.#announce();
    const either = AbortSignal.any([signal, this.#closing.signal]);
    let session: VaultSession | undefined;
    try {
      session = await VaultSession.open({
        config: this.#config,
        credential: this.#credential,
        clock: this.#parts.clock,
        deadlines: this.#deadlines,
        signal: either,
      });
      return await run(session);
    } catch (error) {
      if (error instanceof SealFault) throw error;
      // A defect of ours or a package that does not load. Its text is not trusted to be free of values.
      const what = error instanceof Error ? error.name : typeof error;
      throw this.#fault({
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

  /** The first time where everybody sees it, then where it does not fill the log. */
  #announce(): void {
    const { log, env = {} } = this.#parts;
    const { vaultUri } = this.#config;
    const say = this.#announced ? log.debug.bind(log) : log.info.bind(log);
    say(`contacting ${vaultUri} as ${this.#credential.label}`, {
      seal: this.name,
      secret: this.#config.secretName,
      token_endpoint: this.#credential.endpoint,
      proxy: 'none',
    });
    const proxy = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'].find((name) => env[name]);
    if (!this.#announced && proxy !== undefined) {
      log.warn(`${proxy} is set; the seal does not use it and goes to Key Vault directly`, {
        seal: this.name,
      });
    }
    this.#announced = true;
  }

  /** The newest version, or undefined if there is none and none is deleted. All that reading can tell, before a write. */
  async #look(session: VaultSession): Promise<HeldSecret | undefined> {
    const { secretName } = this.#config;
    try {
      return await session.get(secretName);
    } catch (error) {
      if (!isClass(error, 'keyvault_secret_not_found')) throw error;
    }
    const deleted = await session.deletedFault(secretName, 'setSecret');
    if (deleted !== undefined) throw deleted;
    return undefined;
  }

  async #adopt(session: VaultSession, found: HeldSecret, clusterId: string): Promise<void> {
    if (!this.#config.adopt) throw this.#foreign(found, clusterId);
    this.#requireKek(found);
    const others = Object.entries(found.tags).filter(([tag]) => tag !== CLUSTER_TAG && tag !== FORMAT_TAG);
    const tags = { ...Object.fromEntries(others.slice(0, FOREIGN_TAGS_MAX)), ...ourTags(clusterId) };
    await session.retag(this.#config.secretName, found.version, tags);
    this.#parts.log.warn('adopted a secret that was there as the KEK', { kek: this.#keyId(found.version) });
  }

  #checkCopy(copy: WrappedCopy): CopyAddress {
    if (copy.variant !== VARIANT) {
      throw this.#fault({
        stage: 'unwrap',
        class: 'variant_mismatch',
        retry: 'rare',
        sentence: `the stored copy was wrapped by variant "${copy.variant.slice(0, 20)}" of this seal; this node has variant "${VARIANT}"`,
        remedy: 'set the stanza as it was when the cluster was initialised',
      });
    }
    const address = parseKeyId(copy.keyId);
    if (address === undefined || !isWellFormed(copy.blob)) {
      const what =
        address === undefined ? 'names no Key Vault secret' : 'has a format that this version does not know';
      throw this.#fault({
        stage: 'unwrap',
        class: 'copy_malformed',
        retry: 'rare',
        sentence: `the stored copy ${what}`,
      });
    }
    return address;
  }

  async #getPinned(session: VaultSession, { origin, secretName, version }: CopyAddress): Promise<HeldSecret> {
    try {
      return await session.get(secretName, version);
    } catch (error) {
      if (!isClass(error, 'keyvault_secret_not_found')) throw error;
      const deleted = await session.deletedFault(secretName, 'getSecret');
      if (deleted !== undefined) throw deleted;
      const { vaultUri, vaultName } = this.#config;
      if (origin === vaultUri) throw this.#purged(error, { origin, secretName, version });
      throw makeFault(this.name, {
        ...error.facts,
        sentence: `the data was sealed by ${origin}/secrets/${secretName}; this node is set to ${vaultUri}, which has no such version`,
        remedy: `set vault_uri = "${origin}", or restore a backup of the secret: az keyvault secret restore --vault-name ${vaultName} --file <file>`,
      });
    }
  }

  /** Neither there nor deleted: it was purged, or the vault was and is a new one of the same name. */
  #purged({ facts }: SealFault, { secretName, version }: CopyAddress): SealFault {
    const place = placeOf({ config: this.#config, secretName, version });
    return makeFault(this.name, {
      ...facts,
      sentence: `${place}, which sealed this data, does not exist (404 SecretNotFound): it, or the whole vault, was purged`,
      remedy: `az keyvault secret restore --vault-name ${this.#config.vaultName} --file <backup of the secret>; without a backup this data stays closed`,
    });
  }

  #requireKek(held: HeldSecret): SecretBytes {
    if (held.kek !== undefined) return held.kek;
    throw this.#fault({
      stage: 'key',
      class: 'kek_malformed',
      retry: 'rare',
      sentence: `the value of ${this.#keyId(held.version)} is not base64 of 32 bytes, so it is no KEK`,
      remedy: 'choose another secret_name, or restore the version that was there',
    });
  }

  #mismatch({ secretName, version }: CopyAddress): SealFault {
    const place = placeOf({ config: this.#config, secretName, version });
    return this.#fault({
      stage: 'unwrap',
      class: 'kek_mismatch',
      retry: 'rare',
      sentence: `${place} does not open the stored copy: it is another KEK, or the data belongs to another cluster`,
      remedy:
        'set vault_uri and secret_name to where this data was sealed, or restore the secret version from its backup',
    });
  }

  #foreign({ tags, version }: HeldSecret, clusterId: string): SealFault {
    const found = tags[CLUSTER_TAG];
    const whose =
      found === undefined ? `has no tag ${CLUSTER_TAG}` : `has tag ${CLUSTER_TAG} = ${found.slice(0, 64)}`;
    return this.#fault({
      stage: 'key',
      class: 'kek_belongs_to_another_cluster',
      retry: 'rare',
      sentence: `secret ${this.#config.secretName} in ${this.#config.vaultUri} ${whose}, this cluster is ${clusterId} (version ${version.slice(0, 8)}…)`,
      remedy:
        'choose another secret_name in the seal stanza, or set adopt = true to take this secret over, and restart',
    });
  }

  #keyId(version: string): string {
    return placeOf({ config: this.#config, secretName: this.#config.secretName, version });
  }

  #fault(facts: Omit<SealFaultFacts, 'sealName' | 'definite'> & { readonly definite?: boolean }): SealFault {
    return makeFault(this.name, { definite: true, ...facts });
  }
}

function ourTags(clusterId: string): Record<string, string> {
  return { [CLUSTER_TAG]: clusterId, [FORMAT_TAG]: FORMAT_TAG_VALUE };
}

function isClass(error: unknown, className: string): error is SealFault {
  return error instanceof SealFault && error.facts.class === className;
}
