// The configuration of a jwt mount: where the keys come from that sign its tokens, and what holds for all roles.
// Vault: `JWT/OIDC auth method (API)`, "Configure".

import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { View } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { isCertificates, KEYS_MAX, pemsOf, publicKeyOfPem } from '../public-keys.ts';
import { ALGORITHMS } from '../signed-token.ts';
import { corruptRecord, decodeRecord, encodeRecord, isTexts } from '../stored-record.ts';
import { serviceUrl } from '../web-caller.ts';

/** One of the first three is set. Empty strings are "not set". */
export interface JwtConfig {
  readonly discoveryUrl: string;
  readonly jwksUrl: string;
  readonly publicKeys: readonly string[];
  readonly discoveryCaPem: string;
  readonly jwksCaPem: string;
  readonly boundIssuer: string;
  /** None: all of ALGORITHMS. */
  readonly algorithms: readonly string[];
  readonly defaultRole: string;
  readonly namespaceInState: boolean;
}

export const CONFIG_FIELDS = {
  oidc_discovery_url: { type: 'string', help: 'Issuer whose keys are found by OpenID Connect discovery.' },
  oidc_discovery_ca_pem: { type: 'string', help: 'Certificates to trust when asking the issuer, PEM.' },
  jwks_url: { type: 'string', help: 'Address of a JSON Web Key Set.' },
  jwks_ca_pem: { type: 'string', help: 'Certificates to trust when asking for the key set, PEM.' },
  jwt_validation_pubkeys: { type: 'strings', help: 'Public keys or certificates, PEM.' },
  bound_issuer: { type: 'string', help: 'What the claim "iss" must be.' },
  jwt_supported_algs: { type: 'strings', help: 'Algorithms that may sign. Default: all asymmetric ones.' },
  default_role: { type: 'string', help: 'Role of logins that name none.' },
  namespace_in_state: { type: 'boolean', help: 'Kept for the shape of the answer; without effect.' },
  oidc_client_id: { type: 'string', help: 'Must be empty: logins by a browser are not there.' },
  oidc_client_secret: { type: 'string', help: 'Must be empty: logins by a browser are not there.' },
  oidc_response_mode: { type: 'string', help: 'Must be empty: logins by a browser are not there.' },
  oidc_response_types: { type: 'strings', help: 'Must be empty: logins by a browser are not there.' },
  provider_config: { type: 'object', help: 'Must be empty: no provider is treated in its own way.' },
  jwks_pairs: { type: 'any', help: 'Must be empty: one source of keys alone.' },
} as const;

const RECORD = 'config';
const WELL_KNOWN = '.well-known/openid-configuration';

/**
 * All of a new configuration: what `input` leaves out is unset, as in Vault.
 * @throws LatchkeyError bad_request with Vault's texts. Nothing is fetched yet.
 */
export function configOf(input: JsonObject, before: JwtConfig | undefined): JwtConfig {
  const given = readFields(CONFIG_FIELDS, input);
  refuseBrowserFlow(input);
  const [discoveryUrl = ''] = (given.oidc_discovery_url ?? '').split(WELL_KNOWN);
  const config: JwtConfig = {
    discoveryUrl,
    jwksUrl: given.jwks_url ?? '',
    publicKeys: pemsOf(given.jwt_validation_pubkeys),
    discoveryCaPem: given.oidc_discovery_ca_pem ?? '',
    jwksCaPem: given.jwks_ca_pem ?? '',
    boundIssuer: given.bound_issuer ?? '',
    algorithms: given.jwt_supported_algs ?? [],
    defaultRole: (given.default_role ?? '').toLowerCase(),
    namespaceInState: given.namespace_in_state ?? before?.namespaceInState ?? true,
  };
  assertOneSource(config);
  const foreign = config.algorithms.find((name) => !ALGORITHMS.some((known) => known === name));
  if (foreign !== undefined) {
    throw refusal(`invalid jwt_supported_algs: unsupported signing algorithm "${foreign.slice(0, 32)}"`);
  }
  return config;
}

