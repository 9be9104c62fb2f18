// What can be wrong with a stored copy, or with the KEK that it names, whichever variant made it.

import type { SecretBytes } from '../../base/bytes.ts';
import type { SealFault, SealFaultFacts, WrappedCopy } from '../seal.ts';
import type { CheckedConfig } from './config.ts';
import { idOf, makeFault, safe } from './encounter.ts';
import { WRAP_BYTES_MAX } from './kek.ts';
import type { CopyAddress } from './key-id.ts';

export const SECRET_VARIANT = 'secret';
export const KEY_VARIANT = 'key';
export const FORMAT_UNKNOWN = 'has a format that this version does not know';

/** @throws SealFault unless it has 1 to 64 bytes. */
export function checkSize(sealName: string, secret: SecretBytes): void {
  if (secret.size >= 1 && secret.size <= WRAP_BYTES_MAX) return;
  throw makeFault(sealName, {
    stage: 'wrap',
    class: 'unknown',
    retry: 'rare',
    sentence: `a seal wraps 1 to ${WRAP_BYTES_MAX} bytes`,
    definite: true,
  });
}

export function variantMismatch(sealName: string, variant: string, copy: WrappedCopy): SealFault {
  const { objectName } = splitId(copy.keyId);
  const back =
    copy.variant === KEY_VARIANT
      ? `set key_name = "${objectName}" in the seal stanza and take secret_name out`
      : `take key_name out of the seal stanza and set secret_name = "${objectName}"`;
  return makeFault(sealName, {
    stage: 'unwrap',
    class: 'variant_mismatch',
    retry: 'rare',
    sentence: `the data was sealed with a KEK held as a ${safe(copy.variant)}; this node is set to a KEK held as a ${variant}`,
    remedy: `${back}; moving from one to the other takes \`seal migrate\`, which this version does not have`,
    definite: true,
  });
}

export function copyMalformed(sealName: string, what: string): SealFault {
  return makeFault(sealName, {
    stage: 'unwrap',
    class: 'copy_malformed',
    retry: 'rare',
    sentence: `the stored copy ${what}`,
    definite: true,
  });
}

/** The KEK of a copy is neither there nor deleted: it is in another vault, or it was purged. */
export function missingKek(config: CheckedConfig, facts: SealFaultFacts, address: CopyAddress): SealFault {
  const { origin, noun, objectName, version } = address;
  const { vaultUri, vaultName } = config;
  if (origin !== vaultUri) {
    return makeFault(config.name, {
      ...facts,
      sentence: `the data was sealed by ${origin}/${noun}s/${objectName}; this node is set to ${vaultUri}, which has no such version`,
      remedy: `set vault_uri = "${origin}", or restore a backup of the ${noun}: az keyvault ${noun} restore --vault-name ${vaultName} --file <file>`,
    });
  }
  const place = idOf(config, noun, objectName, version);
  const code = noun === 'secret' ? 'SecretNotFound' : 'KeyNotFound';
  return makeFault(config.name, {
    ...facts,
    sentence: `${place}, which sealed this data, does not exist (404 ${code}): it, or the whole vault, was purged`,
    remedy: `az keyvault ${noun} restore --vault-name ${vaultName} --file <backup of the ${noun}>; without a backup this data stays closed`,
  });
}

/** The name in a stored id, for a sentence alone. */
function splitId(keyId: string): { objectName: string } {
  const name = URL.parse(keyId)?.pathname.split('/')[2];
  return { objectName: safe(name ?? '') || '<name>' };
}
