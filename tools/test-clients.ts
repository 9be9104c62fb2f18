// `npm run test:clients`: builds the foreign clients' programs, runs each against servers of its own, and prints what
// works, what is refused rightly and what is missing. `--json` prints that as JSON; names choose some of the clients.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { ROWS } from '../test/clients/rows.ts';
import {
  type ClientProgram,
  type ClientResult,
  isAsExpected,
  NODE_VAULT,
  runClient,
} from '../test/clients/run-client.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const CLIENTS = join(ROOT, 'test', 'clients');
const CACHE = join(ROOT, 'node_modules', '.cache', 'latchkey-clients');

/** How each client's program is made ready. */
const PROGRAMS: Readonly<Record<string, () => Promise<ClientProgram>>> = {
  'vault-go': () => buildGo('vault-go', []),
  'openbao-go': () => buildGo('openbao-go', ['-tags', 'openbao']),
  hvac: preparePython,
  'node-vault': async () => NODE_VAULT,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !(name in PROGRAMS));
if (unknown.length > 0)
  fail(`there is no client ${unknown.join(', ')}; there are ${Object.keys(PROGRAMS).join(', ')}`);
const chosen = positionals.length > 0 ? positionals : Object.keys(PROGRAMS);
const missing = await missingToolchains(chosen);
if (missing.length > 0) fail(`missing: ${missing.join('; ')}`);

await mkdir(CACHE, { recursive: true });
const programs = await Promise.all(chosen.map((name) => PROGRAMS[name]?.()));
const results: ClientResult[] = [];
// One after the other: each has two servers of its own, and some rows wait for a node to lead.
for (const program of programs) {
  if (program !== undefined) results.push(await runClient(program));
}
if (values.json) console.log(JSON.stringify({ clients: results }, undefined, 2));
else console.log(`${table(results)}\n\n${summary(results)}`);
process.exitCode = results.every(isAsExpected) ? 0 : 1;

function fail(words: string): never {
  console.error(`test:clients: ${words}`);
  process.exit(1);
}

/** What has to be installed by hand, in words. */
async function missingToolchains(names: readonly string[]): Promise<string[]> {
  const needsGo = names.some((name) => name.endsWith('-go'));
  const checks: Promise<string[]>[] = [];
  if (needsGo) checks.push(tried('Go (go, 1.25 or later)', 'go', ['version']));
  if (names.includes('hvac')) {
    const script = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))';
    checks.push(tried('Python 3.9 or later with venv (python3, python3-venv)', 'python3', ['-c', script]));
  }
  return (await Promise.all(checks)).flat();
}

function tried(what: string, command: string, args: readonly string[]): Promise<string[]> {
  return run(command, args).then(
    () => [],
    () => [what],
  );
}

/** Modules and build results stay in Go's own caches. */
async function buildGo(name: string, flags: readonly string[]): Promise<ClientProgram> {
  const command = join(CACHE, name);
  await made(
    name,
    run('go', ['build', '-mod=readonly', ...flags, '-o', command, '.'], { cwd: join(CLIENTS, 'go') }),
  );
  return { name, command, args: [] };
}

/** A virtual environment for these requirements, made once. */
async function preparePython(): Promise<ClientProgram> {
  const requirements = join(CLIENTS, 'python', 'requirements.txt');
  const { stdout: version } = await run('python3', ['--version']);
  const hash = createHash('sha256')
    .update(version)
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16);
  const folder = join(CACHE, `python-${hash}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (!existsSync(complete)) {
    await rm(folder, { recursive: true, force: true });
    await made('hvac', run('python3', ['-m', 'venv', folder]));
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--require-hashes',
      '--only-binary=:all:',
      '-r',
      requirements,
    ];
    await made('hvac', run(python, pip));
    await writeFile(complete, '');
  }
  return { name: 'hvac', command: python, args: ['-B', join(CLIENTS, 'python', 'main.py')] };
}

async function made(name: string, running: Promise<unknown>): Promise<void> {
  try {
    await running;
  } catch (error) {
    fail(`${name} could not be built: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function table(all: readonly ClientResult[]): string {
  const first = Math.max(...ROWS.map(({ id }) => id.length)) + 2;
  const widths = all.map(({ name }) => Math.max(name.length, 'unexpected'.length) + 2);
  const head = 'row'.padEnd(first) + all.map(({ name }, at) => name.padEnd(widths[at] ?? 0)).join('');
  const lines = ROWS.map(
    ({ id }, row) =>
      id.padEnd(first) +
      all.map(({ rows }, at) => (rows[row]?.verdict ?? '').padEnd(widths[at] ?? 0)).join(''),
  );
  return [head, '-'.repeat(head.length), ...lines].map((line) => line.trimEnd()).join('\n');
}

function summary(all: readonly ClientResult[]): string {
  return all
    .flatMap((result) => {
      const count = (verdict: string) => result.rows.filter((row) => row.verdict === verdict).length;
      const unexpected = result.rows.filter(({ verdict }) => verdict === 'unexpected');
      return [
        `${result.name}: ${count('works')} work, ${count('refused')} refused rightly, ${count('missing')} missing, ` +
          `${unexpected.length} unexpected; ${(result.tookMs / 1_000).toFixed(1)} s`,
        ...unexpected.map(({ row, why }) => `  ${row}: ${why}`),
        ...result.faults.map((fault) => `  ${fault}`),
      ];
    })
    .join('\n');
}
