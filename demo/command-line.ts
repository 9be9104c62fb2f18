// Runs our own command line as a person would, with the address and token of one server.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ServerProcess } from './server-process.ts';

export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'latchkey');

/** The token goes by the environment, never by an argument, which every user of the machine could read. */
export function runLatchkey(
  server: Pick<ServerProcess, 'address'>,
  args: readonly string[],
  token: string,
): Promise<Printed> {
  const { promise, resolve, reject } = Promise.withResolvers<Printed>();
  const env = { ...process.env, VAULT_ADDR: server.address, ...(token === '' ? {} : { VAULT_TOKEN: token }) };
  const child = spawn(LAUNCHER, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    stdout += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
  });
  child.once('error', reject);
  child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  return promise;
}
