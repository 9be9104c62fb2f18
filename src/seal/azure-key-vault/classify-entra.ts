// Turns what Entra's token endpoint did into a SealFault: the AADSTS number, and what it means in one sentence.

import type { SealFault } from '../seal.ts';
import { type Answer, readEntraCode } from './answer.ts';
import { onCancelled, onNetwork, type Wire } from './classify-network.ts';
import { type Encounter, makeFault, safe, type Verdict } from './encounter.ts';

export interface EntraRequest {
  readonly sealName: string;
  readonly host: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly proof: 'client_secret' | 'certificate' | 'workload_identity';
  readonly tokenFile: string | undefined;
  readonly caCertPem: string | undefined;
  readonly tokenMs: number;
  readonly stageMs: number;
}

interface Meaning {
  readonly class: string;
  readonly sentence: string;
  readonly remedy: string;
}

type Explain = (request: EntraRequest, clockDifference: string) => Meaning;

/** A clock that is this far off is worth a word, milliseconds. */
const CLOCK_MS = 30_000;

/** Nothing of Key Vault was touched yet, so every one of these is definite. */
export function entraFault(request: EntraRequest, met: Encounter, nowMs: number): SealFault {
  return makeFault(request.sealName, { ...verdictOn(request, met, nowMs), definite: true });
}

function verdictOn(request: EntraRequest, met: Encounter, nowMs: number): Verdict {
  const { answer } = met;
  if (met.ended === 'cancelled') return onCancelled('token', `Entra at ${request.host}`);
  if (met.networkCode !== undefined || met.ended === 'deadline') return onNetwork(wireOf(request), met);
  const base = { stage: 'token' as const, definite: true };
  if (answer === undefined || answer.status < 400) {
    return {
      ...base,
      class: 'entra_rejected',
      retry: 'backoff',
      sentence: `${request.host} answered with something that is not a token`,
      remedy: askEntra(request),
    };
  }
  const waited = answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs };
  const facts = { ...base, httpStatus: answer.status, ...waited };
  if (answer.status === 429) {
    const sentence = `Entra at ${request.host} is throttling (429)`;
    return { ...facts, class: 'entra_throttled', retry: 'backoff', sentence };
  }
  if (answer.status >= 500) {
    const sentence = `Entra at ${request.host} answered ${answer.status}`;
    return { ...facts, class: 'entra_unavailable', retry: 'backoff', sentence, remedy: askEntra(request) };
  }
  return { ...facts, retry: 'slow', ...meaningOf(request, answer, clockDifference(met, nowMs)) };
}

function meaningOf(request: EntraRequest, answer: Answer, difference: string): Meaning {
  const code = readEntraCode(answer.message);
  const explain = code !== undefined && Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
  const { class: name, sentence, remedy } = (explain ?? rejected)(request, difference);
  const said = code ?? (safe(answer.code ?? '') || `HTTP ${answer.status}`);
  return { class: name, sentence: `${sentence} (${said})`, remedy };
}

/** Microsoft Learn, "Microsoft Entra authentication and authorization error codes". */
const MEANINGS: Readonly<Record<string, Explain>> = {
  AADSTS7000215: badSecret,
  AADSTS7000222: (request) => ({
    class: 'entra_secret_expired',
    sentence: `the client secret of application ${request.clientId} has expired`,
    remedy: `az ad app credential reset --id ${request.clientId} --append, and put the new secret where the old one is read from`,
  }),
  AADSTS700016: (request) => ({
    class: 'entra_unknown_application',
    sentence: `tenant ${request.tenantId} has no application ${request.clientId}: client_id or tenant_id is wrong`,
    remedy: `az ad sp show --id ${request.clientId}`,
  }),
  AADSTS700024: (request, difference) => ({
    class: 'entra_assertion_expired',
    sentence: `Entra found the ${request.proof === 'workload_identity' ? 'federated token' : 'assertion of the certificate'} outside its time${difference}`,
    remedy:
      request.tokenFile === undefined
        ? 'timedatectl status'
        : `ls -l ${request.tokenFile}; timedatectl status`,
  }),
  AADSTS70021: noFederatedCredential,
  AADSTS700211: noFederatedCredential,
  AADSTS700212: noFederatedCredential,
  AADSTS700213: noFederatedCredential,
  AADSTS7002138: noFederatedCredential,
  AADSTS90002: (request) => ({
    class: 'entra_unknown_tenant',
    sentence: `Entra at ${request.host} has no tenant ${request.tenantId}`,
    remedy: 'az account show --query tenantId',
  }),
  AADSTS500011: (request) => ({
    class: 'entra_resource_principal',
    sentence: `tenant ${request.tenantId} knows no resource of the audience that was asked for: audience is wrong, or a privatelink name was taken for one`,
    remedy: 'take audience out of the seal stanza; it is then learnt from the vault',
  }),
};

function badSecret(request: EntraRequest): Meaning {
  return {
    class: 'entra_bad_secret',
    sentence: `the client secret is not one of application ${request.clientId}: mistyped, removed, or the secret's id in place of its value`,
    remedy: `az ad app credential reset --id ${request.clientId} --append`,
  };
}

function noFederatedCredential(request: EntraRequest): Meaning {
  return {
    class: 'entra_no_federated_credential',
    sentence: `no federated credential of ${request.clientId} fits issuer, subject and audience of the token in ${request.tokenFile ?? 'the file'}`,
    remedy: `az identity federated-credential list --resource-group <resource group> --identity-name <identity>, and compare with the token's iss, sub and aud`,
  };
}

function rejected(request: EntraRequest): Meaning {
  return {
    class: 'entra_rejected',
    sentence: `Entra refused to sign ${request.clientId} of tenant ${request.tenantId} in`,
    remedy: `az ad sp show --id ${request.clientId}`,
  };
}

function clockDifference(met: Encounter, nowMs: number): string {
  if (met.dateMs === undefined) return '';
  const behindMs = met.dateMs - nowMs;
  if (Math.abs(behindMs) < CLOCK_MS) return '; the clocks agree, so the token itself is old or not valid yet';
  const seconds = Math.round(Math.abs(behindMs) / 1_000);
  const amount = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `; the clock of this machine is ${amount} ${behindMs > 0 ? 'behind' : 'ahead of'} Entra's`;
}

function askEntra({ host, tenantId }: EntraRequest): string {
  return `curl -v https://${host}/${tenantId}/v2.0/.well-known/openid-configuration`;
}

function wireOf(request: EntraRequest): Wire {
  const remedy = askEntra(request);
  return {
    host: request.host,
    named: 'authority_host',
    caCertPem: request.caCertPem,
    callMs: request.tokenMs,
    stageMs: request.stageMs,
    talking: { stage: 'token' },
    silent: { class: 'entra_timeout' },
    remedy,
    nameRemedy: remedy,
  };
}
