// `~/.vault-token`: where `login` keeps the token and every other command looks for it.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../client/options.ts';
import { CommandFailure } from './failure.ts';

function tokenFile(env: Environment): string {
  return join(env['HOME'] || homedir(), '.vault-token');
}

/** Undefined if there is none. @throws CommandFailure if it is there and cannot be read. */
export function readTokenFile(env: Environment): string | undefined {
  try {
    return readFileSync(tokenFile(env), 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw failed('reading', env, error);
  }
}

/** Writes beside it and renames, readable by the owner alone: a kill leaves the old token or the new one. */
export function writeTokenFile(env: Environment, token: string): void {
  const target = followed(tokenFile(env));
  const draft = `${target}.${process.pid}.tmp`;
  try {
    rmSync(draft, { force: true });
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeSync(file, token);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw failed('storing', env, error);
  }
}

/** Some keep the file elsewhere, behind a link; the rename must not replace the link. */
function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function failed(what: string, env: Environment, cause: unknown): CommandFailure {
  const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new CommandFailure(2, `Error ${what} token: ${tokenFile(env)}: ${reason}`, cause);
}
