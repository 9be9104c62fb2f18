// What a run of the suite has used as secrets, and what its processes have written. `tools/test.ts` names the folder;
// in a run without it nothing is kept, and the check at the end says so.

import { randomUUID } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env['LATCHKEY_TEST_LEDGER'];
const SECRETS_FILE = 'secrets';
const LOGS_FOLDER = 'logs';

/** Values that must not be seen in any output, as text: tokens, shares in base64, KEKs in base64, secrets. */
export function noteSecrets(values: readonly string[]): void {
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
