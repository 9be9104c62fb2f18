// The steps of a request as types. Each holds the one before it, so that the compiler refuses to decide before it has
// authenticated, to handle what was not written down, or to answer what was not bound.

import type { AuditBroker } from '../audit/broker.ts';
import type { Clock } from '../base/clock.ts';
import type { LatchkeyError } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Caller, Request, Response } from '../engine/engine.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import type { LeaseRoom } from '../lease/lease-room.ts';
import type { Found, Router } from '../mount/router.ts';
import type { Decider } from '../policy/decide.ts';
import type { TokenRoom, TokenUse } from '../token/token-room.ts';
import type { Call } from './call.ts';
import type { Wrapping } from './wrapping.ts';

export interface PipelineParts {
  readonly router: Router;
  readonly audit: AuditBroker;
  readonly decider: Decider;
  readonly tokens: TokenRoom;
  readonly leases: LeaseRoom;
  readonly wrapping: Wrapping;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of the mount that answers a path. */
  limits(path: string): TtlLimits;
  /** Remembers that a token was used; before the first answer that depended on one. */
  markUsed(): Promise<void>;
  /** Remembers which token came with a request, for the engines that are about tokens. */
  rememberToken(request: Request, presented: PresentedToken): void;
  /** False once this node cannot prove any more that it leads. */
  holds(): boolean;
  /** Aborts when the tenure ends. */
  readonly signal: AbortSignal;
}

/** The token of a request, as it was sent, and what it stood for if it was alive. */
export interface PresentedToken {
  readonly text: string;
  readonly use: TokenUse | undefined;
}

export interface Located {
  readonly step: 'located';
  readonly call: Call;
  readonly found: Found | undefined;
}

export interface Authenticated {
  readonly step: 'authenticated';
  readonly located: Located;
  readonly caller: Caller | undefined;
  readonly use: TokenUse | undefined;
  readonly request: Request;
  /** Why it goes no further than into the audit log. */
  readonly refusal: LatchkeyError | undefined;
}

export interface Decided {
  readonly step: 'decided';
  readonly authenticated: Authenticated;
}

export interface Recorded {
  readonly step: 'recorded';
  readonly decided: Decided;
}

export interface Handled {
  readonly step: 'handled';
  readonly recorded: Recorded;
  readonly response: Response;
}

/** What the answer hands out has a token or a lease, or it has been taken back. */
export interface Bound {
  readonly step: 'bound';
  readonly handled: Handled;
  readonly response: Response;
}

export interface Wrapped {
  readonly step: 'wrapped';
  readonly bound: Bound;
  readonly response: Response;
}
