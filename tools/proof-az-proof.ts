// What the rows of the proof share: names, what was found out on the way, and how az's answers are read.

import { expect, until } from '../demo/conditions.ts';
import type { ServerProcess } from '../demo/server-process.ts';
import type { Ran, Site } from './proof-az-site.ts';

export const GROUP = 'my-resource-group';
export const VAULT = 'my-vault-for-auto-unseal';
export const POLICY_VAULT = 'my-policy-vault';
export const IDENTITY = 'vault-identity';
export const KEY = 'vault-unseal';
export const SECRET = 'vault-unseal-key';
export const ACCOUNT = { namespace: 'vault', name: 'vault-0' };

export interface Row {
  readonly command: string;
  /** Acts and checks; says what was seen. Throws if anything is not as it must be. */
  run(proof: Proof): Promise<string>;
}

/** What the rows find out on the way. */
export class Proof {
  readonly site: Site;
  vaultId = '';
  vaultUri = '';
  policyVaultUri = '';
  clientId = '';
  secretCluster: readonly ServerProcess[] = [];
  keyCluster: readonly ServerProcess[] = [];
  policyCluster: readonly ServerProcess[] = [];

  constructor(site: Site) {
    this.site = site;
  }

  get keyServer(): ServerProcess {
    return only(this.keyCluster);
  }

  get policyServer(): ServerProcess {
    return only(this.policyCluster);
  }

  /** Any of the secret variant's servers. */
  get secretServer(): ServerProcess {
    return only(this.secretCluster);
  }

  managed(vaultUri: string, ...further: string[]): string[] {
    return [
      `vault_uri = "${vaultUri}"`,
      'use_managed_identity = true',
      `client_id = "${this.clientId}"`,
      ...further,
    ];
  }
}

export function row(command: string, run: Row['run']): Row {
  return { command, run };
}

export function assign(proof: Proof, role: string, assignee: string, scope = proof.vaultId): Promise<Ran> {
  return proof.site.az(
    'role',
    'assignment',
    'create',
    '--role',
    role,
    '--assignee',
    assignee,
    '--scope',
    scope,
  );
}

export async function initialise(server: ServerProcess): Promise<void> {
  await server.client.init({ recoveryShares: 3, recoveryThreshold: 2 });
}

/** Init once the server answers; gives what its refusal says of the vault's answer. */
export async function refusedInit(server: ServerProcess, expected: RegExp): Promise<string> {
  await until(`${server.name} to answer`, () => server.client.sealStatus());
  const error = await initialise(server).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  if (error === undefined) throw new Error('init went through');
  expect(expected.test(error.message), `init to be refused by the vault, not: ${error.message}`);
  const sentence = /Nothing was written\. ([^\n]+)/.exec(error.message)?.[1];
  if (sentence === undefined) throw new Error(`init to say that nothing was written, not: ${error.message}`);
  return `“${sentence.split(/(?<=\.) |;/)[0]}”`;
}

export function ok(ran: Ran): Ran {
  if (ran.code !== 0) throw new Error(`az ended with ${ran.code}: ${ran.err.trim().slice(0, 600)}`);
  return ran;
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export function text(value: unknown, name: string): string {
  const found = field(value, name);
  if (typeof found !== 'string') throw new Error(`az said nothing of ${name}`);
  return found;
}

export function only(servers: readonly ServerProcess[]): ServerProcess {
  const [first] = servers;
  if (first === undefined) throw new Error('an earlier row has not made this cluster');
  return first;
}
