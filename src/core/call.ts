// What the listener hands to the node and what it gets back: a request freed of HTTP.

import type { JsonObject } from '../base/json.ts';
import type { ListenerTraits, Response } from '../engine/engine.ts';
import type { CorsRules } from '../system/ports.ts';

export type { CorsRules, ListenerTraits };

/** POST and PUT are both `write`; LIST and `GET ?list=true` are both `list`. */
export type Verb = 'read' | 'write' | 'patch' | 'delete' | 'list';

export interface Call {
  /** RFC 9562 UUID: `request_id` of the answer. */
  readonly id: string;
  readonly verb: Verb;
  /** Below `/v1/`, percent-decoded, checked: no empty, `.` or `..` segment. Ends in `/` if the client's did, or on list. */
  readonly path: string;
  /** The body's object; for `read`, `list` and `delete` the query. */
  readonly input: JsonObject;
  readonly token: string | undefined;
  /** `X-Vault-Wrap-TTL` as sent. */
  readonly wrapTtl: string | undefined;
  /** `?help=1`. */
  readonly help: boolean;
  /** False with `X-Vault-No-Request-Forwarding`: answer 307 instead of forwarding. */
  readonly mayForward: boolean;
  /** A standby asks whether this may be done here; it does it itself. The answer is empty. */
  readonly onlyDecide?: boolean;
  readonly remoteAddress: string;
  readonly listener: ListenerTraits;
  readonly signal: AbortSignal;
}

export type Answer =
  | {
      readonly kind: 'response';
      readonly response: Response;
      /** Type of the mount that answered, for `mount_type`; empty for none. */
      readonly mountType: string;
    }
  /** `origin` is the active node's API address, without path. */
  | { readonly kind: 'redirect'; readonly origin: string };

export interface CallHandler {
  /** @throws LatchkeyError for every refusal; the listener maps it to a status. */
  handle(call: Call): Promise<Answer>;
  /** Which pages of other origins may call; undefined while nobody has said so, or it cannot be read. */
  cors?(): Promise<CorsRules | undefined>;
}
