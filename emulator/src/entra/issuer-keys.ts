// Fetches the key set of a foreign token issuer, as Entra does for federated credentials. It reaches loopback only:
// an assertion must not be able to make the emulator call out.

import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { JSONWebKeySet } from 'jose';
import { asObject, jsonObject } from '../http/message.ts';

/** Why the keys could not be had, in words for the one who runs the test. */
export class IssuerError extends Error {
  override readonly name = 'IssuerError';
}

const TIMEOUT_MS = 5000;
const BODY_LIMIT_BYTES = 256 * 1024;

/**
 * Reads `{issuer}/.well-known/openid-configuration` and the `jwks_uri` it names, over http or https with `caPem`
 * trusted. Nothing is kept: a rotated key shows at once, where Entra takes a while. Throws IssuerError.
 */
export async function fetchIssuerKeys(issuer: string, caPem: string): Promise<JSONWebKeySet> {
  const document = await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, caPem);
  if (document['issuer'] !== issuer) {
    throw new IssuerError(
      `the discovery document of ${issuer} names the issuer ${String(document['issuer'])}`,
    );
  }
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string') throw new IssuerError(`the discovery document of ${issuer} has no jwks_uri`);
  const { keys } = await getJson(uri, caPem);
  if (!Array.isArray(keys) || !keys.every((key) => typeof asObject(key)?.['kty'] === 'string')) {
    throw new IssuerError(`${uri} is no key set`);
  }
  return { keys };
}

async function getJson(address: string, caPem: string): Promise<Record<string, unknown>> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new IssuerError(`${address} is not an http(s) address`);
  if (!/^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)) {
    throw new IssuerError(`this emulator asks issuers on loopback only, not ${url.hostname}`);
  }
  const { status, body } = await get(url, caPem).catch((error: unknown) => {
    if (error instanceof IssuerError) throw error;
    throw new IssuerError(`${address} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  });
  if (status !== 200) throw new IssuerError(`${address} answered ${status}`);
  const object = jsonObject(body);
  if (!object) throw new IssuerError(`${address} answered no JSON object`);
  return object;
}

function get(url: URL, caPem: string): Promise<{ status: number; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
  const options: RequestOptions & { ca: string } = {
    ca: caPem,
    agent: false,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    // Resolvers do not know every name under .localhost; RFC 6761 6.3 says where they all are.
    ...(url.hostname.endsWith('localhost') ? { lookup: loopback } : {}),
  };
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(url, options, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > BODY_LIMIT_BYTES) request.destroy(new IssuerError(`${url} sent too much`));
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
  });
  request.on('error', reject);
  request.end();
  return promise;
}

const loopback: RequestOptions['lookup'] = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};
