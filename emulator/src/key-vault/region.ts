// A region that fails: first it answers nothing but errors, then, from its pair, it reads and does not write.

import { ServiceError } from '../http/message.ts';
import type { Settings } from '../settings.ts';
import type { Operation } from './access.ts';

/** What a vault still does after a failover. Source: Azure, "Key Vault availability and redundancy". */
const WITHOUT_WRITING = [
  'get',
  'list',
  'encrypt',
  'decrypt',
  'wrapKey',
  'unwrapKey',
  'sign',
  'verify',
  'backup',
  'getrotationpolicy',
];

/** Throws 503 while the region is down: even a request without a token gets no better answer. */
export function checkRegion({ region }: Settings): void {
  if (region === 'down') throw unavailable('The service is temporarily unavailable. Please try again later.');
}

/** Throws 503 for what would change something in a vault that has failed over. */
export function checkFailover({ region }: Settings, { permission }: Operation): void {
  if (region !== 'read-only' || WITHOUT_WRITING.includes(permission)) return;
  throw unavailable('The vault has failed over to its paired region and is read-only.');
}

function unavailable(message: string): ServiceError {
  return new ServiceError(503, 'ServiceUnavailable', message);
}
