// Asks a server over HTTP as any caller, with the bare answer, for tests of status and bodies.

import { isObject, type JsonObject, parseJson } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';

export interface AskOptions {
  /** Empty: without one. Default: the asker's own. */
  readonly token?: string;
  readonly body?: JsonObject;
  readonly wrapTtl?: string;
}

export interface Asked {
  readonly status: number;
  /** Empty if there was none. */
  readonly body: JsonObject;
  /** `data` of the envelope, or empty. */
  readonly data: JsonObject;
  /** Texts of `errors`, on one line. */
  readonly errors: string;
}

export class Asker {
  readonly #address: string;
  readonly #token: string;

  constructor(address: string, token: string) {
    this.#address = address;
    this.#token = token;
  }

  as(token: string): Asker {
    return new Asker(this.#address, token);
  }

  get(path: string, options: AskOptions = {}): Promise<Asked> {
    return this.#ask('GET', path, options);
  }

  list(path: string, options: AskOptions = {}): Promise<Asked> {
    return this.#ask('GET', `${path}?list=true`, options);
  }

  post(path: string, body: JsonObject = {}, options: AskOptions = {}): Promise<Asked> {
    return this.#ask('POST', path, { body, ...options });
  }

  delete(path: string, options: AskOptions = {}): Promise<Asked> {
    return this.#ask('DELETE', path, options);
  }

  async #ask(
    method: string,
    path: string,
    { token = this.#token, body, wrapTtl }: AskOptions,
  ): Promise<Asked> {
    const headers = new Headers();
    if (token !== '') headers.set('X-Vault-Token', token);
    if (wrapTtl !== undefined) headers.set('X-Vault-Wrap-TTL', wrapTtl);
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await fetch(`${this.#address}/v1/${path}`, { method, headers, ...sent });
    const parsed = parseJson((await reply.text()) || '{}');
    if (!isObject(parsed)) throw new Error('the answer is no object');
    note(parsed);
    const { data, errors } = parsed;
    return {
      status: reply.status,
      body: parsed,
      data: isObject(data) ? data : {},
      errors: Array.isArray(errors) ? errors.join(' ').replaceAll(/\s+/g, ' ').trim() : '',
    };
  }
}

/** `auth` of an answer that must have one. */
export function authOf({ body, errors }: Asked): JsonObject {
  const { auth } = body;
  if (!isObject(auth)) throw new Error(`the answer has no auth: ${errors}`);
  return auth;
}

export function tokenOf(asked: Asked): string {
  return String(authOf(asked)['client_token']);
}

/** `wrap_info` of an answer that must have one. */
export function wrapInfoOf({ body, errors }: Asked): JsonObject {
  const info = body['wrap_info'];
  if (!isObject(info)) throw new Error(`the answer is not wrapped: ${errors}`);
  return info;
}

function note({ auth, wrap_info: wrapInfo }: JsonObject): void {
  const found = [isObject(auth) ? auth['client_token'] : '', isObject(wrapInfo) ? wrapInfo['token'] : ''];
  noteSecrets(found.filter((text) => typeof text === 'string' && text !== '') as string[]);
}
