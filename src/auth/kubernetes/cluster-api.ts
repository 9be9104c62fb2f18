// What is asked of a cluster's API server: whose a token is (TokenReview), and which labels a namespace has.
// Kubernetes API: authentication.k8s.io/v1 TokenReview, core/v1 Namespace.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { isCertificates } from '../public-keys.ts';
import { type WebCaller, WebFault } from '../web-caller.ts';
import { apiUrl, type KubernetesConfig } from './kubernetes-config.ts';

export interface ReviewedAccount {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** The cluster does not vouch for the token; the words are for the log. Stays inside this room. */
export class NotVouched extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'NotVouched';
  }
}

/** As whom, and under which trust, the API server is asked. */
export interface Access {
  readonly url: URL;
  readonly caPem: string | undefined;
  /** Undefined: there is no token of our own, and the client's stands in for it. */
  readonly bearer: string | undefined;
}

const LOCAL_FILE_BYTES_MAX = 64 * 1024;

/**
 * Files are read at each use: a kubelet writes a new token well before the old one ends.
 * @param folder where a pod finds the token and the certificate of its own service account.
 * @throws WebFault if the certificate is to come from there and cannot be read.
 */
export async function accessOf(config: KubernetesConfig, folder: string): Promise<Access> {
  const url = apiUrl(config.host);
  if (url === undefined) throw new WebFault('kubernetes_host is no address');
  const useLocal = !config.disableLocalCaJwt;
  const localJwt = useLocal && config.reviewerJwt === '' ? await localToken(folder) : undefined;
  const caPem = config.caPem === '' && useLocal ? await localCa(folder) : config.caPem;
  return { url, caPem, bearer: config.reviewerJwt || localJwt };
}

async function localToken(folder: string): Promise<string | undefined> {
  const text = (await readSmall(join(folder, 'token')))?.trim();
  return text === undefined || !/^[\x21-\x7e]+$/.test(text) ? undefined : text;
}

/** @throws WebFault */
export async function localCa(folder: string): Promise<string> {
  const pem = await readSmall(join(folder, 'ca.crt'));
  if (pem !== undefined && isCertificates(pem)) return pem;
  throw new WebFault(`the certificate ${join(folder, 'ca.crt')} of this pod cannot be read`);
}

async function readSmall(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined || text.length > LOCAL_FILE_BYTES_MAX ? undefined : text;
}

/**
 * Asks whose `jwt` is.
 * @param audiences of which the token must be for one, by the word of the API server; none: for the server itself.
 * @throws NotVouched if it is nobody's, or no service account's. @throws WebFault if there is no answer to go by.
 */
export async function reviewToken(
  web: WebCaller,
  access: Access,
  jwt: string,
  audiences: readonly string[],
  signal: AbortSignal,
): Promise<ReviewedAccount> {
  const spec: JsonObject = { token: jwt, ...(audiences.length > 0 ? { audiences: [...audiences] } : {}) };
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
  const answer = await web.call({
    url: below(access.url, 'apis/authentication.k8s.io/v1/tokenreviews'),
    method: 'POST',
    headers: { ...headersFor(access.bearer ?? jwt), 'content-type': 'application/json' },
    body: JSON.stringify(review),
    caPem: access.caPem,
    signal,
  });
  if (!answer.isSuccess) throw new WebFault(`TokenReview was answered with status ${answer.status}`);
  const status = objectIn(answer.body, 'TokenReview')['status'];
  if (!isObject(status)) throw new WebFault('TokenReview was answered without a status');
  return vouchedAccount(status, audiences);
}

function vouchedAccount(status: JsonObject, audiences: readonly string[]): ReviewedAccount {
  const { authenticated, error, user, audiences: confirmed } = status;
  if (typeof error === 'string' && error !== '') {
    // The server's own words, for the log; should they quote the token, that part is left out.
    throw new NotVouched(`lookup failed: ${error.replaceAll(/[\w+/=.-]{20,}/g, '…').slice(0, 512)}`);
  }
  if (authenticated !== true) throw new NotVouched('lookup failed: service account jwt not valid');
  // An API server that does not know of audiences leaves them out, and must not be taken for one that agrees.
  const agreed = Array.isArray(confirmed) ? confirmed : [];
  if (audiences.length > 0 && !audiences.some((wanted) => agreed.includes(wanted))) {
    throw new NotVouched('lookup failed: service account jwt is valid for other audiences');
  }
  const { username, uid } = isObject(user) ? user : {};
  const [system, kind, namespace, name, ...rest] = typeof username === 'string' ? username.split(':') : [];
  if (system !== 'system' || kind !== 'serviceaccount' || !namespace || !name || rest.length > 0) {
    throw new NotVouched('lookup failed: username returned is not a service account');
  }
  return { name, namespace, uid: typeof uid === 'string' ? uid : '' };
}

/** @throws WebFault. The labels of a namespace, by a token of our own. */
export async function labelsOfNamespace(
  web: WebCaller,
  access: Access,
  namespace: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, JsonValue>>> {
  if (access.bearer === undefined) throw new WebFault('a namespace selector needs token_reviewer_jwt');
  const answer = await web.call({
    url: below(access.url, `api/v1/namespaces/${encodeURIComponent(namespace)}`),
    method: 'GET',
    headers: headersFor(access.bearer),
    caPem: access.caPem,
    signal,
  });
  if (!answer.isSuccess) throw new WebFault(`the namespace was answered with status ${answer.status}`);
  const metadata = objectIn(answer.body, 'namespace')['metadata'];
  const labels = isObject(metadata) ? metadata['labels'] : undefined;
  return isObject(labels) ? labels : {};
}

function below(url: URL, path: string): URL {
  return new URL(`${url.origin}${url.pathname.replace(/\/$/, '')}/${path}`);
}

function headersFor(bearer: string): Record<string, string> {
  return { authorization: `Bearer ${bearer}`, accept: 'application/json' };
}

function objectIn(body: string, what: string): JsonObject {
  try {
    const value = parseJson(body, 32);
    if (isObject(value)) return value;
  } catch {
    // Whatever it is, its words may quote what we sent.
  }
  throw new WebFault(`the answer to ${what} is not a JSON object`);
}
