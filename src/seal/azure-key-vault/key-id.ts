// The full id of a KEK, as a wrapped copy keeps it. It comes back from storage, so it is checked like foreign input.

import { OBJECT_NAME } from './config.ts';
import type { Noun } from './encounter.ts';

export interface CopyAddress {
  /** `https://<vault>` that made the copy; only said, never followed: calls go to the configured vault. */
  readonly origin: string;
  readonly noun: Noun;
  readonly objectName: string;
  readonly version: string;
}

/** Undefined unless it is `https://<host>/secrets/<name>/<version>`, or `/keys/`. */
export function parseKeyId(keyId: string, noun: Noun): CopyAddress | undefined {
  const url = keyId.length <= 512 ? URL.parse(keyId) : null;
  if (url === null || url.protocol !== 'https:' || url.search !== '' || url.hash !== '') return undefined;
  const [empty, collection, objectName, version, ...rest] = url.pathname.split('/');
  if (empty !== '' || collection !== `${noun}s` || rest.length > 0) return undefined;
  if (objectName === undefined || !OBJECT_NAME.test(objectName)) return undefined;
  if (version === undefined || !/^[0-9A-Za-z]{1,64}$/.test(version)) return undefined;
  return { origin: url.origin, noun, objectName, version };
}
