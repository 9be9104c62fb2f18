// A small client of Vault's HTTP API, for the CLI, the demo and tests.

import { systemClock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';
import {
  type InitAnswer,
  type LeaderStatus,
  readInit,
  readLeader,
  readSealStatus,
  readSecret,
  type SealStatus,
  type Secret,
} from './answers.ts';
import { refusal, UnreachableError } from './api-error.ts';
import { parseExactJson } from './exact-json.ts';
import { exchange, type Reply } from './exchange.ts';
import { objectOf, textOf, textsOf } from './fields.ts';
import { type ClientOptions, DEFAULT_TIMEOUT_MS } from './options.ts';
import { loadTrust, type Trust } from './trust.ts';

const REDIRECTS: readonly number[] = [301, 302, 307, 308];
const RETRY_PAUSE_MS = 1_000;
const WRAP_TTL_DEFAULT = '5m';

export interface ApiRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/v1/`, not percent-encoded, e.g. `secret/data/hello`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: JsonObject | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Statuses from 400 that are answers to this caller, not errors. `any` takes all. */
  readonly accept?: readonly number[] | 'any' | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  /** Undefined if there was none, or (with `accept`) none that is JSON. */
  readonly body: JsonValue | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface InitRequest {
  readonly secretShares?: number | undefined;
  readonly secretThreshold?: number | undefined;
  readonly recoveryShares?: number | undefined;
  readonly recoveryThreshold?: number | undefined;
  readonly restart?: boolean | undefined;
}

/** Where a path is mounted. `version` is that of the kv engine, 1 for all else. */
export interface MountInfo {
  readonly path: string;
  readonly version: 1 | 2;
}

/**
 * Each method makes one call (plus a redirect). All throw ApiError for a refusal, UnreachableError if no answer
 * came, LatchkeyError config_invalid for options that cannot work.
 */
export class VaultClient {
  readonly options: ClientOptions;
  readonly #origin: URL;
  readonly #prefix: string;
  #trust: Trust | undefined;

  /** @throws LatchkeyError config_invalid. */
  constructor(options: ClientOptions) {
    const url = parseAddress(options.address);
    checkToken(options.token);
    this.options = options;
    this.#origin = url;
    this.#prefix = url.pathname.replace(/\/+$/, '');
  }

  get address(): string {
    return this.options.address;
  }

  withToken(token: string | undefined): VaultClient {
    return new VaultClient({ ...this.options, token });
  }

  /** For questions on the way to an answer, which alone is to be wrapped. */
  unwrapped(): VaultClient {
    return this.options.wrapTtl === undefined
      ? this
      : new VaultClient({ ...this.options, wrapTtl: undefined });
  }

  async request(call: ApiRequest): Promise<ApiAnswer> {
    const retriesMax = this.options.retriesMax ?? 0;
    for (let attempt = 0; ; attempt += 1) {
      const last = attempt >= retriesMax;
      try {
        const reply = await this.#send(call);
        if (last || !isPassing(reply.status)) return this.#answer(call, reply);
      } catch (error) {
        // Only a refused connection is tried again: after any other failure the server may have acted already.
        if (last || !(error instanceof UnreachableError && error.reason === 'ECONNREFUSED')) throw error;
      }
      await systemClock.sleep(RETRY_PAUSE_MS, call.signal);
    }
  }

  /** The first reply, or the one it redirects to: method, body and token are kept. */
  async #send(call: ApiRequest): Promise<Reply> {
    const reply = await this.#exchange(call, this.#origin, this.#target(call));
    const location = reply.headers.location;
    if (!REDIRECTS.includes(reply.status) || location === undefined || this.options.disableRedirects)
      return reply;
    const target = new URL(location, this.#origin);
    if (target.protocol !== 'https:' && (this.#origin.protocol === 'https:' || target.protocol !== 'http:')) {
      throw new LatchkeyError('bad_request', 'redirect would cause protocol downgrade');
    }
    return this.#exchange(call, target, `${target.pathname}${target.search}`);
  }

  #exchange(call: ApiRequest, origin: URL, path: string): Promise<Reply> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    return exchange({
      method: call.method,
      origin,
      path,
      headers: this.#headers(call, body),
      body,
      trust: () => {
        this.#trust ??= loadTrust(this.options.tls ?? {});
        return this.#trust;
      },
      timeoutMs: this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      signal: call.signal,
    });
  }

  #headers(call: ApiRequest, body: string | undefined): Record<string, string> {
    const { token, namespace, wrapTtl } = this.options;
    const headers: Record<string, string> = { 'X-Vault-Request': 'true', Accept: 'application/json' };
    if (token !== undefined) headers['X-Vault-Token'] = token;
    if (!isRootNamespace(namespace)) headers['X-Vault-Namespace'] = namespace ?? '';
    const wrapping = wrapTtl ?? (isWrap(call) ? WRAP_TTL_DEFAULT : undefined);
    if (wrapping !== undefined) headers['X-Vault-Wrap-TTL'] = wrapping;
    if (body !== undefined) {
      const patch = call.method === 'PATCH';
      headers['Content-Type'] = patch ? 'application/merge-patch+json' : 'application/json';
      headers['Content-Length'] = String(Buffer.byteLength(body));
    }
    return headers;
  }

  #target(call: ApiRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      for (const one of typeof value === 'string' ? [value] : value) query.append(name, one);
    }
    const search = query.size === 0 ? '' : `?${query}`;
    return `${this.#prefix}/v1/${encodePath(call.path)}${search}`;
  }

  #answer(call: ApiRequest, reply: Reply): ApiAnswer {
    const body = tryParse(reply.text);
    const { status, headers } = reply;
    const accepted = call.accept === 'any' || call.accept?.includes(status) === true;
    // A page that is no JSON comes from a proxy or from something that is no Vault server, whatever its status.
    const foreign = body === undefined && reply.text.trim() !== '' && call.accept !== 'any';
    if (foreign || (!accepted && status >= 300)) {
      throw refusal({ method: call.method, url: this.#shownUrl(call) }, status, body, reply.text);
    }
    return { status, body, headers };
  }

  /** For errors: without the query, whose values are the caller's, but for the flag that makes a GET a list. */
  #shownUrl(call: ApiRequest): string {
    const list = call.query?.['list'] === 'true' ? '?list=true' : '';
    return `${this.#origin.origin}${this.#prefix}/v1/${encodePath(call.path)}${list}`;
  }

  // -- sys: the seal ---------------------------------------------------------------------------------------

  async sealStatus(signal?: AbortSignal): Promise<SealStatus> {
    return readSealStatus((await this.request({ method: 'GET', path: 'sys/seal-status', signal })).body);
  }

  /** Never throws for a status: it is the answer (200, 429, 472, 473, 501, 503, …). */
  health(signal?: AbortSignal): Promise<ApiAnswer> {
    return this.request({ method: 'GET', path: 'sys/health', accept: 'any', signal });
  }

  async leader(signal?: AbortSignal): Promise<LeaderStatus> {
    return readLeader((await this.request({ method: 'GET', path: 'sys/leader', signal })).body);
  }

  async isInitialized(signal?: AbortSignal): Promise<boolean> {
    const { body } = await this.request({ method: 'GET', path: 'sys/init', signal });
    return isObject(body) && body['initialized'] === true;
  }

  /** Members left undefined, and those that are 0, are not sent. */
  async init(init: InitRequest, signal?: AbortSignal): Promise<InitAnswer> {
    const members: [string, JsonValue | undefined][] = [
      ['secret_shares', init.secretShares || undefined],
      ['secret_threshold', init.secretThreshold || undefined],
      ['recovery_shares', init.recoveryShares || undefined],
      ['recovery_threshold', init.recoveryThreshold || undefined],
      ['restart', init.restart || undefined],
    ];
    const body = Object.fromEntries(members.filter(([, value]) => value !== undefined)) as JsonObject;
    return readInit((await this.request({ method: 'PUT', path: 'sys/init', body, signal })).body);
  }

  /** `key`: one share, hex or base64. */
  async unseal(key: string, signal?: AbortSignal): Promise<SealStatus> {
    return readSealStatus(
      (await this.request({ method: 'PUT', path: 'sys/unseal', body: { key }, signal })).body,
    );
  }

  async resetUnseal(signal?: AbortSignal): Promise<SealStatus> {
    const body = { reset: true };
    return readSealStatus((await this.request({ method: 'PUT', path: 'sys/unseal', body, signal })).body);
  }

  /** Seals the node asked, and no other. */
  async seal(signal?: AbortSignal): Promise<void> {
    await this.request({ method: 'PUT', path: 'sys/seal', signal });
  }

  async stepDown(signal?: AbortSignal): Promise<void> {
    await this.request({ method: 'PUT', path: 'sys/step-down', signal });
  }

  // -- any path --------------------------------------------------------------------------------------------

  /** Undefined if nothing is there. A 404 that carries data or warnings (a deleted kv version) is an answer. */
  async read(path: string, query?: ApiRequest['query'], signal?: AbortSignal): Promise<Secret | undefined> {
    const answer = await this.request({ method: 'GET', path, query, signal, accept: [404] });
    if (answer.status !== 404) return readSecret(answer.body);
    if (isObject(answer.body) && textsOf(answer.body, 'errors').length > 0) {
      const url = this.#shownUrl({ method: 'GET', path, query });
      throw refusal({ method: 'GET', url }, answer.status, answer.body, '');
    }
    if (!isObject(answer.body) || !('data' in answer.body || 'warnings' in answer.body)) return undefined;
    const secret = readSecret(answer.body);
    return secret?.data !== undefined || (secret?.warnings.length ?? 0) > 0 ? secret : undefined;
  }

  list(path: string, signal?: AbortSignal): Promise<Secret | undefined> {
    return this.read(path, { list: 'true' }, signal);
  }

  async write(path: string, body: JsonObject, signal?: AbortSignal): Promise<Secret | undefined> {
    return readSecret((await this.request({ method: 'PUT', path, body, signal })).body);
  }

  async delete(path: string, query?: ApiRequest['query'], signal?: AbortSignal): Promise<Secret | undefined> {
    return readSecret((await this.request({ method: 'DELETE', path, query, signal })).body);
  }

  // -- kv version 2 ----------------------------------------------------------------------------------------

  /** Metadata of the version written. `cas`: only if that is the current version; 0: only if there is none. */
  async kvPut(mount: string, path: string, data: JsonObject, cas?: number): Promise<JsonObject> {
    const body: JsonObject = { data, options: cas === undefined ? {} : { cas } };
    return (await this.write(`${mount}/data/${path}`, body))?.data ?? {};
  }

  /** The data of the newest, or of one version; undefined if there is none, or it was deleted. */
  async kvGet(mount: string, path: string, version?: number): Promise<JsonObject | undefined> {
    const query = version === undefined ? undefined : { version: String(version) };
    const secret = await this.read(`${mount}/data/${path}`, query);
    return secret?.data === undefined ? undefined : objectOf(secret.data, 'data');
  }

  async kvList(mount: string, path: string): Promise<string[]> {
    const secret = await this.list(`${mount}/metadata/${path}`);
    return secret?.data === undefined ? [] : textsOf(secret.data, 'keys');
  }

  async kvDelete(mount: string, path: string): Promise<void> {
    await this.delete(`${mount}/data/${path}`);
  }

  /** Which mount answers `path`, and as which kv version. */
  async mountOf(path: string): Promise<MountInfo> {
    const answer = await this.unwrapped().request({
      method: 'GET',
      path: `sys/internal/ui/mounts/${path}`,
      accept: [404],
    });
    // A server from before this endpoint has kv version 1 alone.
    if (answer.status === 404) return { path: '', version: 1 };
    const data = readSecret(answer.body)?.data ?? {};
    const options = objectOf(data, 'options') ?? {};
    return { path: textOf(data, 'path'), version: textOf(options, 'version') === '2' ? 2 : 1 };
  }
}

