// Where the server is, how to trust it and who asks, from the environment that Vault's users already have.

import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ClientOptions {
  /** `http(s)://host[:port][/prefix]`. */
  readonly address: string;
  readonly token?: string | undefined;
  /** Sent as `X-Vault-Namespace` unless it is the root namespace. */
  readonly namespace?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Time for one call, redirect included, milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** How often 412, 429, 5xx (but 501) and a refused connection are tried again. */
  readonly retriesMax?: number | undefined;
  readonly disableRedirects?: boolean | undefined;
  /** `X-Vault-Wrap-TTL` of every call, e.g. `5m`. */
  readonly wrapTtl?: string | undefined;
}

/** Files are PEM. Of the three CA sources the first set one counts, and it replaces the public CAs. */
export interface TlsOptions {
  readonly caFile?: string | undefined;
  readonly caPem?: string | undefined;
  readonly caFolder?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

export const DEFAULT_ADDRESS = 'https://127.0.0.1:8200';
export const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Options from `VAULT_*`, each with its `BAO_*` twin as fallback. An empty value counts as unset.
 * Source: Vault's "Commands (CLI)" page, environment variables.
 * @throws LatchkeyError config_invalid, naming the variable.
 */
export function clientOptionsFromEnv(env: Environment): ClientOptions {
  const read = (name: string) => variable(env, name);
  return {
    address: read('ADDR') ?? DEFAULT_ADDRESS,
    token: read('TOKEN'),
    namespace: read('NAMESPACE'),
    tls: {
      caFile: read('CACERT'),
      caPem: read('CACERT_BYTES'),
      caFolder: read('CAPATH'),
      certFile: read('CLIENT_CERT'),
      keyFile: read('CLIENT_KEY'),
      serverName: read('TLS_SERVER_NAME'),
      skipVerify: booleanVariable(env, 'SKIP_VERIFY'),
    },
    timeoutMs: timeout(env),
    retriesMax: retries(env),
    disableRedirects: booleanVariable(env, 'DISABLE_REDIRECTS'),
    wrapTtl: read('WRAP_TTL'),
  };
}

/** The value of `VAULT_<name>`, else of `BAO_<name>`. */
export function variable(env: Environment, name: string): string | undefined {
  return env[`VAULT_${name}`] || env[`BAO_${name}`] || undefined;
}

/** Go's `strconv.ParseBool`; undefined for anything else. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}

function booleanVariable(env: Environment, name: string): boolean {
  const text = variable(env, name);
  if (text === undefined) return false;
  const value = parseBoolean(text);
  if (value === undefined) throw invalid(name, 'neither true nor false');
  return value;
}

function timeout(env: Environment): number {
  const text = variable(env, 'CLIENT_TIMEOUT');
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds === 0) throw invalid('CLIENT_TIMEOUT', 'no duration over 0');
  return milliseconds;
}

function retries(env: Environment): number {
  const text = variable(env, 'MAX_RETRIES');
  if (text === undefined) return 0;
  if (!/^\d{1,3}$/.test(text)) throw invalid('MAX_RETRIES', 'no number from 0 to 999');
  return Number(text);
}

function invalid(name: string, what: string): LatchkeyError {
  return new LatchkeyError('config_invalid', `failed to read environment: VAULT_${name} is ${what}`);
}
