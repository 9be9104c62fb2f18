// The jwt auth method: whoever brings a JWT that one of a mount's keys signed, and that fits a role, gets a token.
// Vault: `JWT/OIDC auth method`; the flows of OpenID Connect that need a browser are not there.

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
import { audiencesOf, claimFault } from '../registered-claims.ts';
import { RoleRecords, warningsAbout } from '../role-records.ts';
import { ALGORITHMS, isSignedBy, readToken, TokenFault } from '../signed-token.ts';
import { WebCaller, WebFault, type WebLimits } from '../web-caller.ts';
import { assertBounds, assertGroups, ClaimFault, mappedMetadata, userOf } from './claim-values.ts';
import {
  CONFIG_FIELDS,
  configOf,
  describeConfig,
  fingerprintOf,
  type JwtConfig,
  loadConfig,
  NO_BROWSER,
  saveConfig,
} from './jwt-config.ts';
import { type JwtRole, roleForm } from './jwt-role.ts';
import { type KeySource, keySourceOf } from './key-source.ts';

/** Of one call for a discovery document or a key set; key sets of a hundred keys are some 100 KiB. */
const WEB_LIMITS = { deadlineMs: 10_000, answerBytesMax: 512 * 1024 };

const LOGIN_FIELDS = {
  role: { type: 'string', help: 'The role to log in to; else the default role of the mount.' },
  jwt: { type: 'string', help: 'The signed token.' },
} as const;

export const jwtAuth: EngineType = jwtAuthWithin(WEB_LIMITS);

/** With other limits on what an issuer may take and send. */
export function jwtAuthWithin(limits: WebLimits): EngineType {
  return { type: 'jwt', kind: 'auth', open: async (context) => new JwtAuth(context, limits) };
}

class JwtAuth implements Engine {
  readonly routes: readonly Route[];
  readonly #context: EngineContext;
  readonly #roles: RoleRecords<JwtRole>;
  readonly #web: WebCaller;
  readonly #closing = new AbortController();
  /** The keys in memory, and the configuration that they belong to, as text. */
  #source: { readonly of: string; readonly keys: KeySource } | undefined;

