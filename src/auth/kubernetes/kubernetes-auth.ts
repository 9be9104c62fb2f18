// The kubernetes auth method: a service account's token logs in if its cluster vouches for it and it fits a role.
// Vault: `Kubernetes auth method`.

import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { isFrom } from '../../engine/bound-cidrs.ts';
import type {
  Engine,
  EngineContext,
  EngineType,
  LoginGrant,
  Request,
  Response,
  Route,
} from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { tokenGrantOf } from '../../engine/token-parameters.ts';
import { publicKeyOfPem } from '../public-keys.ts';
import { audiencesOf, claimFault } from '../registered-claims.ts';
import { RoleRecords, warningsAbout } from '../role-records.ts';
import { ALGORITHMS, isSignedBy, readToken, TokenFault, type UnverifiedToken } from '../signed-token.ts';
import { WebCaller, WebFault, type WebLimits } from '../web-caller.ts';
import { accessOf, labelsOfNamespace, localCa, NotVouched, reviewToken } from './cluster-api.ts';
import {
  CONFIG_FIELDS,
  configOf,
  describeConfig,
  type KubernetesConfig,
  loadConfig,
  saveConfig,
} from './kubernetes-config.ts';
import { allows, type KubernetesRole, labelsOf, roleForm } from './kubernetes-role.ts';
import { type ServiceAccount, serviceAccountOf } from './service-account.ts';

export interface KubernetesSurroundings {
  /** Where a pod finds `token` and `ca.crt` of its own service account. */
  readonly accountFolder: string;
  /** Of one call to the API server. */
  readonly limits: WebLimits;
}

const IN_A_POD: KubernetesSurroundings = {
  accountFolder: '/var/run/secrets/kubernetes.io/serviceaccount',
  limits: { deadlineMs: 10_000, answerBytesMax: 256 * 1024 },
};

const LOGIN_FIELDS = {
  role: { type: 'string', help: 'The role to log in to.' },
  jwt: { type: 'string', help: "The service account's token." },
} as const;

const DEFAULT_ISSUER = 'kubernetes/serviceaccount';
const LEEWAYS = { expiration: 0, notBefore: 0, clockSkew: 0 };

export const kubernetesAuth: EngineType = kubernetesAuthIn(IN_A_POD);

export function kubernetesAuthIn(surroundings: KubernetesSurroundings): EngineType {
  return {
    type: 'kubernetes',
    kind: 'auth',
    open: async (context) => new KubernetesAuth(context, surroundings),
  };
}

class KubernetesAuth implements Engine {
  readonly routes: readonly Route[];
  readonly #context: EngineContext;
  readonly #folder: string;
  readonly #roles: RoleRecords<KubernetesRole>;
  readonly #web: WebCaller;

