// Turns whatever a call to Key Vault met into a SealFault: stage, class, when to try again, one sentence, one remedy.

import type { SealFault, SealRetry } from '../seal.ts';
import { type Answer, type Refusal, readRefusal, tenantsDiffer } from './answer.ts';
import { askVault, onCancelled, onNetwork, vaultWire } from './classify-network.ts';
import type { CheckedConfig } from './config.ts';
import {
  actionName,
  type Encounter,
  makeFault,
  nounOf,
  placeOf,
  safe,
  type Undertaking,
  type VaultAction,
  type Verdict,
} from './encounter.ts';

export function vaultFault(undertaking: Undertaking, met: Encounter): SealFault {
  return makeFault(undertaking.config.name, verdictOn(undertaking, met));
}

function verdictOn(doing: Undertaking, met: Encounter): Verdict {
  const mismatch = audienceMismatch(doing, met);
  const { answer } = met;
  if (met.ended === 'cancelled') return onCancelled(met.stage, 'Key Vault');
  if (mismatch !== undefined) return mismatch;
  if (met.networkCode !== undefined || met.ended === 'deadline') return onNetwork(vaultWire(doing), met);
  if (answer === undefined || answer.status < 400) return onStrange(doing, met);
  if (answer.status === 400 && answer.code === 'BadParameter') return onBadParameter(doing, answer);
  if (answer.status === 401) return onUnauthorized(doing, met, answer);
  if (answer.status === 403) return onForbidden(doing, answer);
  if (answer.status === 404) return onNotFound(doing, answer);
  if (answer.status === 409) return onConflict(doing, answer);
  if (answer.status === 429) return onThrottled(doing, answer);
  if (answer.status === 408 || answer.status >= 500) return onUnavailable(doing, answer);
  return onStrange(doing, met);
}

/** A challenge for a resource that is not a suffix of the vault's host: the SDK refuses to hand out a token. */
function audienceMismatch({ config }: Undertaking, met: Encounter): Verdict | undefined {
  const resource = met.challenge?.resource;
  if (resource === undefined || config.audience !== undefined || met.answer?.status !== 401) return undefined;
  const named = URL.parse(resource)?.hostname ?? resource;
  if (config.vaultHost.endsWith(`.${named}`)) return undefined;
  return {
    stage: 'token',
    class: 'keyvault_audience',
    retry: 'slow',
    httpStatus: 401,
    sentence: `${config.vaultHost} asks for a token for ${resource}, which does not match its own name; no token was sent`,
    remedy: `set audience = "${safe(resource)}" in the seal stanza, if that is what you expect of this vault`,
    definite: true,
  };
}

function onUnauthorized({ config }: Undertaking, met: Encounter, answer: Answer): Verdict {
  const akv = /AKV\d{5}/.exec(answer.message ?? '')?.[0];
  const base = { stage: 'token' as const, retry: 'slow' as const, httpStatus: 401, definite: true };
  if (akv === 'AKV10022') {
    return {
      ...base,
      class: 'keyvault_audience',
      sentence: `${config.vaultHost} refused the token: it is for ${config.audience ?? 'another audience'}, the vault expects ${met.challenge?.resource ?? 'another'} (401 AKV10022)`,
      remedy: `set audience = "${safe(met.challenge?.resource ?? '<resource of the vault>')}" in the seal stanza`,
    };
  }
  if (akv === 'AKV10032') return wrongTenant(config, met.challenge?.tenantId, ' (401 AKV10032)');
  return {
    ...base,
    class: 'keyvault_unauthorized',
    sentence: `${config.vaultHost} refused the token (401${akv === undefined ? '' : ` ${akv}`}): the identity may be of another tenant than the vault, or a clock may be wrong`,
  };
}

/** Undefined unless the stanza names another tenant than the vault's challenge. */
export function tenantFault(config: CheckedConfig, vaultTenant: string | undefined): SealFault | undefined {
  if (!tenantsDiffer(config.tenantId, vaultTenant)) return undefined;
  return makeFault(config.name, wrongTenant(config, vaultTenant, ''));
}

