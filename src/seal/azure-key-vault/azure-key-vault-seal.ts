// The seal `azurekeyvault`. Its two variants keep the KEK in Key Vault as a key, which never leaves it, or as a secret.

import type { Seal } from '../seal.ts';
import type { AzureSealParts } from './attempts.ts';
import { type AzureSealConfig, checkConfig } from './config.ts';
import { KeyVariant } from './key-variant.ts';
import { SecretVariant } from './secret-variant.ts';

export type { AzureSealParts } from './attempts.ts';
export type { AzureSealConfig } from './config.ts';

/**
 * Opens nothing on the network: the first call does. `keyName` chooses the variant.
 * @throws LatchkeyError config_invalid.
 */
export function openAzureKeyVaultSeal(config: AzureSealConfig, parts: AzureSealParts): Seal {
  const checked = checkConfig(config);
  const { keyName } = checked;
  return keyName === undefined
    ? new SecretVariant(checked, parts)
    : new KeyVariant({ ...checked, keyName }, parts);
}
