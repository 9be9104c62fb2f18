// The calls of the secret variant, with the official client.

import type { SecretClient } from '@azure/keyvault-secrets';
import type { SecretBytes } from '../../base/bytes.ts';
import type { SealFault } from '../seal.ts';
import { deletedVerdict } from './classify.ts';
import { makeFault, type VaultAction } from './encounter.ts';
import { decodeKek, encodeKek } from './kek.ts';
import { type AttemptParts, VaultCall, type VersionFacts } from './vault-call.ts';

/** A version with its value. The caller wipes `kek`; undefined if the value is not base64 of 32 bytes. */
export interface HeldSecret extends VersionFacts {
  readonly kek: SecretBytes | undefined;
}

/** Every method throws SealFault. */
export class SecretSession {
  readonly #call: VaultCall;
  readonly #client: SecretClient;

  private constructor(call: VaultCall, client: SecretClient) {
    this.#call = call;
    this.#client = client;
  }

  static async open(parts: AttemptParts): Promise<SecretSession> {
    // Loaded here and not at the top: it costs tens of megabytes and a good part of a second.
    const { SecretClient } = await import('@azure/keyvault-secrets');
    const call = new VaultCall(parts);
    const client = new SecretClient(parts.config.vaultUri, call.tokens, call.clientOptions());
    return new SecretSession(call, client);
  }

  /** Ends every connection. */
  close(): void {
    this.#call.close();
  }

  /**
   * @param version undefined: the newest.
   * @throws SealFault; for a missing secret keyvault_secret_not_found or keyvault_secret_deleted.
   */
  async get(secretName: string, version?: string): Promise<HeldSecret> {
    const doing = this.#call.undertaking('getSecret', secretName, version);
    const secret = await this.#call.run(doing, (abortSignal) =>
      this.#client.getSecret(secretName, { abortSignal, ...(version === undefined ? {} : { version }) }),
    );
    const facts = this.#call.facts(doing, secret.properties);
    if (version !== undefined && facts.version !== version) throw this.#call.odd(doing);
    return { ...facts, kek: decodeKek(secret.value) };
  }

  /** Makes a new version. Its value passes through strings of the SDK and of TLS, which cannot be wiped. */
  async set(
    secretName: string,
    kek: SecretBytes,
    contentType: string,
    tags: Record<string, string>,
  ): Promise<VersionFacts> {
    const doing = this.#call.undertaking('setSecret', secretName);
    const secret = await this.#call.run(doing, (abortSignal) =>
      this.#client.setSecret(secretName, encodeKek(kek), { abortSignal, contentType, tags }),
    );
    return this.#call.facts(doing, secret.properties);
  }

  /** Replaces the tags of one version. */
  async retag(secretName: string, version: string, tags: Record<string, string>): Promise<void> {
    const doing = this.#call.undertaking('update', secretName, version);
    await this.#call.run(doing, (abortSignal) =>
      this.#client.updateSecretProperties(secretName, version, { abortSignal, tags }),
    );
  }

  versions(secretName: string): Promise<VersionFacts[]> {
    const doing = this.#call.undertaking('readMetadata', secretName);
    return this.#call.collect(doing, (abortSignal) =>
      this.#client.listPropertiesOfSecretVersions(secretName, { abortSignal }),
    );
  }

  /** The fault that tells of a deleted secret, if the vault says that it is one; undefined if it says anything else. */
  async deletedFault(secretName: string, action: VaultAction): Promise<SealFault | undefined> {
    const doing = this.#call.undertaking('readMetadata', secretName);
    try {
      const deleted = await this.#call.run(doing, (abortSignal) =>
        this.#client.getDeletedSecret(secretName, { abortSignal }),
      );
      const verdict = deletedVerdict({ ...doing, action }, 404, deleted.scheduledPurgeDate);
      return makeFault(this.#call.config.name, verdict);
    } catch {
      return undefined;
    }
  }
}
