// The part of a Kubernetes API server that the kubernetes auth method needs: service accounts with signed tokens,
// TokenReview that really checks them and who may ask, and namespaces with labels. Over HTTPS, with a CA of its own.

import { randomUUID } from 'node:crypto';
import { compactVerify } from 'jose';
import { makeKey, pemOf, type SigningKey, signToken } from './oidc-issuer.ts';
import { type Answer, type Asked, SecureServer } from './secure-server.ts';

export const API_AUDIENCE = 'https://kubernetes.default.svc';

export interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Bound to the role system:auth-delegator: may ask for TokenReviews, and here for namespaces as well. */
  mayReview: boolean;
}

interface TokenRequest {
  readonly audiences?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly lifetimeSeconds?: number;
  readonly issuer?: string;
}

interface Claims {
  readonly aud?: readonly string[];
  readonly exp?: number;
  readonly sub?: string;
}

export class KubernetesApi implements AsyncDisposable {
  readonly server: SecureServer;
  readonly key: SigningKey = makeKey('RS256');
  readonly labels = new Map<string, Record<string, string>>();
  readonly #accounts = new Map<string, Account>();
  /** Milliseconds since the epoch: the cluster's own clock. */
  now: () => number = () => Date.now();
  /** Changes the status of a TokenReview before it is sent. */
  twist: (status: Record<string, unknown>) => unknown = (status) => status;

  private constructor(server: SecureServer) {
    this.server = server;
  }

  static async start(): Promise<KubernetesApi> {
    let api: KubernetesApi | undefined;
    const server = await SecureServer.start((asked) => api?.answer(asked) ?? refused(503));
    api = new KubernetesApi(server);
    return api;
  }

  get url(): string {
    return this.server.url;
  }

  get caPem(): string {
    return this.server.caPem;
  }

  get publicKeyPem(): string {
    return pemOf(this.key);
  }

  createAccount(namespace: string, name: string, mayReview = false): Account {
    const account = { namespace, name, uid: randomUUID(), mayReview };
    this.#accounts.set(`system:serviceaccount:${namespace}:${name}`, account);
    return account;
  }

  /** Its tokens are no good any more, also if another one of the same name is created. */
  deleteAccount({ namespace, name }: Account): void {
    this.#accounts.delete(`system:serviceaccount:${namespace}:${name}`);
  }

  /** As the TokenRequest API and a kubelet give it. */
  token(account: Account, request: TokenRequest): Promise<string> {
    const { namespace, name, uid } = account;
    const seconds = Math.floor(request.now / 1_000);
    return signToken(this.key, {
      aud: [...(request.audiences ?? [API_AUDIENCE])],
      exp: seconds + (request.lifetimeSeconds ?? 3_600),
      iat: seconds,
      nbf: seconds,
      iss: request.issuer ?? API_AUDIENCE,
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
  }

  /** The older kind, that lies in a secret and never ends. */
  legacyToken({ namespace, name, uid }: Account, secretName: string): Promise<string> {
    return signToken(this.key, {
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secretName,
      'kubernetes.io/serviceaccount/service-account.name': name,
      'kubernetes.io/serviceaccount/service-account.uid': uid,
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
  }

  async answer(asked: Asked): Promise<Answer> {
    const bearer = /^Bearer (.+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '';
    const caller = await this.#authenticate(bearer, [API_AUDIENCE]);
    if (caller === undefined) return refused(401);
    if (!caller.account.mayReview) return refused(403);
    const namespace = /^\/api\/v1\/namespaces\/([a-z0-9-]+)$/.exec(asked.path)?.[1];
    if (namespace !== undefined && asked.method === 'GET') {
      const labels = this.labels.get(namespace);
      return labels === undefined
        ? refused(404)
        : { status: 200, json: { metadata: { name: namespace, labels } } };
    }
    const isReview = asked.method === 'POST' && asked.path === '/apis/authentication.k8s.io/v1/tokenreviews';
    return isReview ? this.#review(asked.body) : refused(404);
  }

  async #review(body: string): Promise<Answer> {
    const { apiVersion, kind, spec } = JSON.parse(body) as {
      apiVersion: string;
      kind: string;
      spec: { token: string; audiences?: string[] };
    };
    if (apiVersion !== 'authentication.k8s.io/v1' || kind !== 'TokenReview') return refused(400);
    const wanted = spec.audiences ?? [];
    const found = await this.#authenticate(spec.token, wanted.length === 0 ? [API_AUDIENCE] : wanted);
    const status =
      found === undefined
        ? { user: {}, error: `[invalid bearer token, ${spec.token} is not known]` }
        : { authenticated: true, user: userOf(found.account), audiences: found.audiences };
    return { status: 201, json: { apiVersion, kind, spec, status: this.twist(status) } };
  }

  async #authenticate(
    token: string,
    audiences: readonly string[],
  ): Promise<{ account: Account; audiences: string[] } | undefined> {
    const verified = await compactVerify(token, this.key.publicKey, { algorithms: ['RS256'] }).catch(
      () => undefined,
    );
    if (verified === undefined) return undefined;
    const claims = JSON.parse(new TextDecoder().decode(verified.payload)) as Claims & Record<string, unknown>;
    const account = this.#accounts.get(claims.sub ?? '');
    const projected = claims['kubernetes.io'] as { serviceaccount: { uid: string } } | undefined;
    const uid = projected?.serviceaccount.uid ?? claims['kubernetes.io/serviceaccount/service-account.uid'];
    if (account === undefined || account.uid !== uid) return undefined;
    if (claims.exp !== undefined && claims.exp * 1_000 <= this.now()) return undefined;
    // A token without an audience is for the API server.
    const both = audiences.filter((one) => (claims.aud ?? [API_AUDIENCE]).includes(one));
    return both.length === 0 ? undefined : { account, audiences: both };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

function userOf({ namespace, name, uid }: Account): object {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return { username: `system:serviceaccount:${namespace}:${name}`, uid, groups };
}

function refused(status: number): Answer {
  return { status, json: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status } };
}