/** Root is spelt in several ways by Vault's clients. */
export function isRootNamespace(namespace: string | undefined): boolean {
  return namespace === undefined || /^\/*(root\/*)?$/.test(namespace);
}

/** What makes no sense without wrapping is wrapped, as by Vault's own client. */
function isWrap({ method, path }: ApiRequest): boolean {
  return (method === 'PUT' || method === 'POST') && path === 'sys/wrapping/wrap';
}

/** Statuses that may be gone in a second; 501 means "not initialised", which stays. */
function isPassing(status: number): boolean {
  return status === 412 || status === 429 || (status >= 500 && status !== 501);
}

function encodePath(path: string): string {
  return path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new LatchkeyError(
      'config_invalid',
      `the address "${withoutUser(address)}" is no http:// or https:// URL`,
    );
  }
  return url;
}

/** An address may carry `user:password@` by mistake; it must not reach a terminal's log. */
function withoutUser(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//');
}

function checkToken(token: string | undefined): void {
  if (token !== undefined && !/^[\x21-\x7e]*$/.test(token)) {
    throw new LatchkeyError(
      'config_invalid',
      'the configured token contains blanks or non-printable characters and cannot be used',
    );
  }
}

function tryParse(text: string): JsonValue | undefined {
  if (text.trim() === '') return undefined;
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}
