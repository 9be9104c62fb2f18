// How a command ends other than well: a text for stderr and an exit code.

import { hasCode, LatchkeyError } from '../base/errors.ts';

/** 0 done · 1 local or usage error · 2 the server refused or did not answer (`status`: 2 sealed, 1 error). */
export type ExitCode = 0 | 1 | 2;

export class CommandFailure extends LatchkeyError {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super('bad_request', message, cause === undefined ? {} : { cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong; nothing was sent. */
export class UsageError extends CommandFailure {
  constructor(message: string) {
    super(1, message);
    this.name = 'UsageError';
  }
}

/** Runs `act`; a failure of the API gets `prefix` ("Error reading secret/x", or empty) and `exitCode`. */
export async function attempt<T>(prefix: string, act: () => Promise<T>, exitCode: ExitCode = 2): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof CommandFailure || !(error instanceof LatchkeyError)) throw error;
    const head = prefix === '' ? '' : `${prefix}: `;
    // Options that cannot work (a missing CA file) are the caller's; nothing was sent.
    const code = hasCode(error, 'config_invalid') ? 1 : exitCode;
    throw new CommandFailure(code, `${head}${error.message}`, error);
  }
}

/** @throws UsageError in Vault's words unless `least` ≤ arguments ≤ `most`. */
export function expectArguments(args: readonly string[], least: number, most: number = least): void {
  const expected = least === most ? `${least}` : `${least} to ${most}`;
  if (args.length < least)
    throw new UsageError(`Not enough arguments (expected ${expected}, got ${args.length})`);
  if (args.length > most) throw new UsageError(`Too many arguments (expected ${most}, got ${args.length})`);
}
