// The configuration of a kubernetes mount: which API server says whose a token is, and as whom we ask it.
// Vault: `Kubernetes auth method (API)`, "Configure method".

import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { View } from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import { isCertificates, KEYS_MAX, pemsOf, publicKeyOfPem } from '../public-keys.ts';
import { readToken, TokenFault } from '../signed-token.ts';
import { corruptRecord, decodeRecord, encodeRecord, isTexts } from '../stored-record.ts';
import { serviceUrl } from '../web-caller.ts';

/** Empty strings are "not set". */
export interface KubernetesConfig {
  /** As it was given; `apiUrl` makes an address of it. */
  readonly host: string;
  readonly caPem: string;
  /** A bearer token that may review others. A secret: never shown, logged or put into an error. */
  readonly reviewerJwt: string;
  readonly disableLocalCaJwt: boolean;
  readonly disableIssValidation: boolean;
  readonly issuer: string;
  /** Keys of the cluster; with them a token is checked before the cluster is asked. */
  readonly publicKeys: readonly string[];
}

export const CONFIG_FIELDS = {
  kubernetes_host: { type: 'string', help: 'Address of the API server: a URL, or host and port.' },
  kubernetes_ca_cert: { type: 'string', help: 'Certificates to trust when asking it, PEM.' },
  token_reviewer_jwt: { type: 'string', help: 'Token with which TokenReview is asked. Never shown again.' },
  disable_local_ca_jwt: {
    type: 'boolean',
    help: 'Not to use the certificate and the token of the pod that the server runs in.',
  },
  disable_iss_validation: { type: 'boolean', help: 'Not to check the claim "iss". Default true.' },
  issuer: { type: 'string', help: 'What "iss" must be if it is checked. Default kubernetes/serviceaccount.' },
  pem_keys: { type: 'strings', help: 'Public keys or certificates of the cluster, PEM.' },
  use_annotations_as_alias_metadata: { type: 'boolean', help: 'Must be false: there are no aliases.' },
} as const;

const RECORD = 'config';

/**
 * All of a new configuration: what `input` leaves out is unset, as in Vault.
 * @throws LatchkeyError bad_request with Vault's texts.
 */
export function configOf(input: JsonObject): KubernetesConfig {
  const given = readFields(CONFIG_FIELDS, input);
  const config: KubernetesConfig = {
    host: (given.kubernetes_host ?? '').trim(),
    caPem: given.kubernetes_ca_cert ?? '',
    reviewerJwt: (given.token_reviewer_jwt ?? '').trim(),
    disableLocalCaJwt: given.disable_local_ca_jwt ?? false,
    disableIssValidation: given.disable_iss_validation ?? true,
    issuer: given.issuer ?? '',
    publicKeys: pemsOf(given.pem_keys),
  };
  if (config.host === '') throw refusal('no host provided');
  if (apiUrl(config.host) === undefined) {
    throw refusal(
      'kubernetes_host must be an https address (http only to this host itself), or a host and a port',
    );
  }
  if (config.disableLocalCaJwt && config.caPem === '') {
    throw refusal('kubernetes_ca_cert must be given when disable_local_ca_jwt is true');
  }
  if (config.caPem !== '' && !isCertificates(config.caPem)) {
    throw refusal('kubernetes_ca_cert holds no certificate that can be read');
  }
  if (config.publicKeys.length > KEYS_MAX) throw refusal(`more than ${KEYS_MAX} public keys are refused`);
  if (config.publicKeys.some((pem) => publicKeyOfPem(pem) === undefined)) {
    throw refusal(
      'data does not contain any valid public keys (RSA of 2048 bits or more, P-256, P-384, P-521)',
    );
  }
  if (given.use_annotations_as_alias_metadata === true) {
    throw refusal("'use_annotations_as_alias_metadata' is not supported: there are no aliases");
  }
  assertJwt(config.reviewerJwt);
  return config;
}

/** As in Vault. It also keeps line breaks and the like out of the header that the token goes into. */
function assertJwt(jwt: string): void {
  try {
    if (jwt !== '') readToken(jwt);
  } catch (error) {
    if (error instanceof TokenFault) throw refusal(`token_reviewer_jwt: ${error.message}`);
    throw error;
  }
}

/** Address of the API server; its path, as a proxy in front of clusters has one, stays. */
export function apiUrl(host: string): URL | undefined {
  const url = serviceUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(host) ? host : `https://${host}`);
  return url === undefined || url.search !== '' ? undefined : url;
}

/** Members as Vault shows them. */
export function describeConfig(config: KubernetesConfig): JsonObject {
  return {
    disable_iss_validation: config.disableIssValidation,
    disable_local_ca_jwt: config.disableLocalCaJwt,
    issuer: config.issuer,
    kubernetes_ca_cert: config.caPem,
    kubernetes_host: config.host,
    pem_keys: [...config.publicKeys],
    token_reviewer_jwt_set: config.reviewerJwt !== '',
    use_annotations_as_alias_metadata: false,
  };
}

export async function saveConfig(view: View, config: KubernetesConfig): Promise<void> {
  await view.put(RECORD, encodeRecord({ ...config, publicKeys: [...config.publicKeys] }));
}

/** Undefined if the mount was not configured. @throws LatchkeyError storage_corrupt */
export async function loadConfig(view: View): Promise<KubernetesConfig | undefined> {
  const bytes = await view.get(RECORD);
  if (bytes === undefined) return undefined;
  const members = decodeRecord(bytes);
  const isText = ['host', 'caPem', 'reviewerJwt', 'issuer'].every(
    (name) => typeof members[name] === 'string',
  );
  const isSwitch = ['disableLocalCaJwt', 'disableIssValidation'].every(
    (name) => typeof members[name] === 'boolean',
  );
  if (!isTexts(members['publicKeys']) || !isText || !isSwitch)
    throw corruptRecord('a configuration of kubernetes');
  return members as unknown as KubernetesConfig;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