function wrongTenant(config: CheckedConfig, vaultTenant: string | undefined, suffix: string): Verdict {
  const own =
    config.tenantId === undefined
      ? 'the identity is of another one'
      : `this node is set to ${config.tenantId}`;
  return {
    stage: 'token',
    class: 'keyvault_unauthorized',
    retry: 'slow',
    httpStatus: 401,
    sentence: `wrong tenant: ${config.vaultHost} belongs to tenant ${vaultTenant ?? '<unknown>'}, ${own}${suffix}`,
    remedy: `az keyvault show --name ${config.vaultName} --query properties.tenantId`,
    definite: true,
  };
}

/** Inner codes of a 403 that have a class of their own. */
const FORBIDDEN: Readonly<
  Record<string, (doing: Undertaking, refusal: Refusal) => Partial<Verdict> & { class: string }>
> = {
  ForbiddenByRbac: byRbac,
  AccessDenied: byPolicy,
  ForbiddenByPolicy: byPolicy,
  ForbiddenByFirewall: byFirewall,
  ForbiddenByConnection: byFirewall,
  SecretDisabled: secretDisabled,
  SecretExpired: secretExpired,
  SecretNotYetValid: secretExpired,
  KeyDisabled: keyDisabled,
  KeyExpired: keyExpired,
  KeyNotYetValid: keyExpired,
  KeyOperationForbidden: operationForbidden,
};

function onForbidden(doing: Undertaking, answer: Answer): Verdict {
  const refusal = readRefusal(answer.message);
  const code = answer.innerCode ?? answer.code ?? '';
  const known = Object.hasOwn(FORBIDDEN, code) ? FORBIDDEN[code] : undefined;
  return {
    stage: 'key',
    retry: 'slow',
    httpStatus: 403,
    definite: true,
    class: 'keyvault_forbidden',
    sentence: `Key Vault refused ${actionName(doing.action)} on ${placeOf(doing)} (403 ${safe(code)})`,
    ...known?.(doing, refusal),
  };
}

/** The least built-in role that allows an action (Azure built-in roles, security). */
function roleFor(action: VaultAction): string {
  if (nounOf(action) === 'key') return 'Key Vault Crypto Service Encryption User';
  return action === 'getSecret' || action === 'readMetadata'
    ? 'Key Vault Secrets User'
    : 'Key Vault Secrets Officer';
}

/** The full ARM id would not leave room for who it was; it stands in the remedy. */
function byRbac(doing: Undertaking, refusal: Refusal) {
  const { config, action, objectName } = doing;
  const place = `${config.vaultUri}/${nounOf(action)}s/${objectName}`;
  const who = `identity ${refusal.appId ?? '<unknown>'} (object ${refusal.objectId ?? '<unknown>'})`;
  return {
    class: 'keyvault_forbidden_rbac',
    sentence: `Key Vault refused ${refusal.action ?? actionName(action)} on ${place}: ${who} has no role that allows it (403 ForbiddenByRbac)`,
    remedy:
      `az role assignment create --role "${roleFor(action)}" --assignee-object-id ${refusal.objectId ?? '<object id>'} ` +
      `--assignee-principal-type ServicePrincipal --scope "${refusal.vaultScope ?? '<resource id of the vault>'}"`,
  };
}

function byPolicy(doing: Undertaking, refusal: Refusal) {
  const { vaultName } = doing.config;
  return {
    class: 'keyvault_forbidden_policy',
    sentence: `Key Vault refused ${actionName(doing.action)} on ${placeOf(doing)}: no access policy allows it to identity ${refusal.appId ?? '<unknown>'} (object ${refusal.objectId ?? '<unknown>'}) (403)`,
    remedy: `az keyvault set-policy --name ${vaultName} --object-id ${refusal.objectId ?? '<object id>'} ${permissionsFor(doing.action)}`,
  };
}

