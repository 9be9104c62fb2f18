// Response wrapping: the answer is laid into the cubbyhole of a new token with one use, and the caller gets that token.
// Vault's API pages /api-docs/system/wrapping-{wrap,unwrap,lookup,rewrap}.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { type Clock, rfc3339 } from '../base/clock.ts';
import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { JSON_DEPTH_MAX, STORAGE_VALUE_BYTES_MAX } from '../base/limits.ts';
import type { Response, View } from '../engine/engine.ts';
import { isWrapping, type KnownToken, WRAPPING_POLICY } from '../token/token-entry.ts';
import type { TokenRoom } from '../token/token-room.ts';
import type { Call } from './call.ts';

export interface WrappingParts {
  readonly tokens: TokenRoom;
  /** Above all cubbyholes. */
  readonly view: View;
  readonly clock: Clock;
}

/** What a wrapping token holds, format 1. */
interface Parcel {
  readonly response: Response;
  readonly creationPath: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly ttlSeconds: number;
}

/** In the cubbyhole of the token, which itself cannot be asked for it. */
const PARCEL = 'response';
const RECORD_BYTES_MAX = STORAGE_VALUE_BYTES_MAX - 4_096;
const UNWRAP = 'sys/wrapping/unwrap';
/** Asked with a wrapping token, in the body or as the caller's own. */
const ASKED_WITH_ONE: readonly string[] = [UNWRAP, 'sys/wrapping/lookup', 'sys/wrapping/rewrap'];

export class Wrapping {
  readonly #parts: WrappingParts;

  constructor(parts: WrappingParts) {
    this.#parts = parts;
  }

  /** @throws LatchkeyError bad_request if the answer is too large to be kept. */
  async wrap(response: Response, creationPath: string, ttlSeconds: number): Promise<Response> {
    const { tokens, view, clock } = this.#parts;
    const createdAt = clock.now();
    const { warnings = [], ...kept } = response;
    const record = encode({ response: kept, creationPath, createdAt, ttlSeconds });
    const { token, entry } = await tokens.issue({
      type: 'service',
      policies: [WRAPPING_POLICY],
      displayName: '',
      path: creationPath,
      ttlSeconds,
      explicitMaxTtlSeconds: ttlSeconds,
      maxTtlSeconds: 0,
      periodSeconds: 0,
      renewable: false,
      numUses: 1,
      parent: '',
      metadata: {},
      boundCidrs: [],
      role: '',
    });
    await view.put(`${entry.cubbyhole}/${PARCEL}`, record);
    const wrapped = {
      token,
      accessor: entry.accessor,
      ttl: ttlSeconds,
      creation_time: rfc3339(createdAt),
      creation_path: creationPath,
      wrapped_accessor: response.auth?.accessor ?? '',
    };
    // Warnings are for whoever asked, not for whoever opens it.
    return { wrapped, warnings };
  }

  /** Gives out what the token holds; the token must have been used for it. */
  async open({ entry }: KnownToken): Promise<Response> {
    return (await this.#parcel(entry.cubbyhole)).response;
  }

  /** Takes the use of a wrapping token that came in the body, gives out what it held, and ends it. */
  async unwrap(token: string): Promise<Response> {
    return this.#withUse(token, (parcel) => Promise.resolve(parcel.response));
  }

  /** The same answer in a new token, from the same path and for the same time. */
  async rewrap(token: string): Promise<Response> {
    return this.#withUse(token, (parcel) =>
      this.wrap(parcel.response, parcel.creationPath, parcel.ttlSeconds),
    );
  }

  /** Takes no use. */
  async describe(token: string): Promise<JsonObject> {
    const known = await this.#find(token);
    const { creationPath, createdAt, ttlSeconds } = await this.#parcel(known.entry.cubbyhole);
    return { creation_path: creationPath, creation_time: rfc3339(createdAt), creation_ttl: ttlSeconds };
  }

  /**
   * The first thing that is looked at where a wrapping token is asked for: a bad one has a text of its own, and the
   * audit log gets to know of it, since somebody else may have opened it before.
   */
  async objection(call: Call): Promise<LatchkeyError | undefined> {
    if (!ASKED_WITH_ONE.includes(call.path) || call.help) return undefined;
    const known = await this.#parts.tokens.find(wrappingTokenOf(call));
    return known === undefined || !isWrapping(known.entry) ? invalid() : undefined;
  }

  async #withUse(token: string, act: (parcel: Parcel) => Promise<Response>): Promise<Response> {
    const { tokens } = this.#parts;
    const use = await tokens.useWrapping(token);
    if (use === undefined) throw invalid();
    try {
      return await act(await this.#parcel(use.entry.cubbyhole));
    } finally {
      await tokens.settle(use);
    }
  }

  async #find(token: string): Promise<KnownToken> {
    const known = await this.#parts.tokens.find(token);
    if (known === undefined || !isWrapping(known.entry)) throw invalid();
    return known;
  }

  async #parcel(cubbyhole: string): Promise<Parcel> {
    const bytes = await this.#parts.view.get(`${cubbyhole}/${PARCEL}`);
    if (bytes === undefined) throw invalid();
    const value = parseJson(fromUtf8(bytes), JSON_DEPTH_MAX + 8);
    if (!isObject(value) || value['format'] !== 1) {
      throw new LatchkeyError(
        'storage_corrupt',
        'a wrapped answer has a format that this version does not know',
      );
    }
    return value as unknown as Parcel;
  }
}

/** A wrapping token opens what it holds, and can do nothing else. */
export function mayUseWrapping(call: Call): boolean {
  return call.path === UNWRAP && call.verb === 'write';
}

/** In the body, or the caller's own. */
export function wrappingTokenOf(call: Pick<Call, 'input' | 'token'>): string {
  const given = call.input['token'];
  return typeof given === 'string' && given !== '' ? given : (call.token ?? '');
}

/**
 * `X-Vault-Wrap-TTL`: a duration or seconds; undefined if nothing is to be wrapped.
 * @throws LatchkeyError bad_request
 */
export function wrapTtlSecondsOf(call: Call): number | undefined {
  if (call.wrapTtl === undefined || call.wrapTtl === '') return undefined;
  const milliseconds = parseDuration(call.wrapTtl);
  if (milliseconds === undefined) {
    throw new LatchkeyError(
      'bad_request',
      'X-Vault-Wrap-TTL must be a duration such as "5m" or a number of seconds',
    );
  }
  return milliseconds === 0 ? undefined : Math.max(1, Math.floor(milliseconds / 1_000));
}

function encode(parcel: Parcel): Uint8Array {
  const record = utf8(JSON.stringify({ format: 1, ...parcel }));
  if (record.byteLength > RECORD_BYTES_MAX) {
    throw new LatchkeyError(
      'bad_request',
      `the answer is too large to be wrapped: ${record.byteLength} bytes, the limit is ${RECORD_BYTES_MAX}`,
    );
  }
  return record;
}

function invalid(): LatchkeyError {
  return new LatchkeyError('bad_request', 'wrapping token is not valid or does not exist');
}
