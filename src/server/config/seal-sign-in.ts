// Reads how the seal signs in to Azure. Which of several ways is taken is the seal's choice; what is said here is what is
// set, and what excludes what.

import { SecretBytes, utf8 } from '../../base/bytes.ts';
import type { AzureKeyVaultSealConfig, SecretSource } from './config.ts';
import { parseSource, type SealInputs, type SealValue, type SealValues } from './seal-values.ts';
import { quote, type Stanza } from './stanza.ts';

type AuthMethod = NonNullable<AzureKeyVaultSealConfig['authMethod']>;

type SignIn = Pick<
  AzureKeyVaultSealConfig,
  | 'authMethod'
  | 'clientSecret'
  | 'certificatePath'
  | 'certificatePassword'
  | 'federatedTokenFile'
  | 'managedIdentityKind'
  | 'resourceId'
>;

interface Ids {
  readonly tenantId: SealValue | undefined;
  readonly clientId: SealValue | undefined;
}

const METHODS: readonly AuthMethod[] = [
  'client_secret',
  'certificate',
  'workload_identity',
  'managed_identity',
];
const KINDS = ['client_id', 'resource_id'] as const;
/** Keys of the stanza that say by what to sign in. */
const PROOFS = ['client_secret', 'client_certificate_path', 'cert_path', 'federated_token_file'];

/** Variables are those of the Azure SDKs and of OpenBao's wrapper. */
export async function readSignIn(
  stanza: Stanza,
  values: SealValues,
  inputs: SealInputs,
  ids: Ids,
): Promise<SignIn> {
  const clientSecret = readSecret(stanza, values, inputs, 'client_secret', ['AZURE_CLIENT_SECRET']);
  const certificatePath = await readCertificatePath(stanza, values);
  const certificatePassword = readSecret(stanza, values, inputs, 'cert_password', [
    'AZURE_CLIENT_CERTIFICATE_PASSWORD',
    'VAULT_AZUREKEYVAULT_CERTIFICATE_PASSWORD',
  ]);
  const tokenFile = await fromEither(stanza, values, 'federated_token_file', ['AZURE_FEDERATED_TOKEN_FILE']);
  const hasProof = clientSecret !== undefined || certificatePath !== undefined || tokenFile !== undefined;
  const authMethod = await readMethod(stanza, values, hasProof);
  const kind = await readKind(values);
  const resourceId = await values.text('resource_id', ['VAULT_AZUREKEYVAULT_RESOURCE_ID']);
  checkTogether(stanza, authMethod, ids);
  return {
    ...(authMethod ? { authMethod } : {}),
    ...(clientSecret ? { clientSecret } : {}),
    ...(certificatePath ? { certificatePath: certificatePath.text } : {}),
    ...(certificatePassword ? { certificatePassword } : {}),
    ...(tokenFile ? { federatedTokenFile: tokenFile.text } : {}),
    ...(kind ? { managedIdentityKind: kind } : {}),
    ...(resourceId ? { resourceId: resourceId.text } : {}),
  };
}

/** Its value is never read into text here, but for what stands in the file itself, and never reported. */
function readSecret(
  stanza: Stanza,
  values: SealValues,
  { env }: SealInputs,
  key: string,
  variables: readonly string[],
): SecretSource | undefined {
  const variable = values.variable(variables);
  const entry = stanza.entry(key);
  if (!entry) return secretOfEnvironment(stanza, values, key, variable);
  // A number would show itself in the message of a wrong type, and no client secret is one.
  if (entry.value.kind !== 'string') stanza.fault(key, `${key} must be text in double quotes`);
  const written = entry.value.kind === 'string' ? entry.value.value.trim() : undefined;
  if (written === undefined) return undefined;
  if (written === '') stanza.fault(key, `${key} is empty; give it a value or remove the line`);
  const source = parseSource(written);
  const sameVariable = source && 'from' in source && source.from === 'env' && source.name === variable;
  if (variable !== undefined && !sameVariable) values.ignored(key, key, variable);
  if (!source) {
    values.note(`${key} stands in the config file itself; env://NAME or file:///path keeps it out`);
    return { from: 'text', value: SecretBytes.take(utf8(written)) };
  }
  if ('fault' in source) stanza.fault(key, `${key}: ${source.fault}`);
  else if (source.from === 'env' && (env[source.name] ?? '') === '') {
    stanza.fault(key, `${key}: the variable ${source.name} is not set`);
  }
  return 'fault' in source ? undefined : source;
}