function assertOneSource(config: JwtConfig): void {
  const sources = [config.discoveryUrl, config.jwksUrl, config.publicKeys[0] ?? ''];
  if (sources.filter((source) => source !== '').length !== 1) {
    throw refusal("exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set");
  }
  if (config.discoveryUrl !== '' && serviceUrl(config.discoveryUrl) === undefined) {
    throw refusal(`error checking oidc discovery URL: ${ADDRESS_RULE}`);
  }
  if (config.jwksUrl !== '' && serviceUrl(config.jwksUrl) === undefined) {
    throw refusal(`error checking jwks URL: ${ADDRESS_RULE}`);
  }
  assertCertificates('oidc_discovery_ca_pem', config.discoveryCaPem);
  assertCertificates('jwks_ca_pem', config.jwksCaPem);
  if (config.publicKeys.length > KEYS_MAX) throw refusal(`more than ${KEYS_MAX} public keys are refused`);
  if (config.publicKeys.some((pem) => publicKeyOfPem(pem) === undefined)) {
    throw refusal(
      'error parsing public key: data does not contain any valid public keys ' +
        '(RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519)',
    );
  }
}

function assertCertificates(name: string, pem: string): void {
  if (pem !== '' && !isCertificates(pem)) {
    throw refusal(`error checking ${name}: could not parse CA PEM value successfully`);
  }
}

/** Whoever sets these expects people to log in by a browser, and must not find out later that nobody can. */
function refuseBrowserFlow(input: JsonObject): void {
  for (const name of ['oidc_client_id', 'oidc_client_secret', 'oidc_response_mode', 'oidc_response_types']) {
    if (!isEmpty(input[name])) throw refusal(`'${name}' is not supported: ${NO_BROWSER}`);
  }
  for (const name of ['provider_config', 'jwks_pairs']) {
    if (!isEmpty(input[name])) throw refusal(`'${name}' is not supported`);
  }
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

export const NO_BROWSER = 'there are logins with a JWT alone, none through a browser (OIDC)';
const ADDRESS_RULE = 'it must be an https address (http only to this host itself), without a user in it';

/** Members as Vault shows them. */
export function describeConfig(config: JwtConfig): JsonObject {
  return {
    bound_issuer: config.boundIssuer,
    default_role: config.defaultRole,
    jwks_ca_pem: config.jwksCaPem,
    jwks_pairs: [],
    jwks_url: config.jwksUrl,
    jwt_supported_algs: [...config.algorithms],
    jwt_validation_pubkeys: [...config.publicKeys],
    namespace_in_state: config.namespaceInState,
    oidc_client_id: '',
    oidc_discovery_ca_pem: config.discoveryCaPem,
    oidc_discovery_url: config.discoveryUrl,
    oidc_response_mode: '',
    oidc_response_types: [],
    provider_config: {},
  };
}

/** Equal for configurations that are the same, and only for them. */
export function fingerprintOf(config: JwtConfig): string {
  return JSON.stringify(describeConfig(config));
}

export async function saveConfig(view: View, config: JwtConfig): Promise<void> {
  const { publicKeys, algorithms, ...texts } = config;
  const members = { ...texts, publicKeys: [...publicKeys], algorithms: [...algorithms] };
  await view.put(RECORD, encodeRecord(members));
}

/** Undefined if the mount was not configured. @throws LatchkeyError storage_corrupt */
export async function loadConfig(view: View): Promise<JwtConfig | undefined> {
  const bytes = await view.get(RECORD);
  if (bytes === undefined) return undefined;
  const members = decodeRecord(bytes);
  for (const name of ['publicKeys', 'algorithms']) {
    if (!isTexts(members[name])) throw corruptRecord(`the member ${name} of a configuration`);
  }
  const texts = ['discoveryUrl', 'jwksUrl', 'discoveryCaPem', 'jwksCaPem', 'boundIssuer', 'defaultRole'];
  const foreign = texts.find((name) => typeof members[name] !== 'string');
  if (foreign !== undefined) throw corruptRecord(`the member ${foreign} of a configuration`);
  if (typeof members['namespaceInState'] !== 'boolean') throw corruptRecord('namespaceInState');
  return members as unknown as JwtConfig;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
