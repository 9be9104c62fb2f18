// `azure-emulator start`: one local Azure in the foreground until SIGTERM or SIGINT.

import { checkLoopback, readGuid, readPort, readSettings, type Values } from './arguments.ts';
import {
  addressesOf,
  defaultCredentialsFile,
  removeCredentials,
  writeCredentials,
} from './credentials-file.ts';

export async function start(values: Values): Promise<void> {
  checkLoopback(values.host);
  const options = {
    port: readPort('port', values.port),
    imdsPort: readPort('imds-port', values['imds-port']),
    proxyPort: readPort('proxy-port', values['proxy-port']),
    adminPort: readPort('admin-port', values['admin-port']),
    intercept: values.intercept,
    settings: readSettings(values.challenge),
    data: values.data,
    caFile: values['ca-file'],
    tenantId: readGuid('tenant-id', values['tenant-id']),
    subscriptionId: readGuid('subscription-id', values['subscription-id']),
  };
  // Loaded late: a wrong argument or --help must not wait for it.
  const { startAzure } = await import('../index.ts');
  const azure = await startAzure(options);
  const stopped = stopSignal();
  let credentialsFile: string | undefined;
  try {
    credentialsFile = values['credentials-file'] ?? (await defaultCredentialsFile());
    await writeCredentials(credentialsFile, azure);
    if (!values.quiet) note(values, credentialsFile);
    process.stdout.write(`${JSON.stringify(addressesOf(azure, credentialsFile))}\n`);
    await stopped;
  } finally {
    await azure.close();
    if (credentialsFile !== undefined) await removeCredentials(credentialsFile);
  }
}

function note(values: Values, credentialsFile: string): void {
  const option = values['credentials-file'] === undefined ? '' : ` --credentials-file ${credentialsFile}`;
  process.stderr.write(
    `azure-emulator: a local Azure for tests; NOT for production.${values.data === undefined ? ' State ends with this process.' : ''}\n` +
      `azure-emulator: secrets are in ${credentialsFile}; try: azure-emulator exec${option} -- az group list\n`,
  );
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
