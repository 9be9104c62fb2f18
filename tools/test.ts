// `npm test`: runs every test, then looks through all that was written for the secrets that were used.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATTERNS = ['src/**/*.test.ts', 'emulator/**/*.test.ts', 'test/**/*.test.ts'];
const CHECK = 'test/leaks/no-secret-in-output.check.ts';
/** A test that hangs fails with its name instead of using up CI's time; the slowest takes under a minute. */
const TEST_MS_MAX = 300_000;
/** A file whose process does not end after its tests would hold up the run for ever. */
const SUITE_MS_MAX = 45 * 60_000;

const ledger = await mkdtemp(join(tmpdir(), 'latchkey-ledger-'));
const chosen = process.argv.slice(2);
const suite = await run(chosen.length > 0 ? chosen : PATTERNS, join(ledger, 'suite.out'));
// A choice of files uses too few secrets for the check to mean anything.
const check = chosen.length > 0 ? 0 : await run([CHECK], undefined);
if (check === 0) await rm(ledger, { recursive: true });
else console.error(`What the check looked at is kept in ${ledger}`);
process.exitCode = suite === 0 ? check : suite;

/** Runs test files, shows their output and keeps a copy of it; gives the exit code. */
function run(files: readonly string[], copy: string | undefined): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(process.execPath, ['--test', `--test-timeout=${TEST_MS_MAX}`, ...files], {
    env: { ...process.env, LATCHKEY_TEST_LEDGER: ledger },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = copy === undefined ? undefined : createWriteStream(copy, { mode: 0o600 });
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from.on('data', (piece: Buffer) => {
      to.write(piece);
      file?.write(piece);
    });
  }
  const deadline = setTimeout(() => {
    console.error('The suite did not end in time: some test file keeps its process alive. It is ended now.');
    child.kill();
  }, SUITE_MS_MAX);
  child.once('error', reject);
  child.once('close', (code) => {
    clearTimeout(deadline);
    if (file === undefined) resolve(code ?? 1);
    else file.end(() => resolve(code ?? 1));
  });
  return promise;
}
