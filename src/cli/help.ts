// Help texts: of the whole program, of a group of commands, of one command.

import type { Command } from './command.ts';
import type { FlagSpec } from './flags.ts';
import { columns, wrap } from './output/table.ts';
import { HTTP_FLAGS, outputFlags } from './shared-flags.ts';

export function programHelp(commands: readonly Command[]): string {
  const groups = new Map<string, string>();
  for (const command of commands) {
    const [first = '', second] = command.words;
    groups.set(first, second === undefined ? command.synopsis : (GROUPS[first] ?? ''));
  }
  const rows = [...groups].sort(([left], [right]) => left.localeCompare(right));
  return `Usage: latchkey <command> [options] [args]\n\nCommands:\n${indent(columns(rows))}\n\n${wrap(
    'Each command explains itself with -h. Exit codes: 0 done, 1 wrong usage, 2 refused by the server ' +
      '(status: 0 unsealed, 2 sealed, 1 error).',
  )}`;
}

/** What a first word with further words under it is for. */
const GROUPS: Readonly<Record<string, string>> = {
  audit: 'Write down every request, and where',
  auth: 'Say how callers log in',
  kv: 'Keep and read key-value secrets',
  lease: 'Look at, renew and revoke leases',
  operator: 'Initialize, seal, unseal and look after a cluster',
  policy: 'Say who may do what',
  print: 'Show what this machine would use',
  secrets: 'Say which engine serves which path',
  token: 'Create, look at, renew and revoke tokens',
};

/** `group`: the words that the commands have in common, e.g. `['kv', 'metadata']`. */
export function groupHelp(group: readonly string[], commands: readonly Command[]): string {
  const rows = commands.map((command) => [command.words.slice(group.length).join(' '), command.synopsis]);
  return `Usage: latchkey ${group.join(' ')} <subcommand> [options] [args]\n\nSubcommands:\n${indent(columns(rows))}`;
}

export function commandHelp(command: Command): string {
  const parts = [`Usage: latchkey ${[...command.words, command.usage].join(' ').trim()}`];
  for (const paragraph of command.help) {
    parts.push(paragraph.startsWith(' ') ? `   ${paragraph}` : wrap(paragraph, '  '));
  }
  if (command.flags.length > 0) parts.push(`Command Options:\n\n${flagList(command.flags)}`);
  const output = outputFlags(command.output);
  if (output.length > 0) parts.push(`Output Options:\n\n${flagList(output)}`);
  if (command.remote) parts.push(`HTTP Options:\n\n${flagList(HTTP_FLAGS)}`);
  return parts.join('\n\n');
}

function flagList(flags: readonly FlagSpec[]): string {
  const VALUES = {
    text: '=<string>',
    texts: '=<string>',
    switch: '',
    count: '=<int>',
    duration: '=<duration>',
  };
  return flags.map((flag) => `  -${flag.name}${VALUES[flag.kind]}\n${wrap(flag.help, '      ')}`).join('\n');
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}