function permissionsFor(action: VaultAction): string {
  if (nounOf(action) === 'key') return '--key-permissions get list wrapKey unwrapKey';
  return `--secret-permissions ${action === 'setSecret' || action === 'update' ? 'get list set' : 'get list'}`;
}

function byFirewall({ config }: Undertaking, refusal: Refusal) {
  return {
    class: 'keyvault_forbidden_firewall',
    sentence: `the firewall of ${config.vaultHost} does not let this machine in (403); it sees the address ${refusal.address ?? '<unknown>'}`,
    remedy: `az keyvault network-rule add --name ${config.vaultName} --ip-address ${refusal.address ?? '<address>'}, or use a private endpoint`,
  };
}

function secretDisabled(doing: Undertaking) {
  return { class: 'keyvault_secret_disabled', ...disabled(doing) };
}

function secretExpired(doing: Undertaking) {
  return { class: 'keyvault_secret_expired', ...outsideItsTime(doing) };
}

function keyDisabled(doing: Undertaking) {
  return { class: 'keyvault_key_disabled', ...disabled(doing) };
}

function keyExpired(doing: Undertaking) {
  return { class: 'keyvault_key_expired', ...outsideItsTime(doing) };
}

function disabled(doing: Undertaking) {
  return {
    sentence: `${placeOf(doing)} is disabled (403 ${nounOf(doing.action) === 'key' ? 'KeyDisabled' : 'SecretDisabled'})`,
    remedy: `az keyvault ${nounOf(doing.action)} set-attributes ${objectArguments(doing)} --enabled true`,
  };
}

function outsideItsTime(doing: Undertaking) {
  return {
    sentence: `${placeOf(doing)} is outside its time (403)`,
    remedy: `az keyvault ${nounOf(doing.action)} set-attributes ${objectArguments(doing)} --expires <later date> --not-before <earlier date>`,
  };
}

function operationForbidden(doing: Undertaking) {
  return {
    class: 'keyvault_key_unsuitable',
    sentence: `${placeOf(doing)} does not allow ${doing.action}Key (403 KeyOperationForbidden)`,
    remedy: `az keyvault key set-attributes ${objectArguments(doing)} --ops wrapKey unwrapKey`,
  };
}

/** On unwrap Key Vault has looked at the blob and the key, and the two do not belong together. */
function onBadParameter(doing: Undertaking, answer: Answer): Verdict {
  const { config, objectName } = doing;
  const onUnwrap = doing.action === 'unwrap';
  return {
    stage: onUnwrap ? 'unwrap' : 'key',
    class: 'keyvault_bad_parameter',
    retry: 'rare',
    httpStatus: answer.status,
    sentence: onUnwrap
      ? `Key Vault cannot unwrap the stored copy with ${placeOf(doing)}: wrong key or version for this blob (400 BadParameter)`
      : `Key Vault did not understand ${actionName(doing.action)} on ${placeOf(doing)} (400 BadParameter)`,
    remedy: `az keyvault ${nounOf(doing.action)} list-versions --vault-name ${config.vaultName} --name ${objectName}`,
    definite: true,
  };
}

function onNotFound(doing: Undertaking, answer: Answer): Verdict {
  const { vaultHost, vaultName } = doing.config;
  const base = { stage: 'key' as const, retry: 'slow' as const, httpStatus: 404, definite: true };
  if (answer.code !== 'SecretNotFound' && answer.code !== 'KeyNotFound') {
    return {
      ...base,
      class: 'keyvault_not_found',
      sentence: `${vaultHost} answered 404 ${safe(answer.code ?? '')}: is it a Key Vault, and does the vault exist?`,
      remedy: `az keyvault show --name ${vaultName} --query properties.vaultUri`,
    };
  }
  const noun = nounOf(doing.action);
  const facts = {
    ...base,
    sentence: `${placeOf(doing)} does not exist (404 ${answer.code})`,
    remedy: `az keyvault ${noun} list-versions --vault-name ${vaultName} --name ${doing.objectName}`,
  };
  if (noun === 'secret') return { ...facts, class: 'keyvault_secret_not_found' };
  // A version that is missing is another matter than a key that was never made.
  if (doing.version !== undefined) return { ...facts, class: 'keyvault_key_not_found' };
  return {
    ...facts,
    class: 'keyvault_key_not_found',
    remedy: `az keyvault key create --vault-name ${vaultName} --name ${doing.objectName} --kty RSA --size 3072 --ops wrapKey unwrapKey`,
  };
}

