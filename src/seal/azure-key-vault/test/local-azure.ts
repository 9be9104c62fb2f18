// A local Azure for one test file, seals opened on it, and a watch that no key leaves the seal.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { type Azure, startAzure } from '@latchkey/azure-emulator';
import { RecordingLogger } from '../../../../test/auth/recording-logger.ts';
import { SecretBytes } from '../../../base/bytes.ts';
import { systemClock } from '../../../base/clock.ts';
import { systemRandom } from '../../../base/random.ts';
import { refused } from '../../seal.contract.ts';
import type { Seal, SealFault, WrapContext } from '../../seal.ts';
import { type AzureSealConfig, type AzureSealParts, openAzureKeyVaultSeal } from '../azure-key-vault-seal.ts';

export const OFFICER = 'Key Vault Secrets Officer';
export const USER = 'Key Vault Secrets User';
export const CRYPTO_USER = 'Key Vault Crypto Service Encryption User';
export const CLUSTER = '6f0e3a52-4d3e-4c9a-9f5c-0a3f1d1b7a01';
export const SECRET_NAME = 'vault-unseal-key';
export const KEY_NAME = 'unseal';
export const never = new AbortController().signal;

/** Short, so that a test of something that hangs ends soon. */
export const QUICK = { stageMs: 300, callMs: 900, tokenMs: 400 };

/** One vault and one identity with the role Officer, of names that no other test has. */
export interface Place {
  readonly azure: Azure;
  readonly vault: { readonly name: string; readonly id: string; readonly uri: string };
  readonly identity: { readonly clientId: string; readonly principalId: string; readonly resourceId: string };
  readonly log: RecordingLogger;
  open(config?: Partial<AzureSealConfig>, parts?: Partial<AzureSealParts>): Seal;
  /** The role in place of all others; undefined: none. */
  grant(role: string | undefined): void;
  /** Waits for a fault of that class and keeps it for the watch. */
  refused(call: Promise<unknown>, className: string): Promise<SealFault>;
  /** Bytes that must not have been seen anywhere; every value of the vault's secret is among them by itself. */
  assertNothingLeaked(...more: Uint8Array[]): void;
}

let count = 0;

export function placeOn(azure: Azure): Place {
  count += 1;
  const vault = azure.createVault(`kv-${count}`);
  const identity = azure.createIdentity(`identity-${count}`);
  const log = new RecordingLogger();
  const faults: SealFault[] = [];
  const grant = (role: string | undefined) => {
    azure.removeRoles({ principalId: identity.principalId });
    if (role !== undefined) azure.assignRole({ principalId: identity.principalId, role, scope: vault.id });
  };
  grant(OFFICER);
  return {
    azure,
    vault,
    identity,
    log,
    grant,
    open: (config = {}, parts = {}) =>
      openAzureKeyVaultSeal(
        {
          name: 'azure',
          clientId: identity.clientId,
          vaultUri: vault.uri,
          secretName: SECRET_NAME,
          adopt: false,
          caCertPem: azure.caPem,
          imdsEndpoint: azure.imdsUrl,
          ...config,
        },
        { clock: systemClock, random: systemRandom, log, ...parts },
      ),
    async refused(call, className) {
      const fault = await refused(call, className);
      faults.push(fault);
      return fault;
    },
    assertNothingLeaked(...more) {
      const secrets = azure.secrets(vault.name);
      const values = secrets
        .names()
        .flatMap((name) => secrets.versions(name).map((version) => secrets.get(name, version).value));
      const seen = [...log.lines.map(({ text }) => text), ...faults.map(everythingIn)].join('\n');
      assert.ok(seen.length > 0);
      for (const bytes of [...values.map((value) => Buffer.from(value, 'base64')), ...more]) {
        assertAbsent(seen, bytes);
      }
      // A JWT begins with the base64 of `{"`.
      assert.doesNotMatch(seen, /eyJ[\w-]{8}/);
    },
  };
}

export function startLocalAzure(): Promise<Azure> {
  return startAzure();
}

export function contextOf(seal: Seal, clusterId = CLUSTER): WrapContext {
  return { clusterId, sealName: seal.name, generation: 1 };
}

export function rootKey(): SecretBytes {
  return SecretBytes.fill(32, (target) => systemRandom.fill(target));
}

/** What a debugger, a log of causes or a JSON dump would show. */
export function everythingIn(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 8; depth += 1) {
    parts.push(inspect(current, { depth: 12, showHidden: true }), JSON.stringify(current) ?? '');
    if (!(current instanceof Error)) break;
    parts.push(current.message, current.stack ?? '');
    current = current.cause;
  }
  return parts.join('\n');
}

function assertAbsent(seen: string, bytes: Uint8Array): void {
  const buffer = Buffer.from(bytes);
  // Encodings of an even part, too: base64 of a part that starts elsewhere looks different.
  for (const encoding of ['latin1', 'hex', 'base64', 'base64url'] as const) {
    const text = buffer.toString(encoding).replace(/=+$/, '');
    assert.ok(!seen.includes(text), `key bytes were seen as ${encoding}`);
  }
}
