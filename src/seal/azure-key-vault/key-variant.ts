// The key variant: the KEK is an RSA key that Key Vault never gives away. A copy opens only by asking Key Vault to
// unwrap, so whoever has the stored data and was once able to ask has nothing once the right is taken away.

import type { SecretBytes } from '../../base/bytes.ts';
import type { ProbeReport, Seal, SealFault, WrapContext, WrappedCopy } from '../seal.ts';
import { Attempts, type AzureSealParts } from './attempts.ts';
import type { CheckedConfig } from './config.ts';
import {
  checkSize,
  copyMalformed,
  FORMAT_UNKNOWN,
  KEY_VARIANT,
  missingKek,
  variantMismatch,
} from './copy-faults.ts';
import { idOf, isClass } from './encounter.ts';
import {
  DATA_KEY_BYTES,
  type Envelope,
  fillBox,
  fingerprintOfKey,
  generateDataKey,
  isWrappedSize,
  joinEnvelope,
  openBox,
  splitEnvelope,
} from './envelope.ts';
import { fitnessFault } from './key-fitness.ts';
import { type CopyAddress, parseKeyId } from './key-id.ts';
import { type KeyFacts, KeySession } from './key-session.ts';
import { orFault, warningsOf } from './probe-warnings.ts';

export type KeyConfig = CheckedConfig & { readonly keyName: string };

export class KeyVariant implements Seal {
  readonly name: string;
  readonly kind = 'azurekeyvault';
  readonly describe: Seal['describe'];
  readonly #config: KeyConfig;
  readonly #parts: AzureSealParts;
  readonly #attempts: Attempts<KeySession>;

  /** @throws LatchkeyError config_invalid if no way to sign in is complete. */
  constructor(config: KeyConfig, parts: AzureSealParts) {
    this.name = config.name;
    this.#config = config;
    this.#parts = parts;
    this.#attempts = new Attempts(config, parts, KeySession.open);
    this.describe = {
      summary: `Azure Key Vault ${config.vaultUri} key ${config.keyName}, as ${this.#attempts.credential.label}`,
      warnings: [],
    };
  }

  /** Makes nothing: the key is the operator's, and one key may serve several clusters. */
  async prepare(_clusterId: string, signal: AbortSignal): Promise<void> {
    await this.#attempts.run(signal, (session) => this.#getFit(session));
  }

  async wrap(secret: SecretBytes, context: WrapContext, signal: AbortSignal): Promise<WrappedCopy> {
    checkSize(this.name, secret);
    return await this.#attempts.run(signal, async (session) => {
      const { keyName } = this.#config;
      const key = await this.#getFit(session);
      const fingerprint = fingerprintOfKey(key.modulus, key.exponent);
      using dataKey = generateDataKey(this.#parts.random);
      const wrappedKey = await session.wrapKey(keyName, key.version, dataKey);
      if (!isWrappedSize(wrappedKey.byteLength)) throw this.#oddWrap();
      const box = fillBox(dataKey, secret, context, fingerprint, this.#parts.random);
      return {
        variant: KEY_VARIANT,
        keyId: this.#keyId(key.version),
        fingerprint,
        blob: joinEnvelope({ wrappedKey, box }),
      };
    });
  }

  async unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes> {
    const { address, envelope } = this.#checkCopy(copy);
    return await this.#attempts.run(signal, async (session) => {
      using dataKey = await this.#unwrapDataKey(session, address, envelope.wrappedKey);
      const opened =
        dataKey.size === DATA_KEY_BYTES
          ? openBox(dataKey, envelope.box, context, copy.fingerprint)
          : undefined;
      if (opened === undefined) throw this.#mismatch(address);
      return opened;
    });
  }

  async probe(signal: AbortSignal): Promise<ProbeReport> {
    return await this.#attempts.run(signal, async (session) => {
      const newest = await this.#getFit(session);
      const versions = await orFault(session.versions(this.#config.keyName));
      const warnings = warningsOf('key', newest, versions, this.#parts.clock.now());
      return { keyId: this.#keyId(newest.version), warnings };
    });
  }

  async close(): Promise<void> {
    this.#attempts.close();
  }

  /** The newest version. @throws SealFault with all that keeps it from being the KEK. */
  async #getFit(session: KeySession): Promise<KeyFacts> {
    const { keyName } = this.#config;
    const key = await session.get(keyName).catch(async (error: unknown) => {
      if (!isClass(error, 'keyvault_key_not_found')) throw error;
      throw (await session.deletedFault(keyName)) ?? error;
    });
    const fault = fitnessFault(this.#config, key, this.#parts.clock.now());
    if (fault !== undefined) throw fault;
    return key;
  }

  #checkCopy(copy: WrappedCopy): { readonly address: CopyAddress; readonly envelope: Envelope } {
    const { name } = this;
    if (copy.variant !== KEY_VARIANT) throw variantMismatch(name, KEY_VARIANT, copy);
    const address = parseKeyId(copy.keyId, 'key');
    if (address === undefined) throw copyMalformed(name, 'names no Key Vault key');
    const envelope = splitEnvelope(copy.blob);
    if (envelope === undefined) throw copyMalformed(name, FORMAT_UNKNOWN);
    return { address, envelope };
  }

  async #unwrapDataKey(
    session: KeySession,
    address: CopyAddress,
    wrappedKey: Uint8Array,
  ): Promise<SecretBytes> {
    const { objectName, version } = address;
    try {
      return await session.unwrapKey(objectName, version, wrappedKey);
    } catch (error) {
      if (!isClass(error, 'keyvault_key_not_found')) throw error;
      const deleted = await session.deletedFault(objectName);
      throw deleted ?? missingKek(this.#config, error.facts, address);
    }
  }

  #mismatch({ objectName, version }: CopyAddress): SealFault {
    return this.#attempts.fault({
      stage: 'unwrap',
      class: 'kek_mismatch',
      retry: 'rare',
      sentence: `what ${idOf(this.#config, 'key', objectName, version)} unwrapped does not open the stored copy: the copy was changed, or belongs to another cluster`,
      remedy:
        'set vault_uri and key_name to where this data was sealed, or restore the storage from a backup',
    });
  }

  #oddWrap(): SealFault {
    return this.#attempts.fault({
      stage: 'wrap',
      class: 'unknown',
      retry: 'backoff',
      sentence: `${this.#config.vaultHost} gave back something that no RSA key wraps to`,
    });
  }

  #keyId(version: string): string {
    return idOf(this.#config, 'key', this.#config.keyName, version);
  }
}
