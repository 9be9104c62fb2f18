// Values of a seal stanza: from the stanza, from the environment, or from where `env://` and `file://` point.

import { showPosition } from '../../base/hcl/hcl-tree.ts';
import type { Findings } from './findings.ts';
import { quote, type Stanza } from './stanza.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SealInputs {
  readonly env: Environment;
  /** UTF-8 text of a small file. */
  readonly readText: (path: string) => Promise<string>;
  readonly findings: Findings;
}

export const SEAL_TITLE = 'seal "azurekeyvault"';

export interface SealValue {
  readonly key: string;
  readonly text: string;
  /** The variable's name, if the value is not from the stanza. */
  readonly variable?: string;
}

/** A key of the stanza that stands for another one, so that the environment must not set that. */
export interface Instead {
  readonly key: string;
  /** Whether the variable's value says the same. */
  readonly agrees: (text: string) => boolean;
}

/** Looks a value up in the stanza and in the environment. The stanza wins; where the two differ, a note says so. */
export class SealValues {
  readonly #stanza: Stanza;
  readonly #inputs: SealInputs;
  readonly #ignoreEnv: boolean;

  constructor(stanza: Stanza, inputs: SealInputs, ignoreEnv: boolean) {
    this.#stanza = stanza;
    this.#inputs = inputs;
    this.#ignoreEnv = ignoreEnv;
  }

  /** For values that are no secrets: notes and faults show them. */
  async text(key: string, variables: readonly string[], instead?: Instead): Promise<SealValue | undefined> {
    const variable = this.variable(variables);
    const fromEnv = variable === undefined ? undefined : this.#inputs.env[variable]?.trim();
    if (this.#stanza.has(key)) {
      const written = this.#stanza.string(key);
      const text = written === undefined ? undefined : await this.#resolve(key, written);
      if (text === undefined) return undefined;
      if (variable !== undefined && fromEnv !== undefined && text.toLowerCase() !== fromEnv.toLowerCase()) {
        this.ignored(`${key} = ${quote(text)}`, key, `${variable} = ${quote(fromEnv)}`);
      }
      return { key, text };
    }
    if (variable === undefined || fromEnv === undefined) return undefined;
    if (instead) {
      if (!instead.agrees(fromEnv)) this.ignored(instead.key, instead.key, `${variable} = ${quote(fromEnv)}`);
      return undefined;
    }
    this.note(`${key} = ${quote(fromEnv)} comes from ${variable}`);
    return { key, text: fromEnv, variable };
  }

  /** The first of `names` that is set and not empty. */
  variable(names: readonly string[]): string | undefined {
    if (this.#ignoreEnv) return undefined;
    return names.find((name) => (this.#inputs.env[name]?.trim() ?? '') !== '');
  }

  /** A note that `used`, which stands in the stanza at `key`, wins over a variable. */
  ignored(used: string, key: string, unused: string): void {
    this.note(
      `${used} (${showPosition(this.#stanza.position(key))}) is used; ${unused} is set too and ignored`,
    );
  }

  note(text: string): void {
    this.#inputs.findings.note(`${SEAL_TITLE}: ${text}`);
  }

  fault(value: SealValue, text: string): void {
    if (value.variable === undefined) this.#stanza.fault(value.key, `${value.key}: ${text}`);
    else
      this.#inputs.findings.fault(undefined, `${value.variable} (for ${SEAL_TITLE} ${value.key}): ${text}`);
  }

  /** `env://NAME` and `file:///path`; everything else stands for itself. */
  async #resolve(key: string, written: string): Promise<string | undefined> {
    const source = ['tenant_id', 'client_id'].includes(key) ? parseSource(written) : undefined;
    if (!source) return written;
    if ('fault' in source) return this.#refuse(key, source.fault);
    if (source.from === 'env') {
      const text = this.#inputs.env[source.name]?.trim() ?? '';
      return text === '' ? this.#refuse(key, `the variable ${source.name} is not set`) : text;
    }
    try {
      const text = (await this.#inputs.readText(source.path)).trim();
      return text === '' ? this.#refuse(key, `the file ${source.path} is empty`) : text;
    } catch (error) {
      return this.#refuse(key, `the file ${source.path} cannot be read (${reason(error)})`);
    }
  }

  #refuse(key: string, text: string): undefined {
    this.#stanza.fault(key, `${key}: ${text}`);
    return undefined;
  }
}

export type ParsedSource = { from: 'env'; name: string } | { from: 'file'; path: string } | { fault: string };

export function parseSource(written: string): ParsedSource | undefined {
  if (written.startsWith('env://')) {
    const name = written.slice('env://'.length);
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { from: 'env', name };
    return { fault: 'expected env:// and the name of a variable' };
  }
  if (written.startsWith('file://')) {
    const path = written.slice('file://'.length);
    return path.startsWith('/')
      ? { from: 'file', path }
      : { fault: 'expected file:// and a full path: file:///…' };
  }
  return undefined;
}

/** An error's code such as ENOENT; never its message, which may quote what was read. */
export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'not readable';
}
