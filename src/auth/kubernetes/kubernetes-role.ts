// Roles of a kubernetes mount: which service accounts may log in, and what they get.
// Vault: `Kubernetes auth method (API)`, "Create/Update role".

import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { readFields } from '../../engine/fields.ts';
import {
  decodeTokenParameters,
  describeTokenParameters,
  encodeTokenParameters,
  NO_TOKEN_PARAMETERS,
  OLD_NAMES,
  OLD_TOKEN_FIELDS,
  TOKEN_FIELDS,
  type TokenParameters,
  withTokenParameters,
} from '../../engine/token-parameters.ts';
import { fitsGlob } from '../glob.ts';
import type { RoleForm } from '../role-records.ts';
import { corruptRecord, isTexts } from '../stored-record.ts';

export interface KubernetesRole {
  /** Patterns with `*`. */
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  /** Labels that a namespace must have, as they were given: JSON of a Kubernetes label selector; empty: none. */
  readonly namespaceSelector: string;
  readonly audience: string;
  readonly aliasNameSource: string;
  readonly token: TokenParameters;
}

const ROLE_FIELDS = {
  bound_service_account_names: { type: 'strings', help: 'Service accounts that may log in; * for any text.' },
  bound_service_account_namespaces: {
    type: 'strings',
    help: 'Namespaces that they may be in; * for any text.',
  },
  bound_service_account_namespace_selector: {
    type: 'any',
    help: 'Or labels that the namespace must have: {"matchLabels": {...}} in JSON.',
  },
  audience: { type: 'string', help: 'An audience that the token must be for.' },
  alias_name_source: {
    type: 'string',
    help: 'serviceaccount_uid or serviceaccount_name. Kept, without effect.',
  },
  ...TOKEN_FIELDS,
  ...OLD_TOKEN_FIELDS,
} as const;

const ALIAS_SOURCES: readonly string[] = ['serviceaccount_uid', 'serviceaccount_name'];

const NEW_ROLE: KubernetesRole = {
  names: [],
  namespaces: [],
  namespaceSelector: '',
  audience: '',
  aliasNameSource: 'serviceaccount_uid',
  token: NO_TOKEN_PARAMETERS,
};

/**
 * `before` with what `input` gives; what it leaves out stays.
 * @throws LatchkeyError bad_request with Vault's texts.
 */
function roleWith(before: KubernetesRole = NEW_ROLE, input: JsonObject): KubernetesRole {
  const given = readFields(ROLE_FIELDS, input);
  const role: KubernetesRole = {
    names: given.bound_service_account_names ?? before.names,
    namespaces: given.bound_service_account_namespaces ?? before.namespaces,
    namespaceSelector: selectorOf(given.bound_service_account_namespace_selector) ?? before.namespaceSelector,
    audience: given.audience ?? before.audience,
    aliasNameSource: given.alias_name_source || before.aliasNameSource,
    token: withTokenParameters(before.token, input, OLD_NAMES),
  };
  assertWhole(role);
  return role;
}

function assertWhole({ names, namespaces, namespaceSelector, aliasNameSource }: KubernetesRole): void {
  if (names.length === 0) throw refusal('"bound_service_account_names" can not be empty');
  if (namespaces.length === 0 && namespaceSelector === '') {
    throw refusal(
      '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set',
    );
  }
  if ([names, namespaces].some((list) => list.length > 1 && list.includes('*'))) {
    throw refusal('can not mix "*" with values');
  }
  if (!ALIAS_SOURCES.includes(aliasNameSource)) {
    throw refusal(`invalid alias_name_source, must be one of: ${ALIAS_SOURCES.join(', ')}`);
  }
}

/** An object is taken as well as its text, since JSON clients have one at hand. */
function selectorOf(given: JsonValue | undefined): string | undefined {
  if (given === undefined) return undefined;
  const text = typeof given === 'string' ? given.trim() : JSON.stringify(given);
  if (text !== '' && labelsOf(text) === undefined) {
    throw refusal(
      'invalid "bound_service_account_namespace_selector" configured: it must be JSON with at least one of ' +
        'matchLabels, and without matchExpressions',
    );
  }
  return text;
}

/** The labels of a selector. Undefined if it is none that we know: it must not be taken for one that fits all. */
export function labelsOf(selector: string): Readonly<Record<string, string>> | undefined {
  let value: JsonValue;
  try {
    value = parseJson(selector, 8);
  } catch {
    return undefined;
  }
  if (!isObject(value) || Object.keys(value).join() !== 'matchLabels') return undefined;
  const { matchLabels: labels } = value;
  if (!isObject(labels) || Object.keys(labels).length === 0) return undefined;
  const isText = Object.values(labels).every((label) => typeof label === 'string');
  return isText ? (labels as Record<string, string>) : undefined;
}

export function allows(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => fitsGlob(pattern, name));
}

/** Members as Vault shows them. */
function describeRole(role: KubernetesRole): JsonObject {
  return {
    alias_name_source: role.aliasNameSource,
    ...(role.audience === '' ? {} : { audience: role.audience }),
    bound_service_account_names: [...role.names],
    bound_service_account_namespace_selector: role.namespaceSelector,
    bound_service_account_namespaces: [...role.namespaces],
    ...describeTokenParameters(role.token),
  };
}

export const roleForm: RoleForm<KubernetesRole> = {
  fields: ROLE_FIELDS,
  help: 'A role: which service accounts may log in, and what they get.',
  change: roleWith,
  describe: describeRole,
  encode: (role) => ({
    ...role,
    names: [...role.names],
    namespaces: [...role.namespaces],
    token: encodeTokenParameters(role.token),
  }),
  decode: (members) => {
    const token = decodeTokenParameters(members['token']);
    const lists = [members['names'], members['namespaces']];
    const texts = [members['namespaceSelector'], members['audience'], members['aliasNameSource']];
    // A bound that cannot be read must not be taken for no bound.
    if (!lists.every(isTexts) || !texts.every((text) => typeof text === 'string')) {
      throw corruptRecord('a role of kubernetes');
    }
    return { ...(members as unknown as KubernetesRole), token };
  },
};

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
