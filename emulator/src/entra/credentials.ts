// What applications and managed identities prove themselves with: secrets, certificates, federated credentials.

import {
  createHash,
  type KeyObject,
  randomBytes,
  randomUUID,
  timingSafeEqual,
  X509Certificate,
} from 'node:crypto';

export interface NewSecret {
  /** Names it for removal; no secret itself. */
  id: string;
  /** Readable here and nowhere else. */
  secret: string;
}

export interface ClientCertificate {
  /** SHA-1 of the DER form, 40 upper-case hex digits, as the portal shows it. */
  thumbprint: string;
  /** SHA-256 of the DER form, base64url: the header `x5t#S256`. */
  sha256: string;
  publicKey: KeyObject;
  /** Seconds since the Unix epoch. */
  notBefore: number;
  notAfter: number;
}

/** Says: whoever brings a token of this issuer for this subject and audience is this principal. */
export interface FederatedCredential {
  name: string;
  issuer: string;
  subject: string;
  audiences: string[];
}

/** Azure's limit for one application or identity. */
export const FEDERATED_MAX = 20;
/** What Azure asks for unless a credential says otherwise. */
export const FEDERATED_AUDIENCE = 'api://AzureADTokenExchange';

export interface SecretNote {
  id: string;
  displayName: string | undefined;
  /** The first three characters, as the portal shows them. */
  hint: string;
  /** Seconds since the Unix epoch. */
  created: number | undefined;
  expires: number | undefined;
}

interface KeptSecret extends SecretNote {
  hash: Buffer;
}

interface Entry {
  secrets: KeptSecret[];
  certificates: ClientCertificate[];
  federated: FederatedCredential[];
}

/** All methods take the client id (appId): applications and managed identities have one, and it names them alone. */
export class CredentialBook {
  readonly #entries = new Map<string, Entry>();

  /** Only a hash of the secret is kept. */
  addSecret(
    clientId: string,
    { displayName, created, expires }: Partial<Pick<SecretNote, 'displayName' | 'created' | 'expires'>> = {},
  ): NewSecret {
    const secret = randomBytes(30).toString('base64url');
    const id = randomUUID();
    const hint = secret.slice(0, 3);
    this.#entry(clientId).secrets.push({ id, displayName, hint, created, expires, hash: hash(secret) });
    return { id, secret };
  }

  /** What is known about the secrets, oldest first; never the secrets. */
  secrets(clientId: string): SecretNote[] {
    return this.#entry(clientId).secrets.map(({ hash: _, ...note }) => note);
  }

  /** By id or by the secret itself; false when there is no such secret. */
  removeSecret(clientId: string, idOrSecret: string): boolean {
    const entry = this.#entry(clientId);
    const given = hash(idOrSecret);
    const before = entry.secrets.length;
    entry.secrets = entry.secrets.filter((kept) => kept.id !== idOrSecret && !kept.hash.equals(given));
    return entry.secrets.length < before;
  }

  /** Compares in constant time per secret. */
  checkSecret(clientId: string, secret: string, nowSeconds: number): 'valid' | 'expired' | 'wrong' {
    const given = hash(secret);
    const found = this.#entry(clientId).secrets.find((kept) => timingSafeEqual(kept.hash, given));
    if (!found) return 'wrong';
    return found.expires !== undefined && nowSeconds >= found.expires ? 'expired' : 'valid';
  }

  /** PEM or DER; throws RangeError for anything else and for keys that are not RSA. Registering twice is one. */
  addCertificate(clientId: string, certificate: string | Buffer): ClientCertificate {
    const added = readCertificate(certificate);
    const { certificates } = this.#entry(clientId);
    const known = certificates.find((other) => other.sha256 === added.sha256);
    if (!known) certificates.push(added);
    return known ?? added;
  }

  removeCertificate(clientId: string, thumbprint: string): boolean {
    const entry = this.#entry(clientId);
    const before = entry.certificates.length;
    entry.certificates = entry.certificates.filter((kept) => kept.thumbprint !== thumbprint.toUpperCase());
    return entry.certificates.length < before;
  }

  certificates(clientId: string): readonly ClientCertificate[] {
    return this.#entry(clientId).certificates;
  }

  /** Sorted by name. */
  federated(clientId: string): FederatedCredential[] {
    return this.#entry(clientId).federated.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Adds, or replaces the one of that name. The limits are the caller's to check. */
  putFederated(clientId: string, credential: FederatedCredential): void {
    this.removeFederated(clientId, credential.name);
    this.#entry(clientId).federated.push(credential);
  }

  removeFederated(clientId: string, name: string): boolean {
    const entry = this.#entry(clientId);
    const before = entry.federated.length;
    entry.federated = entry.federated.filter((kept) => kept.name.toLowerCase() !== name.toLowerCase());
    return entry.federated.length < before;
  }

  dump(): [clientId: string, entry: Entry][] {
    return [...this.#entries];
  }

  load(entries: [clientId: string, entry: Entry][]): void {
    this.#entries.clear();
    for (const [clientId, entry] of entries) this.#entries.set(clientId, entry);
  }

  forget(clientId: string): void {
    this.#entries.delete(clientId.toLowerCase());
  }

  #entry(clientId: string): Entry {
    const key = clientId.toLowerCase();
    const entry = this.#entries.get(key) ?? { secrets: [], certificates: [], federated: [] };
    this.#entries.set(key, entry);
    return entry;
  }
}

function readCertificate(given: string | Buffer): ClientCertificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(given);
  } catch {
    throw new RangeError('not an X.509 certificate');
  }
  const { publicKey } = certificate;
  if (publicKey.asymmetricKeyType !== 'rsa') throw new RangeError('the key of the certificate must be RSA');
  return {
    thumbprint: createHash('sha1').update(certificate.raw).digest('hex').toUpperCase(),
    sha256: createHash('sha256').update(certificate.raw).digest('base64url'),
    publicKey,
    notBefore: certificate.validFromDate.getTime() / 1000,
    notAfter: certificate.validToDate.getTime() / 1000,
  };
}

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
