// Official Azure clients for tests, unmodified: names of *.localhost resolve by the agent's lookup, the CA is trusted
// by the agent alone, and nothing is set in this process's environment.

import { lookup as dnsLookup } from 'node:dns';
import { Agent, request as httpsRequest } from 'node:https';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import { ClientSecretCredential, type TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys';
import { SecretClient } from '@azure/keyvault-secrets';
import type { Azure } from '../src/index.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: unknown;
}

/** An agent that trusts the emulator's CA and knows the names under .localhost. */
export function agentFor(azure: Azure): Agent {
  return new Agent({
    ca: azure.caPem,
    lookup(hostname, options, callback) {
      if (!hostname.endsWith('localhost')) return dnsLookup(hostname, options, callback);
      if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    },
  });
}

export function agentPolicy(agent: Agent): { policy: PipelinePolicy; position: 'perCall' } {
  return {
    position: 'perCall',
    policy: {
      name: 'emulatorAgent',
      sendRequest(request, next) {
        request.agent = agent;
        return next(request);
      },
    },
  };
}

export function secretCredential(
  azure: Azure,
  application: { clientId: string; clientSecret: string } = azure.operator,
): ClientSecretCredential {
  return new ClientSecretCredential(azure.tenantId, application.clientId, application.clientSecret, {
    authorityHost: azure.authorityUrl,
    disableInstanceDiscovery: true,
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries: 0 },
  });
}

export function secretClient(
  azure: Azure,
  vault: string,
  credential: TokenCredential = secretCredential(azure),
  maxRetries = 0,
): SecretClient {
  return new SecretClient(azure.vaultUri(vault), credential, {
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries, retryDelayInMs: 1 },
  });
}

export function keyClient(azure: Azure, vault: string, credential: TokenCredential): KeyClient {
  return new KeyClient(azure.vaultUri(vault), credential, {
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries: 0 },
  });
}

/** `keyId` with or without a version. */
export function cryptographyClient(
  azure: Azure,
  keyId: string,
  credential: TokenCredential,
): CryptographyClient {
  return new CryptographyClient(keyId, credential, {
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries: 0 },
  });
}

/** Waits for the refusal of a client call and gives its telling parts. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as { statusCode: number; code: string; message: string; details?: unknown },
  );
  if (!error) throw new Error('the call went through');
  const details = error.details as { error?: { innerError?: { code?: string } } } | undefined;
  return {
    status: error.statusCode,
    code: error.code,
    inner: details?.error?.innerError?.code,
    text: error.message,
  };
}

/** One plain HTTPS request to the emulator; follows nothing, retries nothing. */
export function send(
  azure: Azure,
  method: string,
  url: string,
  options: {
    headers?: Record<string, string>;
    body?: string | Buffer;
    token?: string;
    signal?: AbortSignal;
  } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const agent = agentFor(azure);
  const request = httpsRequest(
    url,
    {
      method,
      agent,
      signal: options.signal,
      headers: { ...(options.token ? { authorization: `Bearer ${options.token}` } : {}), ...options.headers },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
      });
    },
  );
  request.on('error', reject);
  request.on('close', () => agent.destroy());
  request.end(options.body);
  return promise;
}

/** A token for the operator, or for another application, from the token endpoint. */
export async function tokenFor(
  azure: Azure,
  resource: string,
  application: { clientId: string; clientSecret: string } = azure.operator,
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: application.clientId,
    client_secret: application.clientSecret,
    scope: `${resource}/.default`,
  });
  const answer = await send(azure, 'POST', `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`, {
    body: form.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  return (answer.json as { access_token: string }).access_token;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** All items of a paged list, in order. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
