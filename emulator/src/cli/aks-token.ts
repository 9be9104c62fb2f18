// `azure-emulator aks-token`: a service account's token of a running emulator.

import { UsageError, type Values } from './arguments.ts';
import { defaultCredentialsFile, readCredentials } from './credentials-file.ts';

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
