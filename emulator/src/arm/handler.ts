// ARM over HTTP. Under construction in this commit: the helpers of the TypeScript API call the domain meanwhile.
import type { Entra } from '../entra/domain.ts';
import type { Reply, Request } from '../http/message.ts';
import type { Subscription } from './domain.ts';

export function armHandler(_subscription: Subscription, _entra: Entra): (request: Request) => Promise<Reply> {
  return async () => ({ status: 501, body: { error: { code: 'NotImplemented', message: 'not here yet' } } });
}
