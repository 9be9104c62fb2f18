// Programs of Debian that the demo and the tests need and that are not installed: fetched with apt, and unpacked into a
// folder, so that nothing is installed and no right is needed.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'debian');

/**
 * Unpacks a package, and what it depends on and this machine lacks, below `folder`.
 * @returns Environment with which its programs find their libraries.
 * @throws Error that says what to install by hand.
 */
export async function unpackDebian(name: string, folder: string): Promise<Readonly<Record<string, string>>> {
  try {
    for (const file of await fetched(name)) await run('dpkg-deb', ['-x', file, folder]);
  } catch (cause) {
    throw new Error(`${name} is missing and cannot be fetched; install it: apt-get install ${name}`, {
      cause,
    });
  }
  const libraries = join(folder, 'usr', 'lib');
  const triplets = (await readdir(libraries).catch((): string[] => [])).filter((entry) =>
    entry.endsWith('-linux-gnu'),
  );
  return { LD_LIBRARY_PATH: triplets.map((triplet) => join(libraries, triplet)).join(':') };
}

/** Package files, kept for the next time. */
async function fetched(name: string): Promise<readonly string[]> {
  const kept = join(CACHE, name);
  if ((await packageFiles(kept)).length === 0) {
    await mkdir(CACHE, { recursive: true });
    const fresh = await mkdtemp(join(CACHE, 'fetching-'));
    await run('apt-get', ['download', ...(await missing(name))], { cwd: fresh });
    // Somebody else may have been quicker; what is there is as good.
    await rename(fresh, kept).catch(() => rm(fresh, { recursive: true }));
  }
  return packageFiles(kept);
}

async function packageFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((file) => file.endsWith('.deb')).map((file) => join(folder, file));
}

/** The package and what would be installed with it. */
async function missing(name: string): Promise<readonly string[]> {
  const simulate = () => run('apt-get', ['install', '--simulate', '--no-install-recommends', name]);
  const { stdout } = await simulate().catch(async () => {
    // A machine whose lists were never fetched; only root may.
    await run('apt-get', ['update']);
    return simulate();
  });
  const names = stdout.split('\n').flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
  // Nothing to install: it is installed already, but not where it was looked for.
  return names.length === 0 ? [name] : names;
}
