// `server -dev`: initialises the node it is given, and mounts what `vault server -dev` has.

import { toBase64 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { Call } from './call.ts';
import type { Node } from './node.ts';

/** Resolves when the node serves. Its one key share is the KEK itself. */
export async function prepareDevelopment(
  node: Node,
  rootToken: string | undefined,
  random: Random = systemRandom,
): Promise<{ readonly rootToken: string; readonly unsealKey: string }> {
  const request = { recoveryShares: 1, recoveryThreshold: 1, restart: false };
  const made = await node.initialize(rootToken === undefined ? request : { ...request, rootToken });
  const [share] = made.keyShares;
  if (share === undefined) throw new LatchkeyError('internal', 'the initialisation gave no key share');
  const unsealKey = toBase64(share.expose());
  await node.submitShare(share);
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
  return { rootToken: made.rootToken, unsealKey };
}