function onConflict(doing: Undertaking, answer: Answer): Verdict {
  const code = answer.innerCode ?? answer.code ?? '';
  if (code === 'ObjectIsDeletedButRecoverable' || code === 'ObjectIsBeingDeleted')
    return deletedVerdict(doing, 409);
  return {
    ...onStrangeBase(answer.status),
    sentence: `Key Vault answered 409 ${safe(code)} for ${placeOf(doing)}`,
  };
}

/** A secret or key that is deleted but can be recovered. `purgeAt` where the vault said it. */
export function deletedVerdict(doing: Undertaking, httpStatus: number, purgeAt?: Date): Verdict {
  const { vaultUri, vaultName } = doing.config;
  const noun = nounOf(doing.action);
  const until = purgeAt === undefined ? '' : ` until ${purgeAt.toISOString().slice(0, 10)}`;
  const otherName = doing.action === 'setSecret' ? ', or choose another secret_name' : '';
  const facts = {
    stage: 'key' as const,
    retry: 'slow' as const,
    httpStatus,
    sentence: `${noun} ${doing.objectName} in ${vaultUri} is deleted; it can be recovered${until}`,
    remedy: `az keyvault ${noun} recover --vault-name ${vaultName} --name ${doing.objectName}${otherName}`,
    definite: true,
  };
  return noun === 'key'
    ? { ...facts, class: 'keyvault_key_deleted' }
    : { ...facts, class: 'keyvault_secret_deleted' };
}

function onThrottled({ config }: Undertaking, answer: Answer): Verdict {
  return {
    stage: 'key',
    class: 'keyvault_throttled',
    retry: 'backoff',
    httpStatus: 429,
    ...waitOf(answer),
    sentence: `${config.vaultHost} is throttling (429): more calls reach this vault than it takes`,
    definite: true,
  };
}

function onUnavailable({ config }: Undertaking, answer: Answer): Verdict {
  return {
    stage: 'key',
    class: 'keyvault_unavailable',
    retry: 'backoff',
    httpStatus: answer.status,
    ...waitOf(answer),
    sentence: `${config.vaultHost} answered ${answer.status} ${safe(answer.code ?? '')}: Key Vault or its region has trouble`,
    remedy: askVault(config),
    definite: false,
  };
}

function onStrange(doing: Undertaking, met: Encounter): Verdict {
  const answer = met.answer;
  const what =
    answer === undefined
      ? 'failed before an answer came'
      : `answered ${answer.status} ${safe(answer.code ?? '')}`;
  const odd =
    answer !== undefined && answer.status < 400 ? `with a body that is not a ${nounOf(doing.action)}` : '';
  return {
    ...onStrangeBase(answer?.status),
    sentence: `${actionName(doing.action)} at ${doing.config.vaultHost} ${what.trim()} ${odd}`,
  };
}

function onStrangeBase(status: number | undefined): Omit<Verdict, 'sentence'> {
  const refused = status !== undefined && status >= 400 && status < 500;
  const retry: SealRetry = refused ? 'rare' : 'backoff';
  return {
    stage: 'key',
    class: 'unknown',
    retry,
    ...(status === undefined ? {} : { httpStatus: status }),
    definite: refused,
  };
}

function objectArguments({ config, objectName, version }: Undertaking): string {
  return `--vault-name ${config.vaultName} --name ${objectName}${version === undefined ? '' : ` --version ${version}`}`;
}

function waitOf(answer: Answer): { retryAfterMs?: number } {
  return answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs };
}
