// `azure-emulator start`: one local Azure in the foreground until SIGTERM or SIGINT. `azure-emulator aks-token`: a service
// account's token of a running one.

import { open, readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Azure } from './index.ts';

const USAGE = `azure-emulator start [options]   a local Azure on loopback; not for production

  --port <n>               HTTPS port of Entra, ARM and Key Vault (default 8443, 0 = any)
  --imds-port <n>          HTTP port of IMDS (default 0)
  --admin-port <n>         HTTP port of the admin interface (default 0)
  --host <address>         only a loopback address is accepted (default 127.0.0.1)
  --ca-file <path>         where to write the CA certificate (default: a temporary file)
  --credentials-file <path>  where to write the operator's client secret and the admin token, mode 0600
  --tenant-id <guid>       default: a fresh one
  --subscription-id <guid> default: a fresh one
  --quiet                  no notes on standard error

Prints one line of JSON with the addresses on standard output when it is ready.

azure-emulator aks-token [options]   prints a service account's token of the running emulator's AKS issuer

  --credentials-file <path>  the file that start wrote (required)
  --namespace <name>         Kubernetes namespace (required)
  --service-account <name>   (required)
  --audience <text>          default api://AzureADTokenExchange
  --lifetime <seconds>       default 3600
`;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Wrong use: exit code 2; anything else that fails: 1. */
class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`azure-emulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [command, ...rest] = positionals;
  if (command === 'aks-token' && rest.length === 0) {
    process.stdout.write(`${await fetchAksToken(values)}\n`);
    return;
  }
  if (command !== 'start' || rest.length > 0) throw new UsageError(`say what to do:\n\n${USAGE}`);
  checkLoopback(values.host);
  const options = {
    port: readPort('port', values.port),
    imdsPort: readPort('imds-port', values['imds-port']),
    adminPort: readPort('admin-port', values['admin-port']),
    caFile: values['ca-file'],
    tenantId: readGuid('tenant-id', values['tenant-id']),
    subscriptionId: readGuid('subscription-id', values['subscription-id']),
  };
  // Loaded late: a wrong argument or --help must not wait for it.
  const { startAzure } = await import('./index.ts');
  const azure = await startAzure(options);
  const stopped = stopSignal();
  try {
    if (values['credentials-file']) await writeCredentials(values['credentials-file'], azure);
    if (!values.quiet) note(values['credentials-file']);
    process.stdout.write(`${JSON.stringify(addresses(azure))}\n`);
    await stopped;
  } finally {
    await azure.close();
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        port: { type: 'string', default: '8443' },
        'imds-port': { type: 'string', default: '0' },
        'admin-port': { type: 'string', default: '0' },
        host: { type: 'string', default: '127.0.0.1' },
        'ca-file': { type: 'string' },
        'credentials-file': { type: 'string' },
        'tenant-id': { type: 'string' },
        'subscription-id': { type: 'string' },
        namespace: { type: 'string' },
        'service-account': { type: 'string' },
        audience: { type: 'string' },
        lifetime: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments');
  }
}

/** Its keys and its owner's secret are made for one machine: whoever reaches the port can try them. */
function checkLoopback(host: string): void {
  if (!['127.0.0.1', 'localhost', '::1'].includes(host)) {
    throw new UsageError(`refusing to listen on ${host}: this is for loopback only`);
  }
}

function readPort(name: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--${name} must be a port number, not ${text}`);
  return port;
}

function readGuid(name: string, text: string | undefined): string | undefined {
  if (text !== undefined && !GUID.test(text)) throw new UsageError(`--${name} must be a GUID`);
  return text;
}

/** Everything but secrets: this line may end in a log. */
function addresses(azure: Azure) {
  return {
    authorityUrl: azure.authorityUrl,
    armUrl: azure.armUrl,
    keyVaultAudience: azure.keyVaultAudience,
    keyVaultDnsSuffix: `vault.localhost:${azure.port}`,
    imdsUrl: azure.imdsUrl,
    proxyUrl: azure.proxyUrl,
    adminUrl: azure.adminUrl,
    aksIssuerUrl: azure.aksIssuerUrl,
    tenantId: azure.tenantId,
    subscriptionId: azure.subscriptionId,
    operatorClientId: azure.operator.clientId,
    operatorObjectId: azure.operator.objectId,
    caFile: azure.caFile,
    pid: process.pid,
  };
}

/** Owner-only from its first byte on; an old file of that name is replaced only if its mode can be set first. */
async function writeCredentials(path: string, azure: Azure): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.chmod(0o600);
    const { operator, tenantId, adminUrl, adminToken } = azure;
    const content = { ...operator, tenantId, adminUrl, adminToken };
    await file.writeFile(`${JSON.stringify(content)}\n`);
  } finally {
    await file.close();
  }
}

async function fetchAksToken(values: ReturnType<typeof parse>['values']): Promise<string> {
  const { namespace, audience, lifetime } = values;
  const serviceAccount = values['service-account'];
  const file = values['credentials-file'];
  if (!file || !namespace || !serviceAccount) {
    throw new UsageError('aks-token needs --credentials-file, --namespace and --service-account');
  }
  if (lifetime !== undefined && !/^\d{1,9}$/.test(lifetime)) {
    throw new UsageError(`--lifetime must be whole seconds, not ${lifetime}`);
  }
  const { adminUrl, adminToken } = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
  const response = await fetch(`${adminUrl}/aks-tokens`, {
    method: 'POST',
    headers: { 'x-admin-token': adminToken ?? '' },
    body: JSON.stringify({
      namespace,
      serviceAccount,
      audience,
      lifetimeSeconds: lifetime === undefined ? undefined : Number(lifetime),
    }),
  });
  const answer = (await response.json()) as { token?: string; error?: { message: string } };
  if (answer.token === undefined) throw new Error(answer.error?.message ?? `status ${response.status}`);
  return answer.token;
}

function note(credentialsFile: string | undefined): void {
  process.stderr.write(
    'azure-emulator: a local Azure for tests; NOT for production. State ends with this process.\n',
  );
  if (!credentialsFile) {
    process.stderr.write(
      'azure-emulator: no --credentials-file, so nobody can use the operator account or the admin port.\n',
    );
  }
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
