// The Azure CLI that the proof runs: pinned, from PyPI, in a virtual environment that is made once and kept.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const REQUIREMENTS = join(import.meta.dirname, 'proof-az-requirements.txt');
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
