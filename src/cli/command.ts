// What a command is, and what it is given to run with.

import { isObject, type JsonValue } from '../base/json.ts';
import type { Secret } from '../client/answers.ts';
import type { VaultClient } from '../client/client.ts';
import type { Environment } from '../client/options.ts';
import { CommandFailure, type ExitCode } from './failure.ts';
import type { FlagSpec, FlagValues } from './flags.ts';
import { secretField, secretJson, secretTable } from './output/secret.ts';
import { wrap } from './output/table.ts';
import { show } from './output/value.ts';
import { yaml } from './output/yaml.ts';
import type { Terminal } from './terminal.ts';

export type Format = 'table' | 'json' | 'yaml';

/** Which of the shared flags a command takes. */
export type OutputFlags = 'none' | 'format' | 'field-and-format';

export interface Command {
  /** How it is called, e.g. `['kv', 'get']`. */
  readonly words: readonly string[];
  /** One line for the list of commands. */
  readonly synopsis: string;
  /** What follows the words, e.g. `[options] PATH`. */
  readonly usage: string;
  /** Paragraphs of the help text; a line that begins with a blank is an example and is not wrapped. */
  readonly help: readonly string[];
  readonly flags: readonly FlagSpec[];
  readonly output: OutputFlags;
  /** False for commands that talk to no server: they do not take `-address` and its like. */
  readonly remote: boolean;
  run(call: CommandCall): Promise<ExitCode | number>;
}

/** What the process around the CLI gives it besides streams. */
export interface Surroundings {
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly versions: VersionNames;
  readonly server: ((args: ServerArguments) => Promise<number>) | undefined;
}

export interface VersionNames {
  /** Our own, e.g. `0.1.0`. */
  readonly latchkey: string;
  /** Vault's API level that the server speaks, e.g. `1.21.0`, if the caller knows it. */
  readonly api: string | undefined;
}

/** The `server` command's flags, checked and with the environment's fallbacks in place. */
export interface ServerArguments {
  /** Files or folders, in the order given. */
  readonly configs: readonly string[];
  readonly dev: boolean;
  readonly devRootTokenId: string | undefined;
  readonly devListenAddress: string | undefined;
  readonly logLevel: string | undefined;
  readonly logFormat: string | undefined;
  readonly strictConfig: boolean;
}

export interface CommandCall {
  readonly args: readonly string[];
  readonly flags: FlagValues;
  readonly format: Format;
  readonly terminal: Terminal;
  readonly around: Surroundings;
  /**
   * A client from flags, environment and token file.
   * @throws CommandFailure (1) for options that cannot work.
   */
  connect(options?: ConnectOptions): VaultClient;
}

export interface ConnectOptions {
  /** False: no token is looked up, so that a broken token file does not stop a call that needs none. */
  readonly withToken?: boolean;
  /** True: the root namespace whatever was set. */
  readonly rootNamespace?: boolean;
}

/** For programs: YAML if that is wanted, else JSON, indented by two and with its members as they come. */
export function printData(call: CommandCall, value: JsonValue): void {
  call.terminal.print(call.format === 'yaml' ? yaml(value) : JSON.stringify(value, null, 2));
}

/** The answer in the wanted form: one field, JSON or YAML, or table with its warnings on stderr. */
export function printSecret(call: CommandCall, secret: Secret): void {
  const field = call.flags.text('field');
  if (field !== undefined && field !== '') {
    printField(call, secretField(secret, field), field, 'secret');
    return;
  }
  if (call.format !== 'table') {
    printData(call, secretJson(secret));
    return;
  }
  printWarnings(call, secret.warnings);
  const text = secretTable(secret);
  if (text !== '') call.terminal.print(text);
}

/** @throws CommandFailure (1) if there is no such field. */
export function printField(call: CommandCall, value: JsonValue | undefined, name: string, of: string): void {
  if (value === undefined) throw new CommandFailure(1, `Field "${name}" not present in ${of}`);
  if (call.format === 'yaml') call.terminal.printRaw(yaml(value));
  else if (call.format === 'json') {
    call.terminal.printRaw(JSON.stringify(value, null, isObject(value) ? 2 : 0));
  } else call.terminal.printRaw(show(value));
}

export function printWarnings(call: CommandCall, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  call.terminal.warn('WARNING! The following warnings were returned from Vault:\n');
  for (const warning of warnings) call.terminal.warn(`${wrap(`* ${warning}`, '  ')}\n`);
}
