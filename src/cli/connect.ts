// A client from flags, environment and token file: a flag beats the environment, which beats the file.

import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isRootNamespace, VaultClient } from '../client/client.ts';
import { type ClientOptions, clientOptionsFromEnv, type Environment } from '../client/options.ts';
import type { ConnectOptions } from './command.ts';
import { CommandFailure, UsageError } from './failure.ts';
import type { FlagValues } from './flags.ts';
import { readTokenFile } from './token-file.ts';

/** @throws CommandFailure (1): nothing was sent. */
export function connect(env: Environment, flags: FlagValues, options: ConnectOptions): VaultClient {
  try {
    const found = fromFlags(clientOptionsFromEnv(env), flags);
    const namespace = options.rootNamespace ? undefined : rootOnly(found.namespace);
    const token = options.withToken === false ? undefined : (found.token ?? readTokenFile(env));
    return new VaultClient({ ...found, namespace, token });
  } catch (error) {
    if (error instanceof CommandFailure || !(error instanceof LatchkeyError)) throw error;
    throw new CommandFailure(1, error.message, error);
  }
}

function fromFlags(found: ClientOptions, flags: FlagValues): ClientOptions {
  const caFile = flags.text('ca-cert');
  const caFolder = flags.text('ca-path');
  const caGiven = caFile !== undefined || caFolder !== undefined;
  return {
    ...found,
    address: flags.text('address') ?? found.address,
    namespace: flags.text('ns') ?? flags.text('namespace') ?? found.namespace,
    wrapTtl: wrapTtl(flags) ?? found.wrapTtl,
    tls: {
      ...found.tls,
      ...(caGiven ? { caFile, caFolder, caPem: undefined } : {}),
      certFile: flags.text('client-cert') ?? found.tls?.certFile,
      keyFile: flags.text('client-key') ?? found.tls?.keyFile,
      serverName: flags.text('tls-server-name') ?? found.tls?.serverName,
      skipVerify:
        flags.text('tls-skip-verify') === undefined ? found.tls?.skipVerify : flags.isOn('tls-skip-verify'),
    },
  };
}

/** Seconds, as the header wants it; 0 means "do not wrap". */
function wrapTtl(flags: FlagValues): string | undefined {
  const milliseconds = parseDuration(flags.text('wrap-ttl') ?? '0');
  return milliseconds === undefined || milliseconds === 0 ? undefined : `${Math.ceil(milliseconds / 1_000)}s`;
}

/** A namespace that the server does not know must not silently mean the root one. */
function rootOnly(namespace: string | undefined): undefined {
  if (isRootNamespace(namespace)) return undefined;
  throw new UsageError(`There is no namespace "${namespace}": Latchkey has only "root" so far.`);
}
