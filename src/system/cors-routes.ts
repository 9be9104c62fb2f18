// sys/config/cors: which web pages may call this cluster from a browser. Vault's API page /api-docs/system/config-cors.

import { LatchkeyError } from '../base/errors.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { CorsPort } from './ports.ts';

const FIELDS = {
  allowed_origins: { type: 'strings', help: 'Origins such as https://app.example.org, or * alone for all.' },
  allowed_headers: { type: 'strings', help: 'Headers that requests may carry, beside the usual ones.' },
  allow_credentials: { type: 'boolean', help: 'Whether browsers may send what they keep for this server.' },
} as const;

/** Headers that clients of Vault send. */
const USUAL_HEADERS = [
  'Content-Type',
  'X-Requested-With',
  'X-Vault-AWS-IAM-Server-ID',
  'X-Vault-MFA',
  'X-Vault-No-Request-Forwarding',
  'X-Vault-Wrap-Format',
  'X-Vault-Wrap-TTL',
  'X-Vault-Policy-Override',
  'Authorization',
  'X-Vault-Token',
];
const ENTRIES_MAX = 100;
const ORIGIN = /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[^\s/?#]{1,256})$/i;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

export function corsRoutes(port: CorsPort): readonly Route[] {
  return [
    {
      pattern: 'config/cors',
      access: 'sudo',
      operations: {
        read: () => read(port),
        update: (request) => write(port, request),
        delete: async () => {
          await port.write(undefined);
          return {};
        },
      },
      fields: FIELDS,
      help: 'Which web pages may call this cluster from a browser.',
    },
  ];
}

async function read(port: CorsPort): Promise<Response> {
  const rules = await port.read();
  if (rules === undefined) return { dress: 'injected', data: { enabled: false } };
  return {
    dress: 'injected',
    data: {
      enabled: true,
      allowed_origins: [...rules.origins],
      allowed_headers: [...rules.headers],
      allow_credentials: rules.credentials,
    },
  };
}

async function write(port: CorsPort, request: Request): Promise<Response> {
  const fields = readFields(FIELDS, request.input);
  const origins = fields.allowed_origins ?? [];
  const further = fields.allowed_headers ?? [];
  if (origins.length === 0) throw refusal('at least one origin or the wildcard must be provided');
  if (origins.includes('*') && origins.length > 1) {
    throw refusal("to allow all origins the '*' must be the only value for allowed_origins");
  }
  if (origins.length > ENTRIES_MAX || further.length > ENTRIES_MAX) {
    throw refusal(`at most ${ENTRIES_MAX} origins and ${ENTRIES_MAX} headers may be allowed`);
  }
  const odd = origins.find((origin) => !ORIGIN.test(origin));
  if (odd !== undefined) throw refusal(`${JSON.stringify(odd)} is no origin: scheme, host and port alone`);
  if (!further.every((name) => HEADER.test(name)))
    throw refusal('allowed_headers: a name that no header has');
  await port.write({
    origins,
    headers: [...new Set([...USUAL_HEADERS, ...further])],
    credentials: fields.allow_credentials ?? false,
  });
  return {};
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
