// The foreign programs that the proof runs, pinned, made once and kept: the Azure CLI and the Python clients in a virtual
// environment from PyPI, the Go clients built from the module proxy.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const REQUIREMENTS = join(import.meta.dirname, 'proof-az-requirements.txt');
const GO = join(import.meta.dirname, '..', 'proofs', 'azure-go');
const CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'proof-az');
/** azure-cli 2.91 needs it; the packages are pinned for CPython on Linux. */
const PYTHON = 'python3';

/** The Python of the environment, in which `-m azure.cli` runs. Minutes the first time. */
export async function preparePython(say: (line: string) => void): Promise<string> {
  const requirements = await readFile(REQUIREMENTS, 'utf8');
  const folder = join(CACHE, createHash('sha256').update(requirements).digest('hex').slice(0, 16));
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (await exists(complete)) return python;
  say(`installing azure-cli into ${folder}; this is done once and takes a minute or two`);
  // A half-made one is of no use.
  await rm(folder, { recursive: true, force: true });
  await mkdir(CACHE, { recursive: true });
  await run(PYTHON, ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', REQUIREMENTS]);
  await writeFile(complete, '');
  return python;
}

/** The program of the Go clients; undefined where there is no Go. */
export async function prepareGo(say: (line: string) => void): Promise<string | undefined> {
  const sources = await Promise.all(['main.go', 'go.mod', 'go.sum'].map((name) => readFile(join(GO, name))));
  const name = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const program = join(CACHE, `azure-go-${name}`);
  if (await exists(program)) return program;
  say('building the Go clients; this is done once and takes a minute or two');
  await mkdir(CACHE, { recursive: true });
  const built = `${program}.new`;
  try {
    await run('go', ['-C', GO, 'build', '-trimpath', '-o', built, '.']);
  } catch (error) {
    if (error instanceof Error && /cannot be run/.test(error.message)) return undefined;
    throw error;
  }
  await rename(built, program);
  return program;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function run(program: string, args: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
  child.once('close', (code) => {
    if (code === 0) resolve();
    else reject(new Error(`${program} ${args.join(' ')} ended with ${code}`));
  });
  return promise;
}
