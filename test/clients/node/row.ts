// A row is one operation: it is tried with node-vault, and what came of it is printed as a line of JSON.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import nodeVault from 'node-vault';
import { until as untilSo } from '../../../demo/conditions.ts';

export type Vault = nodeVault.client;

const PATIENCE_MS = 20_000;

/** What the rows share: the two nodes, and what init gave. */
export interface Cluster {
  readonly active: Vault;
  readonly standby: Vault;
  readonly folder: string;
  shares: readonly string[];
  root: string;
}

export function connect(variable: 'CLIENT_ACTIVE' | 'CLIENT_STANDBY', token?: string): Vault {
  return nodeVault({
    endpoint: process.env[variable] ?? '',
    requestOptions: { ca: readFileSync(process.env['CLIENT_CACERT'] ?? '', 'utf8') },
    ...(token === undefined ? {} : { token }),
  });
}

/** The active node with another token. */
export function asToken(token?: string): Vault {
  return connect('CLIENT_ACTIVE', token);
}

/** Keeps secrets out of every output: the caller of this program looks for them afterwards. */
export function note(...secrets: readonly string[]): void {
  appendFileSync(process.env['CLIENT_SECRETS'] ?? '', `${secrets.join('\n')}\n`);
}

/** `act` must succeed. */
export async function works(row: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
    print(row, 'works');
  } catch (error) {
    print(row, 'failed', messageOf(error));
  }
}

/** `act` must be refused with this status and these words. */
export async function refused(
  row: string,
  status: number,
  words: string,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    const code = at(error, 'response', 'statusCode');
    if (code === status && messageOf(error).includes(words)) print(row, 'refused');
    else print(row, 'failed', `refused with ${code} "${messageOf(error)}", not with ${status} "${words}"`);
    return;
  }
  print(row, 'failed', 'it was not refused');
}

/** node-vault rejects with the status for what is not there. */
export async function expectMissing(asked: Promise<unknown>): Promise<void> {
  await assert.rejects(asked, (error) => at(error, 'response', 'statusCode') === 404);
}

export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  await untilSo(what, async () => ((await look()) ? true : undefined), PATIENCE_MS);
}

/** A member of an answer, which has no type; undefined if there is none. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined,
    value,
  );
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  assert.ok(typeof found === 'string' && found !== '', `${path.join('.')} is a text`);
  return found;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function print(row: string, outcome: string, why = ''): void {
  process.stdout.write(`${JSON.stringify({ row, outcome, why })}\n`);
}
