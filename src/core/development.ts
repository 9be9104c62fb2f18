// `server -dev`: initialises the node it is given, and mounts what `vault server -dev` has.

import { type Random, systemRandom } from '../base/random.ts';
import type { InitResult } from '../system/ports.ts';
import type { Call } from './call.ts';
import type { Node } from './node.ts';

/** Resolves when the node serves. The recovery keys are thrown away: the data die with the process. */
export async function prepareDevelopment(
  node: Node,
  rootToken: string | undefined,
  random: Random = systemRandom,
): Promise<Pick<InitResult, 'rootToken'>> {
  const request = { recoveryShares: 1, recoveryThreshold: 1, restart: false };
  const made = await node.initialize(rootToken === undefined ? request : { ...request, rootToken });
  for (const key of made.recoveryKeys) key.wipe();
  const call: Call = {
    id: random.uuid(),
    verb: 'write',
    path: 'sys/mounts/secret',
    input: { type: 'kv', options: { version: '2' }, description: 'key/value secret storage' },
    token: made.rootToken,
    wrapTtl: undefined,
    help: false,
    mayForward: true,
    remoteAddress: '127.0.0.1',
    listener: { loopback: true, sealDetail: true },
    signal: AbortSignal.timeout(10_000),
  };
  await node.handle(call);
  return { rootToken: made.rootToken };
}
