// `azure-emulator exec` and `azure-emulator env`: an unmodified client's environment.

import { spawn, spawnSync } from 'node:child_process';
import { appendFile, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { azConfigFiles, clientEnvironment, shellExports } from '../client-environment.ts';
import { readHosts, readSettings, UsageError, type Values } from './arguments.ts';
import {
  type Credentials,
  defaultCredentialsFile,
  isAlive,
  readCredentials,
  writeAzConfig,
  writeCredentials,
} from './credentials-file.ts';

/** Prints; the operator's account only when it is asked for. */
export async function printEnvironment(values: Values): Promise<void> {
  const credentials = await readCredentials(values['credentials-file'] ?? (await defaultCredentialsFile()));
  const variables = { ...clientEnvironment(credentials), ...(values.operator ? account(credentials) : {}) };
  process.stdout.write(values.json ? `${JSON.stringify(variables)}\n` : shellExports(variables));
}

/** Runs the command to its end; gives its exit code, 128 + number for a signal. */
export async function exec(values: Values, command: string[]): Promise<number> {
  if (command.length === 0) throw new UsageError('exec needs a command after --');
  const hosts = readHosts(values.hosts);
  const folder = await mkdtemp(join(tmpdir(), 'azure-emulator-exec-'));
  let stop = async (): Promise<void> => undefined;
  try {
    const found = await findOrStart(values, folder);
    stop = found.stop;
    // An account that the caller has set itself is meant.
    const asMachine = values['managed-identity'];
    const anonymous = values.anonymous || asMachine;
    const named = anonymous || process.env['AZURE_CLIENT_ID'] !== undefined;
    const addresses = anonymous ? await withoutAccount(found.credentials, folder) : found.credentials;
    const environment = {
      ...process.env,
      ...clientEnvironment(addresses),
      ...(named ? {} : account(found.credentials)),
      ...(asMachine ? machine(found.credentials) : {}),
    };
    const all = hosts.length === 0 ? command : await withHosts(hosts, folder, command);
    return await run(all, environment);
  } finally {
    await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function findOrStart(
  values: Values,
  folder: string,
): Promise<{ credentials: Credentials; stop(): Promise<void> }> {
  const stop = async () => undefined;
  if (values['credentials-file'] !== undefined) {
    return { credentials: await readCredentials(values['credentials-file']), stop };
  }
  const running = await readCredentials(await defaultCredentialsFile()).catch(() => undefined);
  if (running && (await isAlive(running)) && (running.intercept || !values.intercept)) {
    return { credentials: running, stop };
  }
  const { startAzure } = await import('../index.ts');
  const azure = await startAzure({
    intercept: values.intercept,
    settings: readSettings(values.challenge),
  });
  const file = join(folder, 'running.json');
  await writeCredentials(file, azure);
  return { credentials: await readCredentials(file), stop: () => azure.close() };
}

/** az keeps its account in its folder: this one has none. */
async function withoutAccount(credentials: Credentials, folder: string): Promise<Credentials> {
  const azConfigDir = join(folder, 'az');
  await writeAzConfig(azConfigDir, azConfigFiles(credentials));
  return { ...credentials, azConfigDir };
}

function machine({ identityEndpoint, identityHeader }: Credentials): Record<string, string> {
  return { IDENTITY_ENDPOINT: identityEndpoint, IDENTITY_HEADER: identityHeader };
}

function account({ clientId, clientSecret }: Credentials): Record<string, string> {
  return { AZURE_CLIENT_ID: clientId, AZURE_CLIENT_SECRET: clientSecret };
}

/** The command in a mount namespace of its own, whose hosts file knows the names; throws with words where none may be made. */
async function withHosts(names: string[], folder: string, command: string[]): Promise<string[]> {
  const file = join(folder, 'hosts');
  const lines = `\n127.0.0.1 ${names.join(' ')}\n`;
  await copyFile('/etc/hosts', file).catch(() => writeFile(file, '127.0.0.1 localhost\n'));
  await appendFile(file, lines);
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const unshare = ['unshare', ...asRoot, '--mount', '--propagation', 'private', 'sh', '-c', script, file];
  const [program = '', ...args] = [...unshare, 'true'];
  if (spawnSync(program, args, { stdio: 'ignore' }).status !== 0) {
    throw new Error(`this machine lets no private hosts file be made; add this line to /etc/hosts:${lines}`);
  }
  return [...unshare, ...command];
}

function run([program = '', ...args]: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(program, args, { env: environment, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
  child.once('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ENOENT' ? new Error(`there is no command ${program}`) : error);
  });
  child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  return promise.finally(() => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, forward);
  });
}
