// The secret variant: the KEK is a random 256-bit value that Key Vault keeps as a secret and this node reads, uses and
// wipes. Whoever may read the secret and has the stored copy has the root key.

import type { SecretBytes } from '../../base/bytes.ts';
import type { ProbeReport, Seal, SealFault, WrapContext, WrappedCopy } from '../seal.ts';
import { Attempts, type AzureSealParts } from './attempts.ts';
import type { CheckedConfig } from './config.ts';
import {
  checkSize,
  copyMalformed,
  FORMAT_UNKNOWN,
  missingKek,
  SECRET_VARIANT,
  variantMismatch,
} from './copy-faults.ts';
import { idOf, isClass } from './encounter.ts';
import { fingerprintMatches, fingerprintOf, generateKek, isWellFormed, openUnder, sealUnder } from './kek.ts';
import { type CopyAddress, parseKeyId } from './key-id.ts';
import { orFault, warningsOf } from './probe-warnings.ts';
import { type HeldSecret, SecretSession } from './secret-session.ts';

export const CLUSTER_TAG = 'latchkey-cluster-id';
export const FORMAT_TAG = 'latchkey-format';
/** Value of the format tag: base64 of 32 bytes. */
const FORMAT_TAG_VALUE = '1';
const CONTENT_TYPE = 'application/vnd.latchkey.kek+base64';

/** Key Vault's limit is 15 tags; two are ours. */
const FOREIGN_TAGS_MAX = 13;

export class SecretVariant implements Seal {
  readonly name: string;
  readonly kind = 'azurekeyvault';
  readonly describe: Seal['describe'];
  readonly #config: CheckedConfig;
  readonly #parts: AzureSealParts;
  readonly #attempts: Attempts<SecretSession>;

  /** @throws LatchkeyError config_invalid if no way to sign in is complete. */
  constructor(config: CheckedConfig, parts: AzureSealParts) {
    this.name = config.name;
    this.#config = config;
    this.#parts = parts;
    this.#attempts = new Attempts(config, parts, SecretSession.open);
    this.describe = {
      summary: `Azure Key Vault ${config.vaultUri} secret ${config.secretName}, as ${this.#attempts.credential.label}`,
      warnings: [
        'KEK held as a secret: whoever may read it in Key Vault and has the stored data can open this cluster',
      ],
    };
  }

  async prepare(clusterId: string, signal: AbortSignal): Promise<void> {
    await this.#attempts.run(signal, async (session) => {
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
    checkSize(this.name, secret);
    return await this.#attempts.run(signal, async (session) => {
      const newest = await session.get(this.#config.secretName);
      using kek = this.#requireKek(newest);
      // Also settles a race of two initialisations for one name: the one whose version was overtaken stops here.
      if (newest.tags[CLUSTER_TAG] !== context.clusterId) throw this.#foreign(newest, context.clusterId);
      return {
        variant: SECRET_VARIANT,
        keyId: this.#keyId(newest.version),
        fingerprint: fingerprintOf(kek),
        blob: sealUnder(kek, secret, context, this.#parts.random),
      };
    });
  }

  async unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes> {
    const address = this.#checkCopy(copy);
    return await this.#attempts.run(signal, async (session) => {
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
    return await this.#attempts.run(signal, async (session) => {
      const newest = await session.get(this.#config.secretName);
      using _kek = this.#requireKek(newest);
      const versions = await orFault(session.versions(this.#config.secretName));
      const warnings = warningsOf('secret', newest, versions, this.#parts.clock.now());
      return { keyId: this.#keyId(newest.version), warnings };
    });
  }

  async close(): Promise<void> {
    this.#attempts.close();
  }

  /** The newest version, or undefined if there is none and none is deleted. All that reading can tell, before a write. */
  async #look(session: SecretSession): Promise<HeldSecret | undefined> {
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

  async #adopt(session: SecretSession, found: HeldSecret, clusterId: string): Promise<void> {
    if (!this.#config.adopt) throw this.#foreign(found, clusterId);
    this.#requireKek(found);
    const others = Object.entries(found.tags).filter(([tag]) => tag !== CLUSTER_TAG && tag !== FORMAT_TAG);
    const tags = { ...Object.fromEntries(others.slice(0, FOREIGN_TAGS_MAX)), ...ourTags(clusterId) };
    await session.retag(this.#config.secretName, found.version, tags);
    this.#parts.log.warn('adopted a secret that was there as the KEK', { kek: this.#keyId(found.version) });
  }

  #checkCopy(copy: WrappedCopy): CopyAddress {
    const { name } = this;
    if (copy.variant !== SECRET_VARIANT) throw variantMismatch(name, SECRET_VARIANT, copy);
    const address = parseKeyId(copy.keyId, 'secret');
    if (address === undefined) throw copyMalformed(name, 'names no Key Vault secret');
    if (!isWellFormed(copy.blob)) throw copyMalformed(name, FORMAT_UNKNOWN);
    return address;
  }

  async #getPinned(session: SecretSession, address: CopyAddress): Promise<HeldSecret> {
    const { objectName, version } = address;
    try {
      return await session.get(objectName, version);
    } catch (error) {
      if (!isClass(error, 'keyvault_secret_not_found')) throw error;
      const deleted = await session.deletedFault(objectName, 'getSecret');
      throw deleted ?? missingKek(this.#config, error.facts, address);
    }
  }

  #requireKek(held: HeldSecret): SecretBytes {
    if (held.kek !== undefined) return held.kek;
    throw this.#attempts.fault({
      stage: 'key',
      class: 'kek_malformed',
      retry: 'rare',
      sentence: `the value of ${this.#keyId(held.version)} is not base64 of 32 bytes, so it is no KEK`,
      remedy: 'choose another secret_name, or restore the version that was there',
    });
  }

  #mismatch({ objectName, version }: CopyAddress): SealFault {
    const place = idOf(this.#config, 'secret', objectName, version);
    return this.#attempts.fault({
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
    return this.#attempts.fault({
      stage: 'key',
      class: 'kek_belongs_to_another_cluster',
      retry: 'rare',
      sentence: `secret ${this.#config.secretName} in ${this.#config.vaultUri} ${whose}, this cluster is ${clusterId} (version ${version.slice(0, 8)}…)`,
      remedy:
        'choose another secret_name in the seal stanza, or set adopt = true to take this secret over, and restart',
    });
  }

  #keyId(version: string): string {
    return idOf(this.#config, 'secret', this.#config.secretName, version);
  }
}

function ourTags(clusterId: string): Record<string, string> {
  return { [CLUSTER_TAG]: clusterId, [FORMAT_TAG]: FORMAT_TAG_VALUE };
}
