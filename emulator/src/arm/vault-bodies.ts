// Reads the vaults that clients PUT and PATCH to ARM, and refuses what ARM refuses: 400.

import { isIP } from 'node:net';
import { asObject } from '../http/message.ts';
import type { AccessPolicy, NetworkRules, Vault } from '../key-vault/vault.ts';
import { badRequest, readBody, readGuid, readLocation, readTags } from './bodies.ts';
import type { VaultRequest } from './vaults.ts';

const POLICIES_MAX = 1024;
const RULES_MAX = 1000;
/** Switches that mean nothing here but belong to the resource. */
const ENABLED_FOR = [
  'enabledForDeployment',
  'enabledForDiskEncryption',
  'enabledForTemplateDeployment',
] as const;

/** `createMode: recover` is all that a recovery says. */
export function asksForRecovery(body: Buffer): boolean {
  const mode = asObject(readBody(body)['properties'])?.['createMode'];
  return typeof mode === 'string' && mode.toLowerCase() === 'recover';
}

export function readVault(body: Buffer): VaultRequest {
  const object = readBody(body);
  const properties = asObject(object['properties']);
  if (!properties) throw badRequest('BadRequest', "The parameter 'properties' is missing.");
  const tenantId = readGuid(properties, 'tenantId');
  return {
    location: readLocation(object),
    tags: readTags(object['tags']),
    tenantId,
    sku: readSku(asObject(properties['sku'])),
    ...readCommon(properties),
  };
}

/** A PATCH: what it does not say stays as it is. */
export function readVaultChange(body: Buffer, known: Vault): VaultRequest {
  const object = readBody(body);
  const properties = asObject(object['properties']) ?? {};
  const sku = asObject(properties['sku']);
  return {
    location: known.location,
    tags: readTags(object['tags']),
    tenantId:
      (properties['tenantId'] ?? undefined) === undefined ? known.tenantId : readGuid(properties, 'tenantId'),
    sku: sku === undefined ? known.sku : readSku(sku),
    ...readCommon(properties),
  };
}

/** The body of `accessPolicies/add|replace|remove`. */
export function readPolicyChange(body: Buffer): AccessPolicy[] {
  const policies = readPolicies(asObject(readBody(body)['properties'])?.['accessPolicies']);
  if (!policies) throw badRequest('BadRequest', "'accessPolicies' is missing.");
  return policies;
}

function readCommon(properties: Record<string, unknown>) {
  return {
    rbac: readFlag(properties, 'enableRbacAuthorization'),
    accessPolicies: readPolicies(properties['accessPolicies']),
    retentionDays: readRetention(properties['softDeleteRetentionInDays']),
    purgeProtection: readFlag(properties, 'enablePurgeProtection'),
    network: readNetwork(properties['networkAcls']),
    publicAccess: readPublicAccess(properties['publicNetworkAccess']),
    enabledFor: Object.fromEntries(
      ENABLED_FOR.flatMap((name) => {
        const flag = readFlag(properties, name);
        return flag === undefined ? [] : [[name, flag]];
      }),
    ),
  };
}

function readSku(sku: Record<string, unknown> | undefined): string {
  const name = sku?.['name'];
  if (typeof name !== 'string' || !/^(standard|premium)$/i.test(name)) {
    throw badRequest('BadRequest', "The parameter 'sku' must name 'standard' or 'premium'.");
  }
  return name.toLowerCase();
}

function readNetwork(given: unknown): NetworkRules | undefined {
  if (given === undefined || given === null) return undefined;
  const rules = asObject(given);
  const bypass = rules?.['bypass'] ?? 'AzureServices';
  const action = rules?.['defaultAction'] ?? 'Allow';
  if (!rules || typeof bypass !== 'string' || typeof action !== 'string' || !/^(allow|deny)$/i.test(action)) {
    throw badRequest('BadRequest', "'networkAcls' must have a 'defaultAction' of Allow or Deny.");
  }
  return {
    bypass,
    defaultAction: action.toLowerCase() === 'deny' ? 'Deny' : 'Allow',
    ipRules: readList(rules['ipRules'], 'value').map((value) => {
      const network = parseNetwork(value);
      if (!network) throw badRequest('BadRequest', `'${value.slice(0, 100)}' is no IPv4 address or network.`);
      return network.includes('/') ? network : `${network}/32`;
    }),
    virtualNetworkRules: readList(rules['virtualNetworkRules'], 'id'),
  };
}

/** `[{value: 'x'}]` or `[{id: 'x'}]` → ['x'] */
function readList(given: unknown, member: string): string[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || given.length > RULES_MAX) {
    throw badRequest('BadRequest', `A list of network rules has at most ${RULES_MAX} entries.`);
  }
  return given.map((entry) => {
    const value = asObject(entry)?.[member];
    if (typeof value !== 'string') throw badRequest('BadRequest', `A network rule must have a '${member}'.`);
    return value;
  });
}

function parseNetwork(text: string): string | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  if (isIP(address) !== 4 || rest.length > 0) return undefined;
  return bits === undefined || (/^\d{1,2}$/.test(bits) && Number(bits) <= 32) ? text : undefined;
}

function readPublicAccess(given: unknown): 'Enabled' | 'Disabled' | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'string' || !/^(enabled|disabled)$/i.test(given)) {
    throw badRequest('BadRequest', "'publicNetworkAccess' must be Enabled or Disabled.");
  }
  return given.toLowerCase() === 'disabled' ? 'Disabled' : 'Enabled';
}

function readPolicies(given: unknown): AccessPolicy[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given) || given.length > POLICIES_MAX) {
    throw badRequest('BadRequest', "'accessPolicies' must be a list of at most 1024 entries.");
  }
  return given.map((entry) => {
    const policy = asObject(entry);
    if (!policy) throw badRequest('BadRequest', "An entry of 'accessPolicies' must be an object.");
    const permissions = asObject(policy['permissions']) ?? {};
    return {
      tenantId: readGuid(policy, 'tenantId'),
      objectId: readGuid(policy, 'objectId'),
      permissions: {
        keys: readNames(permissions['keys']),
        secrets: readNames(permissions['secrets']),
        certificates: readNames(permissions['certificates']),
        storage: readNames(permissions['storage']),
      },
    };
  });
}

function readNames(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || given.length > 64)
    throw badRequest('BadRequest', 'Permissions must be lists of names.');
  return given.map((name) => {
    if (typeof name !== 'string') throw badRequest('BadRequest', 'Permissions must be lists of names.');
    return name;
  });
}

function readFlag(object: Record<string, unknown>, name: string): boolean | undefined {
  const value = object[name] ?? undefined;
  if (value !== undefined && typeof value !== 'boolean')
    throw badRequest('BadRequest', `'${name}' must be true or false.`);
  return value;
}

function readRetention(given: unknown): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 7 || given > 90) {
    throw badRequest('BadRequest', "'softDeleteRetentionInDays' must be from 7 to 90.");
  }
  return given;
}
