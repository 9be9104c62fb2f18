// Command-line flags as Go's `flag` package takes them: `-name=value`, `--name=value`, `-name value`, `-switch`.
//
// Our own and not commander: commander reads `-format` as six short flags and takes flags anywhere, while Vault's
// users write one dash and may pass data that begins with one (`write p -- -x=1`). A normaliser in front would have
// to know every flag's kind anyway, and then little is left to do.

import { formatDuration, parseDuration } from '../base/durations.ts';
import { parseBoolean } from '../client/options.ts';
import { UsageError } from './failure.ts';

export type FlagKind = 'text' | 'texts' | 'switch' | 'count' | 'duration';

export interface FlagSpec {
  readonly name: string;
  /** `texts` may be given several times; `count` is a whole number from 0; `duration` as Vault writes them. */
  readonly kind: FlagKind;
  readonly help: string;
}

export interface ParsedFlags {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
  readonly help: boolean;
}

/** What was given, by name. A flag that was not given is undefined, false or an empty list. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  isOn(name: string): boolean {
    return parseBoolean(this.text(name) ?? 'false') === true;
  }

  /** Undefined if not given, so that a default other than false stays the server's. */
  choice(name: string): boolean | undefined {
    return this.text(name) === undefined ? undefined : this.isOn(name);
  }

  /** As Go writes it, which every server reads, e.g. `1h30m0s`. */
  duration(name: string): string | undefined {
    const milliseconds = parseDuration(this.text(name) ?? '');
    return milliseconds === undefined ? undefined : formatDuration(milliseconds);
  }

  count(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }
}

/**
 * Flags end at the first argument that is none, or at `--`, as in Go.
 * A flag *after* a positional is refused, unless `--` came first: Vault warns and takes it for data, and then
 * `kv put secret/a -cas=0 x=1` overwrites what it was meant to protect.
 * @throws UsageError.
 */
export function parseFlags(args: readonly string[], specs: readonly FlagSpec[]): ParsedFlags {
  const values = new Map<string, string[]>();
  let at = 0;
  while (at < args.length) {
    const arg = args[at] ?? '';
    if (arg === '--') return { flags: new FlagValues(values), positionals: args.slice(at + 1), help: false };
    if (!isFlag(arg)) break;
    const { name, value } = split(arg);
    if (name === 'h' || name === 'help')
      return { flags: new FlagValues(values), positionals: [], help: true };
    const spec = specs.find((one) => one.name === name);
    if (spec === undefined) throw new UsageError(`flag provided but not defined: -${name}`);
    const inNext = value === undefined && spec.kind !== 'switch';
    if (inNext && at + 1 >= args.length) throw new UsageError(`flag needs an argument: -${name}`);
    const given = value ?? (inNext ? (args[at + 1] ?? '') : 'true');
    check(spec, given);
    values.set(name, [...(values.get(name) ?? []), given]);
    at += inNext ? 2 : 1;
  }
  const positionals = args.slice(at);
  refuseTrailing(positionals);
  return { flags: new FlagValues(values), positionals, help: false };
}

/** A lone `-` stands for stdin. */
function isFlag(arg: string): boolean {
  return arg.startsWith('-') && arg !== '-';
}

function split(arg: string): { name: string; value: string | undefined } {
  const bare = arg.replace(/^--?/, '');
  const equals = bare.indexOf('=');
  const name = equals < 0 ? bare : bare.slice(0, equals);
  if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${arg}`);
  return { name, value: equals < 0 ? undefined : bare.slice(equals + 1) };
}

function check(spec: FlagSpec, value: string): void {
  const bad = (kind: string) =>
    new UsageError(`invalid ${kind} value "${value}" for -${spec.name}: parse error`);
  if (spec.kind === 'switch' && parseBoolean(value) === undefined) throw bad('boolean');
  if (spec.kind === 'count' && !/^\d{1,9}$/.test(value)) throw bad('int');
  if (spec.kind === 'duration' && parseDuration(value) === undefined) throw bad('duration');
}

function refuseTrailing(positionals: readonly string[]): void {
  // Only the names: a value may be a secret.
  const names = positionals.filter(isFlag).map((arg) => arg.replace(/=.*$/s, ''));
  if (names.length === 0) return;
  throw new UsageError(
    'Command flags must be provided before positional arguments. ' +
      `These come after one: [${names.join(',')}]. If they are data, put "--" before the first argument.`,
  );
}
