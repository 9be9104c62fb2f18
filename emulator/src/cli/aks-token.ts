// `azure-emulator aks-token`: a service account's token of a running emulator.

import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError, type Values } from './arguments.ts';
import { defaultCredentialsFile, readCredentials } from './credentials-file.ts';

/** A kubelet renews when four fifths of the lifetime are over. */
const RENEW_AT = 0.8;
const LIFETIME_SECONDS = 3600;
const PAUSE_MS_MIN = 100;
/** A timer holds no more. */
const PAUSE_MS_MAX = 2 ** 31 - 1;

/** Keeps a token in a file; readers see the old one or the new one, never a part. Ends with SIGTERM or SIGINT. */
export async function projectAksToken(values: Values, file: string): Promise<void> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  const lifetimeMs = Number(values.lifetime ?? LIFETIME_SECONDS) * 1000;
  const pauseMs = Math.min(Math.max(lifetimeMs * RENEW_AT, PAUSE_MS_MIN), PAUSE_MS_MAX);
  while (!stopped.signal.aborted) {
    const token = await fetchAksToken(values);
    const fresh = `${file}.new`;
    await rm(fresh, { force: true });
    await writeFile(fresh, token, { mode: 0o600, flag: 'wx' });
    await rename(fresh, file);
    await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
  }
}

export async function fetchAksToken(values: Values): Promise<string> {
  const { namespace, audience, lifetime } = values;
  const serviceAccount = values['service-account'];
  if (!namespace || !serviceAccount) {
    throw new UsageError('aks-token needs --namespace and --service-account');
  }
  if (lifetime !== undefined && !/^\d{1,9}$/.test(lifetime)) {
    throw new UsageError(`--lifetime must be whole seconds, not ${lifetime}`);
  }
  const file = values['credentials-file'] ?? (await defaultCredentialsFile());
  const { adminUrl, adminToken } = await readCredentials(file);
  const response = await fetch(`${adminUrl}/aks-tokens`, {
    method: 'POST',
    headers: { 'x-admin-token': adminToken },
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
