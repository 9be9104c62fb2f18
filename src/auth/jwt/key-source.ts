// Where the keys come from that sign the tokens of a mount: fixed ones, or a key set that is fetched, kept for a while,
// and fetched again when a token is signed by a key that is not in it.

import type { Clock } from '../../base/clock.ts';
import { isObject, type JsonValue, parseJson } from '../../base/json.ts';
import type { Logger } from '../../base/log.ts';
import { keysOfSet, publicKeyOfPem, type VerificationKey } from '../public-keys.ts';
import { serviceUrl, type WebCaller, WebFault } from '../web-caller.ts';
import type { JwtConfig } from './jwt-config.ts';

export type Keys = readonly VerificationKey[];

export interface KeySource {
  /** Keys out of PEM have no names, so that a token's `kid` says nothing about them. */
  readonly isNamed: boolean;
  /** @throws WebFault if there are none and none can be had. */
  current(signal: AbortSignal): Promise<Keys>;
  /** Newer ones than `known`, if there may be some; undefined if not, or if it was asked for just now. */
  newerThan(known: Keys, signal: AbortSignal): Promise<Keys | undefined>;
}

export interface KeySourceParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly web: WebCaller;
  /** Ends what is under way when the mount closes. */
  readonly closing: AbortSignal;
}

/**
 * Anyone may send tokens that are signed by unknown keys, so a key set is not asked for more often than this. A key
 * that the issuer has just begun to use is known after this time at the latest. Milliseconds.
 */
const PAUSE_MS = 5_000;
/** From here on a set is fetched anew before it is used: a key that was withdrawn goes. */
const FRESH_MS = 10 * 60_000;
/** So long a login waits for that; then the old set will do, and the fetch goes on behind the scenes. */
const PATIENCE_MS = 1_000;
/** From here on the old set is not believed any more, though no new one can be had. */
const STALE_MS = 60 * 60_000;

export function keySourceOf(config: JwtConfig, parts: KeySourceParts): KeySource {
  if (config.discoveryUrl !== '') {
    const ask = () => fetchDiscovered(parts, config.discoveryUrl, config.discoveryCaPem || undefined);
    return new RemoteKeys(ask, parts);
  }
  if (config.jwksUrl !== '') {
    return new RemoteKeys(() => fetchKeys(parts, config.jwksUrl, config.jwksCaPem || undefined), parts);
  }
  return fixedKeys(config.publicKeys.flatMap((pem) => publicKeyOfPem(pem) ?? []));
}

function fixedKeys(keys: Keys): KeySource {
  return { isNamed: false, current: async () => keys, newerThan: async () => undefined };
}

class RemoteKeys implements KeySource {
  readonly isNamed = true;
  readonly #fetch: () => Promise<Keys>;
  readonly #parts: KeySourceParts;
  #keys: Keys | undefined;
  #fetchedAt = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #lastFault: WebFault | undefined;
  #underway: Promise<Keys> | undefined;

  constructor(fetch: () => Promise<Keys>, parts: KeySourceParts) {
    this.#fetch = fetch;
    this.#parts = parts;
  }

  async current(signal: AbortSignal): Promise<Keys> {
    const age = this.#parts.clock.monotonic() - this.#fetchedAt;
    if (this.#keys === undefined || age >= STALE_MS) {
      const keys = await this.#renewed(signal);
      if (keys !== undefined) return keys;
      throw this.#lastFault ?? new WebFault('there are no keys');
    }
    return age < FRESH_MS ? this.#keys : this.#freshOr(this.#keys, signal);
  }

  async newerThan(known: Keys, signal: AbortSignal): Promise<Keys | undefined> {
    // Another login has brought them already.
    if (this.#keys !== undefined && this.#keys !== known) return this.#keys;
    return this.#renewed(signal);
  }

  async #freshOr(old: Keys, signal: AbortSignal): Promise<Keys> {
    try {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
      return (await this.#renewed(patience)) ?? old;
    } catch (error) {
      if (signal.aborted) throw error;
      return old;
    }
  }

  async #renewed(signal: AbortSignal): Promise<Keys | undefined> {
    const asking = this.#ask();
    return asking === undefined ? undefined : untilAborted(asking, signal);
  }

  /** One fetch for all that wait for it; undefined if the last one was just now. */
  #ask(): Promise<Keys> | undefined {
    if (this.#underway !== undefined) return this.#underway;
    const { clock, log } = this.#parts;
    if (clock.monotonic() - this.#askedAt < PAUSE_MS) return undefined;
    this.#askedAt = clock.monotonic();
    this.#underway = this.#fetch()
      .then((keys) => {
        this.#keys = keys;
        this.#fetchedAt = clock.monotonic();
        this.#lastFault = undefined;
        return keys;
      })
      .catch((error: unknown) => {
        this.#lastFault = error instanceof WebFault ? error : new WebFault('the key set cannot be read');
        log.warn('the keys that sign JWTs could not be fetched', { reason: this.#lastFault.message });
        throw this.#lastFault;
      })
      .finally(() => {
        this.#underway = undefined;
      });
    return this.#underway;
  }
}

/** OpenID Connect Discovery 1.0 section 4. The issuer must call itself what it was asked under. */
async function fetchDiscovered(
  parts: KeySourceParts,
  issuer: string,
  caPem: string | undefined,
): Promise<Keys> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchJson(parts, address, caPem);
  if (!isObject(document)) throw new WebFault('the discovery document is not an object');
  const { issuer: named, jwks_uri: keysAddress } = document;
  if (named !== issuer) {
    const shown = typeof named === 'string' ? `"${named.slice(0, 512)}"` : 'none';
    throw new WebFault(`issuer did not match the returned issuer, expected "${issuer}" got ${shown}`);
  }
  if (typeof keysAddress !== 'string') throw new WebFault('the discovery document has no jwks_uri');
  // An issuer elsewhere must not send us to the plain ports of this host.
  const { protocol } = serviceUrl(issuer) ?? {};
  if (!keysAddress.startsWith(`${protocol}//`)) throw new WebFault('the jwks_uri is not an https address');
  return fetchKeys(parts, keysAddress, caPem);
}

async function fetchKeys(parts: KeySourceParts, address: string, caPem: string | undefined): Promise<Keys> {
  const keys = keysOfSet(await fetchJson(parts, address, caPem));
  if (keys === undefined) throw new WebFault('the answer is not a JSON Web Key Set');
  return keys;
}

async function fetchJson(
  parts: KeySourceParts,
  address: string,
  caPem: string | undefined,
): Promise<JsonValue> {
  const url = serviceUrl(address);
  // The issuer's own document may send us to an address that nobody configured.
  if (url === undefined) throw new WebFault('the address of the key set is not an https address');
  const headers = { accept: 'application/json' };
  const answer = await parts.web.call({ url, method: 'GET', headers, caPem, signal: parts.closing });
  if (!answer.isSuccess) throw new WebFault(`the answer has status ${answer.status}`);
  try {
    return parseJson(answer.body, 16);
  } catch {
    throw new WebFault('the answer is not JSON');
  }
}

/** The fetch is everybody's: who leaves does not end it for the others. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new WebFault('the request was given up'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
