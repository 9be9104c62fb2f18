// The calls of the key variant, with the official clients. Wrapping is Key Vault's work too, though it needs no private
// key: the SDK leaves RSA-OAEP-256 to the service, and a copy that the service made is one that it takes back.

import type { CryptographyClient, KeyClient, KeyVaultKey } from '@azure/keyvault-keys';
import { SecretBytes } from '../../base/bytes.ts';
import type { SealFault } from '../seal.ts';
import { deletedVerdict } from './classify.ts';
import { makeFault, placeOf, type Undertaking } from './encounter.ts';
import { type AttemptParts, VaultCall, type VersionFacts } from './vault-call.ts';

/** What Key Vault says of one version of a key. The private half never leaves it. */
export interface KeyFacts extends VersionFacts {
  /** `RSA`, `RSA-HSM`, `EC`, … */
  readonly type: string;
  /** Empty if it is no RSA key. Big-endian, without sign. */
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  /** `wrapKey`, `unwrapKey`, … */
  readonly operations: readonly string[];
}

const ALGORITHM = 'RSA-OAEP-256';

type CryptographyClientClass = typeof CryptographyClient;

/** Every method throws SealFault. */
export class KeySession {
  readonly #call: VaultCall;
  readonly #client: KeyClient;
  readonly #Cryptography: CryptographyClientClass;

  private constructor(call: VaultCall, client: KeyClient, cryptography: CryptographyClientClass) {
    this.#call = call;
    this.#client = client;
    this.#Cryptography = cryptography;
  }

  static async open(parts: AttemptParts): Promise<KeySession> {
    // Loaded here and not at the top: it costs tens of megabytes and a good part of a second.
    const { CryptographyClient, KeyClient } = await import('@azure/keyvault-keys');
    const call = new VaultCall(parts);
    const client = new KeyClient(parts.config.vaultUri, call.tokens, call.clientOptions());
    return new KeySession(call, client, CryptographyClient);
  }

  /** Ends every connection. */
  close(): void {
    this.#call.close();
  }

  /** The newest version. */
  async get(keyName: string): Promise<KeyFacts> {
    const doing = this.#call.undertaking('read', keyName);
    const { key, keyType, keyOperations, properties } = await this.#call.run(doing, (abortSignal) =>
      this.#client.getKey(keyName, { abortSignal }),
    );
    return {
      ...this.#call.facts(doing, properties),
      type: keyType ?? '',
      modulus: Uint8Array.from(key?.n ?? []),
      exponent: Uint8Array.from(key?.e ?? []),
      operations: keyOperations ?? [],
    };
  }

  versions(keyName: string): Promise<VersionFacts[]> {
    const doing = this.#call.undertaking('read', keyName);
    return this.#call.collect(doing, (abortSignal) =>
      this.#client.listPropertiesOfKeyVersions(keyName, { abortSignal }),
    );
  }

  /** The data key passes through a string of the SDK and of TLS, which cannot be wiped. */
  async wrapKey(keyName: string, version: string, dataKey: SecretBytes): Promise<Uint8Array> {
    const doing = this.#call.undertaking('wrap', keyName, version);
    const { result } = await this.#call.run(doing, (abortSignal) =>
      this.#cryptography(doing, 'wrapKey').wrapKey(ALGORITHM, dataKey.expose(), { abortSignal }),
    );
    if (!(result instanceof Uint8Array)) throw this.#call.odd(doing);
    return result;
  }

  async unwrapKey(keyName: string, version: string, wrapped: Uint8Array): Promise<SecretBytes> {
    const doing = this.#call.undertaking('unwrap', keyName, version);
    const { result } = await this.#call.run(doing, (abortSignal) =>
      this.#cryptography(doing, 'unwrapKey').unwrapKey(ALGORITHM, wrapped, { abortSignal }),
    );
    if (!(result instanceof Uint8Array)) throw this.#call.odd(doing);
    return SecretBytes.take(result);
  }

  /** The fault that tells of a deleted key, if the vault says that it is one; undefined if it says anything else. */
  async deletedFault(keyName: string): Promise<SealFault | undefined> {
    const doing = this.#call.undertaking('read', keyName);
    try {
      const deleted = await this.#call.run(doing, (abortSignal) =>
        this.#client.getDeletedKey(keyName, { abortSignal }),
      );
      const verdict = deletedVerdict(doing, 404, deleted.properties.scheduledPurgeDate);
      return makeFault(this.#call.config.name, verdict);
    } catch {
      return undefined;
    }
  }

  /** Given a key and not its id alone, the client does not read the key first: a start needs no more than unwrap. */
  #cryptography(doing: Undertaking, operation: 'wrapKey' | 'unwrapKey'): CryptographyClient {
    const { config, objectName, version } = doing;
    const key: KeyVaultKey = {
      id: placeOf(doing),
      name: objectName,
      keyType: 'RSA',
      keyOperations: [operation],
      key: { kty: 'RSA', keyOps: [operation] },
      properties: {
        name: objectName,
        vaultUrl: config.vaultUri,
        ...(version === undefined ? {} : { version }),
      },
    };
    return new this.#Cryptography(key, this.#call.tokens, this.#call.clientOptions());
  }
}
