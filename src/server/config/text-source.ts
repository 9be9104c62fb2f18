// Texts of a stanza that may lie elsewhere.

import type { SealInputs } from './seal-values.ts';
import type { Stanza } from './stanza.ts';

/** `file://…` and `env://…` say where the text is. Undefined if it is not there; Findings then hold the fault. */
export async function resolveText(
  stanza: Stanza,
  inputs: SealInputs,
  key: string,
  written: string,
): Promise<string | undefined> {
  if (written.startsWith('env://')) {
    const name = written.slice('env://'.length);
    const text = inputs.env[name]?.trim() || undefined;
    if (text === undefined) stanza.fault(key, `${key} names the variable ${name}, which is not set`);
    return text;
  }
  if (!written.startsWith('file://')) return written;
  const path = written.slice('file://'.length);
  try {
    return (await inputs.readText(path)).trim();
  } catch {
    stanza.fault(key, `${key} names the file ${path}, which cannot be read`);
    return undefined;
  }
}