  constructor(context: EngineContext, surroundings: KubernetesSurroundings) {
    this.#context = context;
    this.#folder = surroundings.accountFolder;
    this.#roles = new RoleRecords(context.view, roleForm);
    this.#web = new WebCaller(surroundings.limits);
    this.routes = [
      {
        pattern: 'config',
        operations: {
          read: () => this.#readConfig(),
          update: (request) => this.#writeConfig(request),
        },
        fields: CONFIG_FIELDS,
        help: 'Which API server vouches for tokens, and as whom it is asked.',
      },
      ...this.#roles.routes,
      {
        pattern: 'login',
        operations: { update: (request) => this.#login(request) },
        fields: LOGIN_FIELDS,
        access: 'open',
        help: "Logs in with a service account's token.",
      },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#web[Symbol.dispose]();
  }

  renewLogin(renewData: JsonObject): Promise<Partial<LoginGrant>> {
    return this.#roles.renewLogin(renewData);
  }

  async #readConfig(): Promise<Response> {
    const config = await loadConfig(this.#context.view);
    if (config === undefined) throw new LatchkeyError('not_found', 'not configured');
    return { data: describeConfig(config) };
  }

  /** As in Vault, the API server is not asked yet: there may be no token to ask it with. */
  async #writeConfig(request: Request): Promise<Response> {
    const config = configOf(request.input);
    if (config.caPem === '') {
      await localCa(this.#folder).catch((error: unknown) => {
        throw refusal(error instanceof WebFault ? `${error.message}: set kubernetes_ca_cert` : 'no trust');
      });
    }
    await saveConfig(this.#context.view, config);
    return warningsAbout(request.input, CONFIG_FIELDS);
  }

  async #login(request: Request): Promise<Response> {
    const { role: name, jwt } = readFields(LOGIN_FIELDS, request.input);
    if (!name) throw refusal('missing role');
    if (!jwt) throw refusal('missing jwt');
    const role = await this.#roles.find(name);
    if (role === undefined) throw refusal(`invalid role name "${name.slice(0, 256)}"`);
    if (!isFrom(role.token.boundCidrs, request.remoteAddress)) throw denied();
    const config = await loadConfig(this.#context.view);
    if (config === undefined) {
      throw new LatchkeyError('cannot_comply', 'could not load backend configuration');
    }
    const token = await this.#readToken(jwt, config, role);
    const account = serviceAccountOf(token.claims);
    if (!allows(role.names, account.name)) throw forbidden('service account name not authorized');
    const isNamed = allows(role.namespaces, account.namespace);
    if (!isNamed && role.namespaceSelector === '') throw forbidden('namespace not authorized');
    await this.#assertVouched(token, account, config, role, isNamed, request.signal);
    return { login: grantOf(name.toLowerCase(), role, account, request.remoteAddress) };
  }

  /** What a token says, whose signature is checked here only if the cluster's keys are known; the cluster checks it anyhow. */
  async #readToken(jwt: string, config: KubernetesConfig, role: KubernetesRole): Promise<UnverifiedToken> {
    let token: UnverifiedToken;
    try {
      token = readToken(jwt);
    } catch (error) {
      if (error instanceof TokenFault) throw forbidden(error.message);
      throw error;
    }
    // The algorithms that Kubernetes may sign with.
    const algorithms = ALGORITHMS.filter((name) => name !== 'EdDSA');
    if (!algorithms.some((name) => name === token.alg)) {
      throw forbidden('invalid algorithm (alg) header parameter: token signed with unexpected algorithm');
    }
    const keys = config.publicKeys.flatMap((pem) => publicKeyOfPem(pem) ?? []);
    if (config.publicKeys.length > 0 && !(await isSignedBy(token, keys, algorithms, true))) throw denied();
    const expected = {
      issuer: config.disableIssValidation ? '' : config.issuer || DEFAULT_ISSUER,
      subject: '',
      audiences: role.audience === '' ? [] : [role.audience],
      leeways: LEEWAYS,
      // The older tokens, which lie in secrets, have no end.
      needsTimes: false,
    };
    const fault = claimFault(token.claims, expected, this.#context.clock.now());
    if (fault !== undefined) throw forbidden(fault);
    return token;
  }

  /** The cluster says that the token is good, and whose it is; and it is who the token said. */
  async #assertVouched(
    token: UnverifiedToken,
    account: ServiceAccount,
    config: KubernetesConfig,
    role: KubernetesRole,
    isNamed: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const audiences = role.audience === '' ? (audiencesOf(token.claims) ?? []) : [role.audience];
    try {
      const access = await accessOf(config, this.#folder);
      const reviewed = await reviewToken(this.#web, access, token.compact, audiences, signal);
      if (account.uid === '') throw new NotVouched('the token names no UID');
      for (const name of ['name', 'namespace', 'uid'] as const) {
        if (reviewed[name] !== account[name]) throw new NotVouched(`the ${name} of token and review differ`);
      }
      if (isNamed) return;
      // Only now: a namespace that nobody vouched for is not looked up with our own token.
      const labels = await labelsOfNamespace(this.#web, access, account.namespace, signal);
      const wanted = labelsOf(role.namespaceSelector);
      const fits =
        wanted !== undefined && Object.entries(wanted).every(([name, value]) => labels[name] === value);
      if (!fits) throw forbidden('namespace not authorized');
    } catch (error) {
      throw this.#told(error);
    }
  }

  /** Whoever logs in hears "permission denied" as with Vault; the operator reads in the log why. */
  #told(error: unknown): unknown {
    const { log } = this.#context;
    if (error instanceof NotVouched) {
      log.info('a login was refused', { reason: error.message });
      return denied(error.message);
    }
    if (!(error instanceof WebFault)) return error;
    log.warn('a login was refused, because its cluster could not be asked', { reason: error.message });
    return denied(error.message);
  }
}

function grantOf(
  name: string,
  role: KubernetesRole,
  account: ServiceAccount,
  remoteAddress: string,
): LoginGrant {
  return {
    ...tokenGrantOf(role.token, remoteAddress),
    displayName: `${account.namespace}-${account.name}`,
    metadata: {
      role: name,
      service_account_name: account.name,
      service_account_namespace: account.namespace,
      service_account_secret_name: account.secretName,
      service_account_uid: account.uid,
    },
    renewData: { role: name },
  };
}

function denied(detail?: string): LatchkeyError {
  return new LatchkeyError('permission_denied', 'permission denied', detail === undefined ? {} : { detail });
}

function forbidden(text: string): LatchkeyError {
  return new LatchkeyError('forbidden', text);
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
