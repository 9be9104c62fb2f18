// Reads the keys of one stanza: checks the names first, then gives typed values. Every fault goes to Findings and
// the reader goes on, so that one run finds all of them.

import { parseDuration } from '../../base/durations.ts';
import {
  type HclBody,
  type HclEntry,
  type HclPosition,
  type HclValue,
  showPosition,
} from '../../base/hcl/hcl-tree.ts';
import type { Findings } from './findings.ts';
import type { KeyTable } from './known-keys.ts';
import { nearestName } from './near-names.ts';

export const NO_EFFECT = 'accepted, has no effect in this version';

/** Where else an unknown name would be right: name → the stanza it belongs in. */
export type Elsewhere = ReadonlyMap<string, string>;

export class Stanza {
  readonly at: HclPosition;
  /** For messages: `listener "tcp"`; empty for the top level. */
  readonly title: string;
  readonly #findings: Findings;
  readonly #entries = new Map<string, HclEntry>();

  /** Reports unknown, repeated and ineffective keys at once. `blocks` are used keys that may come more than once. */
  constructor(
    title: string,
    body: HclBody,
    table: KeyTable,
    findings: Findings,
    { blocks = new Set<string>(), elsewhere = new Map<string, string>() as Elsewhere } = {},
  ) {
    this.at = body.at;
    this.title = title;
    this.#findings = findings;
    for (const entry of body.entries) {
      const name = table.used.get(entry.key.text.toLowerCase());
      if (name === undefined) this.#notUsed(entry, table, elsewhere);
      else if (!blocks.has(name)) this.#once(name, entry);
    }
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Where the value stands; the stanza's own place if the key is absent. */
  position(key: string): HclPosition {
    return this.#entries.get(key)?.key.at ?? this.at;
  }

  entry(key: string): HclEntry | undefined {
    return this.#entries.get(key);
  }

  /** A fault at `key`, or at the stanza if the key is absent. */
  fault(key: string, text: string): void {
    this.#findings.fault(this.position(key), `${this.#prefix()}${text}`);
  }

  warn(key: string, text: string): void {
    this.#findings.warn(this.position(key), `${this.#prefix()}${text}`);
  }

  /** Not empty. A number is taken as it is written. */
  string(key: string): string | undefined {
    const value = this.#entries.get(key)?.value;
    if (!value) return undefined;
    if (value.kind === 'number') return value.text;
    if (value.kind !== 'string') return this.#wrongType(key, 'text in double quotes', value);
    const text = value.value.trim();
    if (text === '') this.fault(key, `${key} is empty; give it a value or remove the line`);
    return text === '' ? undefined : text;
  }

  /** true, false, 1, 0, also in quotes, as Vault takes them. */
  boolean(key: string): boolean | undefined {
    const value = this.#entries.get(key)?.value;
    if (!value) return undefined;
    if (value.kind === 'boolean') return value.value;
    const text = value.kind === 'number' || value.kind === 'string' ? scalarText(value) : '';
    const parsed = parseBoolean(text);
    return parsed ?? this.#wrongType(key, 'true or false', value);
  }

  /** A whole number within ±2^53, also in quotes. */
  integer(key: string): number | undefined {
    const value = this.#entries.get(key)?.value;
    if (!value) return undefined;
    if (value.kind !== 'number' && value.kind !== 'string')
      return this.#wrongType(key, 'a whole number', value);
    const number = value.kind === 'number' ? value.value : Number(value.value.trim() || 'none');
    return Number.isSafeInteger(number) ? number : this.#wrongType(key, 'a whole number', value);
  }

  /** Milliseconds. */
  duration(key: string): number | undefined {
    const value = this.#entries.get(key)?.value;
    if (!value) return undefined;
    const number = value.kind === 'number' ? parseDuration(value.value) : undefined;
    const parsed = value.kind === 'string' ? parseDuration(value.value) : number;
    return parsed ?? this.#wrongType(key, 'a duration such as "90s", "1h30m" or a number of seconds', value);
  }

  /** A list of texts, or one text with commas. */
  strings(key: string): string[] | undefined {
    const value = this.#entries.get(key)?.value;
    if (!value) return undefined;
    const items = value.kind === 'list' ? value.items : [value];
    const texts: string[] = [];
    for (const item of items) {
      if (item.kind !== 'string') return this.#wrongType(key, 'a list of texts', item);
      texts.push(...(value.kind === 'list' ? [item.value] : item.value.split(',')));
    }
    return texts.map((text) => text.trim()).filter((text) => text !== '');
  }

  /** One of `choices`, whatever its case. */
  choice<T extends string>(key: string, choices: Readonly<Record<string, T>>): T | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const found = Object.hasOwn(choices, text.toLowerCase()) ? choices[text.toLowerCase()] : undefined;
    if (found === undefined) {
      this.fault(key, `${key} = ${quote(text)} is not known; there are: ${Object.keys(choices).join(', ')}`);
    }
    return found;
  }

  #prefix(): string {
    return this.title === '' ? '' : `${this.title}: `;
  }

  /** Says what was found by its kind alone: the value may be a secret. */
  #wrongType(key: string, expected: string, value: HclValue): undefined {
    this.#findings.fault(value.at, `${this.#prefix()}${key} must be ${expected}, found ${showKind(value)}`);
    return undefined;
  }

  #once(name: string, entry: HclEntry): void {
    const earlier = this.#entries.get(name);
    this.#entries.set(name, entry);
    if (!earlier) return;
    const { at } = entry.key;
    const place = showPosition(earlier.key.at);
    if (earlier.key.at.file === at.file) {
      this.#findings.fault(at, `${this.#prefix()}${name} is set twice, first at ${place}; remove one`);
    } else {
      this.#findings.note(`${showPosition(at)}: ${name} replaces the one at ${place}`);
    }
  }

  #notUsed(entry: HclEntry, table: KeyTable, elsewhere: Elsewhere): void {
    const { text, at } = entry.key;
    const accepted = table.accepted.get(text.toLowerCase());
    if (accepted !== undefined) {
      this.#findings.warn(at, `${this.#prefix()}${accepted}: ${NO_EFFECT}`);
      return;
    }
    const home = elsewhere.get(text.toLowerCase());
    if (home !== undefined) {
      this.#findings.fault(at, `${this.#prefix()}${text} does not belong here but in the stanza ${home}`);
      return;
    }
    const near = nearestName(text, [...table.used.values(), ...table.accepted.values()]);
    const words = `${this.#prefix()}unknown key ${quote(text)}${near ? `; did you mean ${near.name}?` : ''}`;
    // The guarded keys are compared on their own: a nearer harmless name must not hide them.
    const guarded = nearestName(text, table.guarded);
    const prefixed = table.guardedPrefix !== undefined && text.toLowerCase().startsWith(table.guardedPrefix);
    if (prefixed || (guarded && guarded.distance <= 2)) {
      this.#findings.fault(
        at,
        `${words}${near ? ' It' : '; it'} is too close to a security setting to be ignored`,
      );
    } else this.#findings.warn(at, words);
  }
}

/** As Go's `strconv.ParseBool`. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

/** For messages, with control characters made visible. Not for secrets. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

export function showKind(value: HclValue): string {
  if (value.kind === 'body') return 'a block';
  if (value.kind === 'string') return 'other text';
  return { list: 'a list', number: 'another number', boolean: 'true or false', null: 'null' }[value.kind];
}

function scalarText(value: HclValue & { kind: 'number' | 'string' }): string {
  return value.kind === 'number' ? value.text : value.value.trim();
}
