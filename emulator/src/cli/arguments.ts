// The command line's options, read and checked.

import { parseArgs } from 'node:util';
import type { Settings } from '../settings.ts';

/** Wrong use: exit code 2; anything else that fails: 1. */
export class UsageError extends Error {}

export const USAGE = `azure-emulator start [options]   a local Azure on loopback; not for production

  --port <n>               HTTPS port of Entra, ARM, Graph and Key Vault (default 8443, 0 = any)
  --imds-port <n>          HTTP port of IMDS (default 0)
  --proxy-port <n>         HTTP port of the proxy that stands in for name resolution (default 0)
  --admin-port <n>         HTTP port of the admin interface (default 0)
  --host <address>         only a loopback address is accepted (default 127.0.0.1)
  --intercept              also play the public cloud's host names (login.microsoftonline.com, *.vault.azure.net …)
                           for clients behind the proxy
  --challenge <tenant|adfs>  what a vault's 401 names as authority; newer Go clients that are told of the AD FS form
                           want adfs, other clients either (default tenant)
  --data <folder>          where the state outlives the process, kill -9 included (default: memory)
  --ca-file <path>         where to write the CA certificate (default: a temporary file)
  --credentials-file <path>  where to write addresses, the operator's client secret and the admin token, mode 0600
                           (default: a folder of your own in the temporary directory)
  --tenant-id <guid>       default: a fresh one
  --subscription-id <guid> default: a fresh one
  --quiet                  no notes on standard error

Prints one line of JSON with the addresses on standard output when it is ready.

azure-emulator exec [options] -- <command> [arguments]   runs a client against the running emulator, or against one of
                           its own if none runs: trust, names, authority, az's cloud and the operator's account are set

  --credentials-file <path>  of the emulator that is meant
  --intercept, --challenge for the emulator of its own
  --hosts <names>          further host names, separated by commas, in a private hosts file: for programs that know
                           no proxy
  --anonymous              without the operator's account
  --managed-identity       signed in as the machine, in the form of App Service, which every SDK knows

azure-emulator env [options]   prints that environment, for eval in a shell; without the operator's account

  --credentials-file <path>  of the emulator that is meant
  --json                   as JSON
  --operator               with the operator's account: a secret on standard output

azure-emulator aks-token [options]   prints a service account's token of the running emulator's AKS issuer

  --credentials-file <path>  of the emulator that is meant
  --namespace <name>         Kubernetes namespace (required)
  --service-account <name>   (required)
  --audience <text>          default api://AzureADTokenExchange
  --lifetime <seconds>       default 3600
  --file <path>              writes it there, mode 0600, and renews it in time until SIGTERM or SIGINT, as a kubelet does
`;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export type Values = ReturnType<typeof parse>['values'];

export function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        port: { type: 'string', default: '8443' },
        'imds-port': { type: 'string', default: '0' },
        'proxy-port': { type: 'string', default: '0' },
        'admin-port': { type: 'string', default: '0' },
        host: { type: 'string', default: '127.0.0.1' },
        intercept: { type: 'boolean', default: false },
        challenge: { type: 'string' },
        data: { type: 'string' },
        'ca-file': { type: 'string' },
        'credentials-file': { type: 'string' },
        'tenant-id': { type: 'string' },
        'subscription-id': { type: 'string' },
        hosts: { type: 'string' },
        'managed-identity': { type: 'boolean', default: false },
        anonymous: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        operator: { type: 'boolean', default: false },
        namespace: { type: 'string' },
        'service-account': { type: 'string' },
        audience: { type: 'string' },
        lifetime: { type: 'string' },
        file: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'wrong arguments');
  }
}

/** Its keys and its owner's secret are made for one machine: whoever reaches the port can try them. */
export function checkLoopback(host: string): void {
  if (!['127.0.0.1', 'localhost', '::1'].includes(host)) {
    throw new UsageError(`refusing to listen on ${host}: this is for loopback only`);
  }
}

export function readPort(name: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--${name} must be a port number, not ${text}`);
  return port;
}

export function readGuid(name: string, text: string | undefined): string | undefined {
  if (text !== undefined && !GUID.test(text)) throw new UsageError(`--${name} must be a GUID`);
  return text;
}

/** Nothing said changes nothing: a kept state has settings of its own. */
export function readSettings(challenge: string | undefined): Partial<Settings> {
  if (challenge === undefined) return {};
  if (challenge !== 'tenant' && challenge !== 'adfs') throw new UsageError('--challenge is tenant or adfs');
  return { challengeAuthority: challenge };
}

/** Host names for a hosts file: a line of it must not become another one. */
export function readHosts(text: string | undefined): string[] {
  const names = (text ?? '').split(',').filter((name) => name !== '');
  const wrong = names.find((name) => !/^[a-z0-9](?:[a-z0-9.-]{0,252})$/i.test(name));
  if (wrong !== undefined) throw new UsageError(`--hosts: ${wrong} is no host name`);
  return names;
}
