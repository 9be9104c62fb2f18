// The command line: a local Azure to start, and clients to run against it.

import { fetchAksToken, projectAksToken } from './cli/aks-token.ts';
import { parse, USAGE, UsageError } from './cli/arguments.ts';
import { exec, printEnvironment } from './cli/exec.ts';
import { start } from './cli/start.ts';

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`azure-emulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command, ...rest] = positionals;
  if (command === 'exec') return exec(values, rest);
  if (rest.length > 0) throw new UsageError(`say what to do:\n\n${USAGE}`);
  if (command === 'start') await start(values);
  else if (command === 'env') await printEnvironment(values);
  else if (command === 'aks-token' && values.file !== undefined) await projectAksToken(values, values.file);
  else if (command === 'aks-token') process.stdout.write(`${await fetchAksToken(values)}\n`);
  else throw new UsageError(`say what to do:\n\n${USAGE}`);
  return 0;
}
