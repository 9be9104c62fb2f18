// The command line: finds the command, reads its flags, runs it, and turns every failure into a text and a code.

import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { LatchkeyError } from '../base/errors.ts';
import { type Environment, variable } from '../client/options.ts';
import type { Command, CommandCall, Format, ServerArguments, Surroundings } from './command.ts';
import { COMMANDS } from './commands.ts';
import { connect } from './connect.ts';
import { CommandFailure, UsageError } from './failure.ts';
import { type FlagSpec, parseFlags } from './flags.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { HTTP_FLAGS, outputFlags } from './shared-flags.ts';
import { Terminal } from './terminal.ts';

export type { ServerArguments } from './command.ts';

export interface CliInput {
  /** Without the program: `process.argv.slice(2)`. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** True if `stdout` is a terminal. Whether stdin is one, `stdin` itself knows. */
  readonly isTty: boolean;
  /** Runs a server until it ends; resolves to the exit code. */
  readonly server?: ((args: ServerArguments) => Promise<number>) | undefined;
  /** Vault's version whose API the server speaks, for `version`. */
  readonly apiVersion?: string | undefined;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/** As of every shell for "command not found", and of Vault for an unknown command or none. */
const EXIT_UNKNOWN_COMMAND = 127;

/** Runs one command and resolves to its exit code; never rejects. */
export async function runCli(input: CliInput): Promise<number> {
  const terminal = new Terminal(input);
  const outputFault = watch(input.stdout);
  watch(input.stderr);
  let exitCode: number;
  try {
    exitCode = await dispatch(input, terminal);
  } catch (error) {
    terminal.warn(error instanceof LatchkeyError ? error.message : unforeseen(error));
    exitCode = error instanceof CommandFailure ? error.exitCode : 2;
  }
  const fault = await outputFault();
  if (fault === undefined) return exitCode;
  // Keys that went to a full disk are lost: that must not look like success. A pipe closed early is no news.
  if (fault.code !== 'EPIPE') terminal.warn(`Error writing the output: ${fault.code ?? 'unknown error'}`);
  return exitCode === 0 ? 1 : exitCode;
}

/** Keeps a stream's error from ending the process; the function returned waits for what was written. */
function watch(stream: Writable): () => Promise<NodeJS.ErrnoException | undefined> {
  let fault: NodeJS.ErrnoException | undefined;
  stream.on('error', (error) => {
    fault ??= error;
  });
  return async () => {
    await new Promise<void>((resolve) => {
      if (stream.writable) stream.write('', () => resolve());
      else setImmediate(resolve);
    });
    return fault;
  };
}

async function dispatch(input: CliInput, terminal: Terminal): Promise<number> {
  const [first] = input.argv;
  if (first === undefined || isHelp(first)) {
    terminal.print(programHelp(COMMANDS));
    return first === undefined ? EXIT_UNKNOWN_COMMAND : 0;
  }
  if (/^--?v(ersion)?$/.test(first)) return run(byWords('version'), [], input, terminal);
  const command = COMMANDS.find(({ words }) => words.every((word, at) => word === input.argv[at]));
  if (command !== undefined) return run(command, input.argv.slice(command.words.length), input, terminal);
  return explainGroup(input.argv, terminal);
}

/** Words that are no command, or (`kv`, `kv metadata`) not yet one. */
function explainGroup(argv: readonly string[], terminal: Terminal): number {
  const known: string[] = [];
  let group = COMMANDS;
  for (const word of argv) {
    const narrower = group.filter(({ words }) => words[known.length] === word);
    if (narrower.length === 0) break;
    known.push(word);
    group = narrower;
  }
  const next = argv[known.length];
  const help = known.length === 0 ? programHelp(COMMANDS) : groupHelp(known, group);
  if (next !== undefined && isHelp(next)) {
    terminal.print(help);
    return 0;
  }
  const kind = known.length === 0 ? 'command ' : '';
  const missing = next === undefined ? '' : [...known, printable(next)].join(' ');
  terminal.warn(next === undefined ? help : `There is no ${kind}"${missing}".\n\n${help}`);
  return known.length === 0 ? EXIT_UNKNOWN_COMMAND : 1;
}

async function run(
  command: Command,
  args: readonly string[],
  input: CliInput,
  terminal: Terminal,
): Promise<number> {
  const { flags, positionals, help } = parseFlags(args, flagsOf(command));
  if (help) {
    terminal.print(commandHelp(command));
    return 0;
  }
  if (flags.isOn('non-interactive')) terminal.forbidInput();
  const around: Surroundings = {
    env: input.env,
    now: input.now ?? Date.now,
    versions: { latchkey: ownVersion(), api: input.apiVersion },
    server: input.server,
  };
  const call: CommandCall = {
    args: positionals,
    flags,
    format: command.output === 'none' ? 'table' : wantedFormat(flags.text('format'), input.env),
    terminal,
    around,
    connect: (options = {}) => connect(input.env, flags, options),
  };
  return command.run(call);
}

function flagsOf(command: Command): readonly FlagSpec[] {
  return [...command.flags, ...outputFlags(command.output), ...(command.remote ? HTTP_FLAGS : [])];
}

function byWords(...words: readonly string[]): Command {
  const found = COMMANDS.find((command) => command.words.join(' ') === words.join(' '));
  if (found === undefined) throw new LatchkeyError('internal', `no command "${words.join(' ')}"`);
  return found;
}

function wantedFormat(given: string | undefined, env: Environment): Format {
  const format = (given ?? variable(env, 'FORMAT') ?? 'table').toLowerCase();
  if (format === 'table' || format === 'json' || format === 'yaml') return format;
  if (format === 'yml') return 'yaml';
  throw new UsageError(`Invalid output format: ${printable(format)}`);
}

function isHelp(word: string): boolean {
  return word === 'help' || /^--?h(elp)?$/.test(word);
}

/** What somebody typed, short enough to show. */
function printable(word: string): string {
  return word.slice(0, 40);
}

/** An error of another family may quote anything, so only its kind is shown. */
function unforeseen(error: unknown): string {
  return `Unexpected ${error instanceof Error ? error.name : typeof error} in the command line; please report it.`;
}

/** From the package that this file belongs to; the same two folders up in the source and in the published tree. */
function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const version: unknown = (JSON.parse(text) as { version?: unknown }).version;
  return typeof version === 'string' ? version : '0.0.0';
}
