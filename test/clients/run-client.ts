// Runs one client's program against a fresh cluster, and judges each row by the list of rows.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findSecrets } from '../leaks/spellings.ts';
import { ClusterForClient } from './cluster-for-client.ts';
import { MISSING, ROWS, type Row } from './rows.ts';

/** A program that prints a line of JSON a row. */
export interface ClientProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Needs nothing but what this project runs on. */
export const NODE_VAULT: ClientProgram = {
  name: 'node-vault',
  command: process.execPath,
  args: [fileURLToPath(new URL('./node/main.ts', import.meta.url))],
};

/** `missing`: does not hold yet, and is on the list of those. `unexpected`: anything else than the list says. */
export type Verdict = 'works' | 'refused' | 'missing' | 'unexpected';

export interface Judged {
  readonly row: string;
  readonly verdict: Verdict;
  /** Without secrets; empty if there is nothing to say. */
  readonly why: string;
}

export interface ClientResult {
  readonly name: string;
  readonly rows: readonly Judged[];
  /** What is wrong with the run as a whole: an exit code, a row that nobody knows, a secret in an output. */
  readonly faults: readonly string[];
  readonly tookMs: number;
}

interface Told {
  readonly row: string;
  readonly outcome: string;
  readonly why: string;
}

const CLIENT_MS_MAX = 60_000;
const WHY_CHARS_MAX = 500;

/** Starts and ends the servers. Rejects only if they do not start. */
export async function runClient(program: ClientProgram): Promise<ClientResult> {
  const startedAt = performance.now();
  await using cluster = await ClusterForClient.start();
  const { stdout, stderr, exit } = await outputOf(program, cluster);
  const secrets = await cluster.secrets();
  const told = readTold(stdout, secrets);
  const known = new Set(ROWS.map(({ id }) => id));
  const outputs = new Map([...(await cluster.logs()), ['its output', `${stdout}\n${stderr}`]]);
  const strangers = [...told.keys()].filter((row) => !known.has(row));
  return {
    name: program.name,
    rows: ROWS.map((row) => judge(row, told.get(row.id))),
    faults: [
      ...(exit === '0' ? [] : [`its program ended with ${exit}: ${hide(stderr.trim(), secrets)}`]),
      ...strangers.map((row) => `the row ${row} is not on the list`),
      ...leaks(outputs, secrets),
    ],
    tookMs: Math.round(performance.now() - startedAt),
  };
}

/** Whether every row is as the list says, and nothing else is wrong. */
export function isAsExpected(result: ClientResult): boolean {
  return result.faults.length === 0 && result.rows.every(({ verdict }) => verdict !== 'unexpected');
}

function judge(row: Row, told: Told | undefined): Judged {
  if (told === undefined) return { row: row.id, verdict: 'unexpected', why: 'the program does not have it' };
  const holds = told.outcome === row.expected;
  if (!MISSING.has(row.id))
    return { row: row.id, verdict: holds ? row.expected : 'unexpected', why: told.why };
  if (!holds) return { row: row.id, verdict: 'missing', why: told.why };
  return { row: row.id, verdict: 'unexpected', why: 'it holds: take it off the list of those that do not' };
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: string;
}

async function outputOf(program: ClientProgram, cluster: ClusterForClient): Promise<Output> {
  const [active, standby] = cluster.servers;
  // Nothing of ours may reach it by chance: a VAULT_TOKEN of the caller, a proxy.
  const env = {
    PATH: process.env['PATH'],
    HOME: cluster.folder,
    CLIENT_ACTIVE: active.address,
    CLIENT_STANDBY: standby.address,
    CLIENT_CACERT: cluster.caFile,
    CLIENT_FOLDER: cluster.folder,
    CLIENT_SECRETS: cluster.secretsFile,
    NODE_EXTRA_CA_CERTS: cluster.caFile,
  };
  const child = spawn(program.command, program.args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CLIENT_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const texts = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const piece of stream.setEncoding('utf8')) text += piece;
    return text;
  });
  const exit = await exitOf(child);
  const [stdout = '', stderr = ''] = await Promise.all(texts);
  return { stdout, stderr, exit };
}

function exitOf(child: ChildProcess): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, signal) => resolve(String(code ?? signal)));
  return promise;
}

function readTold(stdout: string, secrets: readonly string[]): ReadonlyMap<string, Told> {
  const lines = stdout.split('\n').filter((line) => line !== '');
  const told = lines.map((line): Told => {
    const { row, outcome, why = '' } = JSON.parse(line) as Record<string, string>;
    return { row: row ?? '', outcome: outcome ?? '', why: hide(why, secrets) };
  });
  return new Map(told.map((each) => [each.row, each]));
}

/** A client's error may hold what it was given. */
function hide(text: string, secrets: readonly string[]): string {
  const named = secrets.reduce((left, secret) => left.replaceAll(secret, '<secret>'), text);
  const hidden = named.replace(/\b(hv[sbr]|[sbr])\.[\w-]{20,}/g, '<token>');
  return hidden.replace(/\s+/g, ' ').slice(0, WHY_CHARS_MAX);
}

function leaks(outputs: ReadonlyMap<string, string>, secrets: readonly string[]): string[] {
  return [...outputs].flatMap(([name, text]) => findSecrets(text, secrets).map((what) => `${name}: ${what}`));
}
