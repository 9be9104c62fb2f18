// What a run of the suite has used as secrets, and what its processes have written. `tools/test.ts` names the folder;
// in a run without it nothing is kept, and the check at the end says so.

import { randomUUID } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env['LATCHKEY_TEST_LEDGER'];
const SECRETS_FILE = 'secrets';
const LOGS_FOLDER = 'logs';

/** A shorter one may be an ordinary word of some message, and would be found where nothing has leaked. */
const CHARACTERS_MIN = 12;

/**
 * Values that must not be seen in any output, as text: tokens, shares in base64, KEKs in base64, secrets.
 * @throws Error if one is too short to be told from ordinary words.
 */
export function noteSecrets(values: readonly string[]): void {
  if (values.some((value) => value !== '' && value.length < CHARACTERS_MIN)) {
    throw new Error(`a secret of a test needs ${CHARACTERS_MIN} characters or more`);
  }
  if (FOLDER === undefined || values.length === 0) return;
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  appendFileSync(join(FOLDER, SECRETS_FILE), values.map((value) => `${value}\n`).join(''), { mode: 0o600 });
}

/** Keeps every `*.log` of a folder that is about to be removed. */
export function keepLogs(folder: string): void {
  if (FOLDER === undefined) return;
  const logs = join(FOLDER, LOGS_FOLDER);
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.log')) copyFileSync(join(folder, name), join(logs, `${randomUUID()}-${name}`));
  }
}