function secretOfEnvironment(
  stanza: Stanza,
  values: SealValues,
  key: string,
  variable: string | undefined,
): SecretSource | undefined {
  if (variable === undefined) return undefined;
  const used = key === 'client_secret' ? PROOFS.find((proof) => stanza.has(proof)) : undefined;
  if (used !== undefined) {
    values.ignored(used, used, variable);
    return undefined;
  }
  values.note(`${key} comes from ${variable}`);
  return { from: 'env', name: variable };
}

/** Two names for one thing: the SDKs' word, and OpenBao's. */
async function readCertificatePath(stanza: Stanza, values: SealValues): Promise<SealValue | undefined> {
  const [ours, theirs] = ['client_certificate_path', 'cert_path'];
  if (stanza.has(ours) && stanza.has(theirs)) {
    stanza.fault(theirs, `${theirs} and ${ours} are the same; keep one`);
  }
  if (stanza.has('cert_bytes')) {
    stanza.fault(
      'cert_bytes',
      `cert_bytes is not in this version; put the PEM in a file and set ${ours}, which is read anew at each sign-in`,
    );
  }
  return await fromEither(stanza, values, stanza.has(theirs) ? theirs : ours, [
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'VAULT_AZUREKEYVAULT_CERTIFICATE_PATH',
  ]);
}

/** A path. Where the stanza signs in by something else, the environment does not add a second way in front of it. */
async function fromEither(
  stanza: Stanza,
  values: SealValues,
  key: string,
  variables: readonly string[],
): Promise<SealValue | undefined> {
  const other = PROOFS.find((proof) => stanza.has(proof));
  const instead = other === undefined || stanza.has(key) ? undefined : { key: other, agrees: () => false };
  const value = await values.text(key, variables, instead);
  if (value && !value.text.startsWith('/')) values.fault(value, 'expected a full path, from /');
  return value;
}

async function readMethod(
  stanza: Stanza,
  values: SealValues,
  hasProof: boolean,
): Promise<AuthMethod | undefined> {
  const asked = stanza.boolean('use_managed_identity');
  const instead = stanza.has('use_managed_identity')
    ? { key: 'use_managed_identity', agrees: (text: string) => asked === (text === 'managed_identity') }
    : undefined;
  const value = await values.text('auth_method', ['VAULT_AZUREKEYVAULT_AUTH_METHOD'], instead);
  const text = value?.text.toLowerCase();
  const method = METHODS.find((each) => each === text);
  // OpenBao's word for what happens without the key.
  if (value && text !== 'default' && method === undefined) {
    values.fault(value, `${quote(value.text)} is not known; there are: ${METHODS.join(', ')}`);
  }
  if (asked === true && method !== undefined && method !== 'managed_identity') {
    stanza.fault('use_managed_identity', `use_managed_identity = true, but auth_method = ${quote(method)}`);
  }
  if (asked === false && method === 'managed_identity') {
    stanza.fault(
      'use_managed_identity',
      'use_managed_identity = false, but auth_method = "managed_identity"',
    );
  } else if (asked === false && method === undefined && !hasProof && !PROOFS.some((key) => stanza.has(key))) {
    stanza.fault(
      'use_managed_identity',
      'use_managed_identity = false leaves no way to sign in; set client_secret, client_certificate_path or federated_token_file',
    );
  }
  return method ?? (asked === true ? 'managed_identity' : undefined);
}

async function readKind(values: SealValues): Promise<SignIn['managedIdentityKind']> {
  const value = await values.text('managed_id_kind', ['VAULT_AZUREKEYVAULT_MANAGED_IDENTITY_KIND']);
  const kind = KINDS.find((each) => each === value?.text.toLowerCase());
  if (value && kind === undefined) {
    values.fault(value, `${quote(value.text)} is not known; there are: ${KINDS.join(', ')}`);
  }
  return kind;
}

/** Faults that have a place in the file. What else is missing, the seal says. */
function checkTogether(stanza: Stanza, method: AuthMethod | undefined, { tenantId, clientId }: Ids): void {
  const proof = PROOFS.find((key) => stanza.has(key));
  if (proof === undefined) return;
  if (method === 'managed_identity') {
    const how = stanza.has('use_managed_identity')
      ? 'use_managed_identity = true'
      : 'auth_method = "managed_identity"';
    stanza.fault(proof, `${proof} and ${how} exclude each other; remove one`);
    return;
  }
  if (!tenantId && !stanza.has('tenant_id')) stanza.fault(proof, `${proof} needs tenant_id`);
  if (!clientId && !stanza.has('client_id')) stanza.fault(proof, `${proof} needs client_id`);
}
