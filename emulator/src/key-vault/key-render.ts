// What the keys API answers: bundles and list items. Only public parts are ever read from a key here.

import type { Request } from '../http/message.ts';
import type { Key, KeyVersion } from './keys.ts';
import { newest } from './objects.ts';
import { deletion, renderAttributes } from './render.ts';
import type { Vault } from './vault.ts';

export function keyBundle(request: Request, vault: Vault, name: string, version: KeyVersion) {
  const { n, e } = version.publicKey.export({ format: 'jwk' });
  return {
    key: {
      kid: versionId(request, name, version),
      kty: version.type,
      key_ops: version.operations,
      n,
      e,
    },
    ...keyMetadata(vault, version),
  };
}

/** An entry of a list of keys: an id without version, and no key. */
export function keyItem(request: Request, vault: Vault, key: Key) {
  return { kid: `https://${request.authority}/keys/${key.name}`, ...keyMetadata(vault, newest(key)) };
}

/** An entry of a list of versions. */
export function keyVersionItem(request: Request, vault: Vault, name: string, version: KeyVersion) {
  return { kid: versionId(request, name, version), ...keyMetadata(vault, version) };
}

export function deletedKeyBundle(request: Request, vault: Vault, key: Key) {
  return { ...deletion(request, 'keys', key), ...keyBundle(request, vault, key.name, newest(key)) };
}

export function deletedKeyItem(request: Request, vault: Vault, key: Key) {
  return { ...deletion(request, 'keys', key), ...keyItem(request, vault, key) };
}

/** The id with its full version, as every answer of a key operation carries it. */
export function versionId(request: Request, name: string, version: KeyVersion): string {
  return `https://${request.authority}/keys/${name}/${version.version}`;
}

function keyMetadata(vault: Vault, version: KeyVersion) {
  return {
    attributes: {
      ...renderAttributes(vault, version),
      exportable: false,
      hsmPlatform: version.type === 'RSA-HSM' ? '2' : '0',
    },
    tags: version.tags,
  };
}