  constructor(context: EngineContext, limits: WebLimits) {
    this.#context = context;
    this.#web = new WebCaller(limits);
    this.#roles = new RoleRecords(context.view, roleForm);
    this.routes = [
      {
        pattern: 'config',
        operations: {
          read: () => this.#readConfig(),
          update: (request) => this.#writeConfig(request),
        },
        fields: CONFIG_FIELDS,
        help: 'Where the keys come from that sign tokens, and what holds for all roles.',
      },
      ...this.#roles.routes,
      {
        pattern: 'login',
        operations: { update: (request) => this.#login(request) },
        fields: LOGIN_FIELDS,
        access: 'open',
        help: 'Logs in with a signed token.',
      },
      {
        pattern: 'oidc/{step*}',
        operations: { read: refuseBrowser, update: refuseBrowser },
        access: 'open',
        help: 'Logins through a browser, which are not there.',
      },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
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

  /** What cannot be fetched is not kept: a typing error shows here, and not at the first login. */
  async #writeConfig(request: Request): Promise<Response> {
    const config = configOf(request.input, await loadConfig(this.#context.view));
    const keys = this.#openSource(config);
    let count = 0;
    try {
      count = (await keys.current(request.signal)).length;
    } catch (error) {
      if (!(error instanceof WebFault)) throw error;
      const what = config.discoveryUrl === '' ? 'jwks URL' : 'oidc discovery URL';
      throw refusal(`error checking ${what}: ${error.message}`);
    }
    await saveConfig(this.#context.view, config);
    this.#source = { of: fingerprintOf(config), keys };
    const { warnings = [] } = warningsAbout(request.input, CONFIG_FIELDS);
    const all = count === 0 ? [...warnings, NO_KEYS] : warnings;
    return all.length === 0 ? {} : { warnings: all };
  }

  async #login(request: Request): Promise<Response> {
    const config = await loadConfig(this.#context.view);
    if (config === undefined) throw refusal('could not load configuration');
    const given = readFields(LOGIN_FIELDS, request.input);
    const name = (given.role || config.defaultRole).toLowerCase();
    if (name === '') throw refusal('missing role');
    const role = await this.#roles.find(name);
    if (role === undefined) throw refusal(`role "${name.slice(0, 256)}" could not be found`);
    if (!given.jwt) throw refusal('missing token');
    if (!isFrom(role.token.boundCidrs, request.remoteAddress)) {
      throw new LatchkeyError('permission_denied', 'permission denied');
    }
    try {
      const claims = await this.#verify(given.jwt, config, role, request.signal);
      return { login: grantOf(name, role, claims, request.remoteAddress) };
    } catch (error) {
      if (error instanceof ClaimFault) throw refusal(error.message);
      throw error;
    }
  }

  /** The claims of a token that is signed, current, and meant for this role. */
  async #verify(jwt: string, config: JwtConfig, role: JwtRole, signal: AbortSignal): Promise<JsonObject> {
    const claims = await this.#signedClaims(jwt, config, signal);
    const { boundSubject: subject, boundAudiences: audiences, leeways } = role;
    const expected = { issuer: config.boundIssuer, subject, audiences, leeways, needsTimes: true };
    const fault = claimFault(claims, expected, this.#context.clock.now());
    if (fault !== undefined) throw refusal(`error validating token: ${fault}`);
    // A token that was made for somebody else must not log in here because nobody thought of its audience.
    if (audiences.length === 0 && audiencesOf(claims)?.length !== 0) {
      throw refusal('audience claim found in JWT but no audiences bound to the role');
    }
    return claims;
  }

  async #signedClaims(jwt: string, config: JwtConfig, signal: AbortSignal): Promise<JsonObject> {
    const unsigned = (words: string) =>
      refusal(`error validating token: error verifying token signature: ${words}`);
    try {
      const token = readToken(jwt);
      const algorithms = config.algorithms.length > 0 ? config.algorithms : ALGORITHMS;
      if (!algorithms.includes(token.alg)) {
        throw refusal(
          'error validating token: invalid algorithm (alg) header parameter: ' +
            'token signed with unexpected algorithm',
        );
      }
      const source = this.#sourceOf(config);
      const keys = await source.current(signal);
      if (await isSignedBy(token, keys, algorithms, !source.isNamed)) return token.claims;
      const newer = await source.newerThan(keys, signal);
      if (newer !== undefined && (await isSignedBy(token, newer, algorithms))) return token.claims;
      throw unsigned(
        source.isNamed
          ? 'failed to verify id token signature'
          : 'no known key successfully validated the token signature',
      );
    } catch (error) {
      if (error instanceof TokenFault) throw unsigned(error.message);
      // Whoever logs in learns nothing of where the keys are; the log has it.
      if (error instanceof WebFault) throw unsigned('fetching keys failed');
      throw error;
    }
  }

  #sourceOf(config: JwtConfig): KeySource {
    const of = fingerprintOf(config);
    if (this.#source?.of !== of) this.#source = { of, keys: this.#openSource(config) };
    return this.#source.keys;
  }

  #openSource(config: JwtConfig): KeySource {
    const { clock, log } = this.#context;
    return keySourceOf(config, { clock, log, web: this.#web, closing: this.#closing.signal });
  }
}

const NO_KEYS = 'the key set has no key that can check signatures: until it has one, nobody can log in';

function grantOf(name: string, role: JwtRole, claims: JsonObject, remoteAddress: string): LoginGrant {
  const user = userOf(claims, role.userClaim, role.userClaimJsonPointer);
  const metadata = { ...mappedMetadata(claims, role.claimMappings), role: name };
  assertGroups(claims, role.groupsClaim);
  try {
    assertBounds(claims, role.boundClaims, role.boundClaimsType);
  } catch (error) {
    if (error instanceof ClaimFault) throw refusal(`error validating claims: ${error.message}`);
    throw error;
  }
  return {
    ...tokenGrantOf(role.token, remoteAddress),
    displayName: user,
    metadata,
    renewData: { role: name },
  };
}

async function refuseBrowser(): Promise<Response> {
  throw refusal(`not supported: ${NO_BROWSER}`);
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
