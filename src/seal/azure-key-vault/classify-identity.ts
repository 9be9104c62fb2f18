// Turns what the managed identity endpoint did into a SealFault of stage `token`.

import type { SealFault } from '../seal.ts';
import { type Answer, readEntraCode } from './answer.ts';
import { makeFault } from './encounter.ts';

export interface TokenRequest {
  readonly sealName: string;
  /** `IMDS` or `App Service`. */
  readonly service: string;
  /** Origin that was asked. */
  readonly endpoint: string;
  /** Client or resource id of a user-assigned identity. */
  readonly identity: string | undefined;
  readonly tokenMs: number;
  /** True if the webhook's token file is in the environment. */
  readonly hasFederatedTokenFile: boolean;
}

export type TokenFailure =
  | { readonly kind: 'network'; readonly code: string; readonly connected: boolean }
  | { readonly kind: 'deadline'; readonly connected: boolean }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** A good status with a body that is no token. */
  | { readonly kind: 'malformed' };

/** Nothing of Key Vault was touched yet, so every one of these is definite. */
export function tokenFault(request: TokenRequest, failure: TokenFailure): SealFault {
  const make = (facts: Omit<Parameters<typeof makeFault>[1], 'stage' | 'definite'>) =>
    makeFault(request.sealName, { ...facts, stage: 'token', definite: true });
  const remedy = askService(request);
  const at = `${request.service} at ${request.endpoint}`;
  switch (failure.kind) {
    case 'cancelled':
      return make({
        class: 'cancelled',
        retry: 'backoff',
        sentence: `the call to ${at} was cancelled on this side`,
      });
    case 'malformed':
      return make({
        class: 'imds_failed',
        retry: 'backoff',
        ...remedy,
        sentence: `${at} answered with something that is not a token`,
      });
    case 'deadline':
      return make({
        class: 'imds_timeout',
        retry: 'backoff',
        ...remedy,
        sentence: `${failure.connected ? `${at} took the request and gave no token` : `no connection to ${at}`} within ${request.tokenMs / 1_000} s${failure.connected ? '' : ': is this an Azure machine?'}`,
      });
    case 'network':
      return make({
        class: 'imds_unreachable',
        retry: 'backoff',
        ...remedy,
        sentence: failure.connected
          ? `the connection to ${at} was cut (${failure.code})`
          : `cannot reach ${at} (${failure.code}): is this an Azure machine with a managed identity?`,
      });
    case 'answer':
      return make(onAnswer(request, at, failure.answer));
  }
}

type AnswerFacts = Omit<Parameters<typeof makeFault>[1], 'stage' | 'definite'>;

function onAnswer(request: TokenRequest, at: string, answer: Answer): AnswerFacts {
  const wait = answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs };
  const base = { httpStatus: answer.status, ...wait };
  const entra = readEntraCode(answer.message);
  if (answer.status === 404 || answer.status === 410) {
    const sentence = `${at} is being updated (${answer.status}); that usually ends within 70 s`;
    return { ...base, class: 'imds_updating', retry: 'backoff', sentence };
  }
  if (answer.status === 429) {
    return { ...base, class: 'imds_throttled', retry: 'backoff', sentence: `${at} is throttling (429)` };
  }
  if (entra !== undefined) {
    const sentence = `Entra refused the managed identity ${request.identity ?? '(system-assigned)'}: ${entra} (${answer.status} from ${at})`;
    return { ...base, class: 'entra_rejected', retry: 'slow', sentence };
  }
  if (
    answer.status === 400 &&
    /identity not found|no managed identity|not.{0,20}assigned/i.test(answer.message ?? '')
  ) {
    return { ...base, ...identityNotFound(request, at) };
  }
  const retry = answer.status >= 500 ? 'backoff' : 'slow';
  return {
    ...base,
    ...askService(request),
    class: 'imds_failed',
    retry,
    sentence: `${at} gave no token (HTTP ${answer.status})`,
  };
}

/** IMDS answers this without an identity; App Service has nothing like it. */
function askService({ service, endpoint }: TokenRequest): { remedy?: string } {
  if (service !== 'IMDS') return {};
  return {
    remedy: `curl -m 5 -H Metadata:true "${endpoint}/metadata/instance?api-version=2021-02-01"`,
  };
}

function identityNotFound(
  request: TokenRequest,
  at: string,
): Pick<AnswerFacts, 'class' | 'retry' | 'sentence' | 'remedy'> {
  const who =
    request.identity === undefined ? 'no system-assigned identity' : `no identity ${request.identity}`;
  const hint = request.hasFederatedTokenFile
    ? ' (AZURE_FEDERATED_TOKEN_FILE is set: this pod may be meant to use workload identity)'
    : '';
  return {
    class: 'imds_identity_not_found',
    retry: 'slow',
    sentence: `${at} has ${who} for this machine (400)${hint}`,
    remedy:
      'az vm identity assign --resource-group <resource group> --name <machine>' +
      `${request.identity === undefined ? '' : ' --identities <resource id of the identity>'}`,
  };
}
