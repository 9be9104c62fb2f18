// sys/policies/acl and its older form sys/policy. Vault's API pages /api-docs/system/policies and /api-docs/system/policy.

import { fromBase64, fromUtf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { PolicyPort } from './ports.ts';

const POLICY_FIELDS = {
  policy: { type: 'string', help: 'The policy in HCL or JSON, plain or base64.' },
  rules: { type: 'string', help: 'The older name of `policy`.' },
} as const;

export function policyRoutes(port: PolicyPort): readonly Route[] {
  const help = 'Lists, shows, writes and removes policies.';
  const remove = async (request: Request): Promise<Response> => {
    await port.delete(nameOf(request));
    return {};
  };
  const write = (request: Request) => writePolicy(port, request);
  return [
    { pattern: 'policies/acl', operations: { list: () => listNew(port), read: () => listNew(port) }, help },
    {
      pattern: 'policies/acl/{name*}',
      operations: { read: (request) => readAs(port, request, 'policy'), update: write, delete: remove },
      fields: POLICY_FIELDS,
      help,
    },
    { pattern: 'policy', operations: { list: () => listOld(port), read: () => listOld(port) }, help },
    {
      pattern: 'policy/{name*}',
      operations: { read: (request) => readAs(port, request, 'rules'), update: write, delete: remove },
      fields: POLICY_FIELDS,
      help,
    },
  ];
}

async function listNew(port: PolicyPort): Promise<Response> {
  return { data: { keys: [...(await port.list())] } };
}

async function listOld(port: PolicyPort): Promise<Response> {
  const names = [...(await port.list())];
  return { dress: 'injected', data: { keys: names, policies: names } };
}

async function readAs(port: PolicyPort, request: Request, member: 'policy' | 'rules'): Promise<Response> {
  const found = await port.read(nameOf(request));
  if (found === undefined) throw new LatchkeyError('not_found', 'there is no such policy');
  const data: JsonObject = { name: found.name, [member]: found.text };
  return member === 'rules' ? { dress: 'injected', data } : { data };
}

async function writePolicy(port: PolicyPort, request: Request): Promise<Response> {
  const fields = readFields(POLICY_FIELDS, request.input);
  const text = fields.policy ?? fields.rules ?? '';
  if (text === '') throw new LatchkeyError('bad_request', "'policy' parameter not supplied or empty");
  const { name, warnings: about } = await port.write(nameOf(request), decoded(text));
  const warnings = name === nameOf(request) ? about : [`policy name was converted to ${name}`, ...about];
  return warnings.length === 0 ? {} : { warnings };
}

/** Vault takes base64 too. No policy is valid base64: it would need a space, a brace or a quote. */
function decoded(text: string): string {
  const bytes = fromBase64(text.trim());
  if (bytes === undefined) return text;
  try {
    return fromUtf8(bytes);
  } catch {
    throw new LatchkeyError('bad_request', "'policy' is base64, but not of UTF-8 text");
  }
}

function nameOf(request: Request): string {
  return request.params['name'] ?? '';
}
