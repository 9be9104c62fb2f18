// The kv secrets engine: `version` 1 keeps the last value of a secret, 2 keeps several and can take back a delete.

import { LatchkeyError } from '../../base/errors.ts';
import type { EngineType } from '../../engine/engine.ts';
import { openPlain } from './plain-engine.ts';
import { openVersioned } from './versioned-engine.ts';

/**
 * Vault's `kv`. Without a version in the mount's options it is version 1, as with Vault.
 * @throws LatchkeyError bad_request from `open` for another version.
 */
export const kvEngine: EngineType = {
  type: 'kv',
  kind: 'secret',
  async open(context) {
    const version = context.options['version'] ?? '1';
    if (version === '1') return openPlain(context);
    if (version === '2') return openVersioned(context);
    throw new LatchkeyError('bad_request', `kv knows version 1 and 2, not '${version}'`);
  },
};
