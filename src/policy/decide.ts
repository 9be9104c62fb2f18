// Decides who may do what. This version knows the policy `root` alone; every other caller is refused.

import type { Access, Caller, Operation } from '../engine/engine.ts';

export interface Question {
  /** Full path below /v1/, e.g. `secret/data/app`. */
  readonly path: string;
  readonly operation: Operation;
  readonly access: Access;
}

/** True if `caller` may do it. Fails closed: no caller and an unknown policy are refusals. */
export function mayDo(caller: Caller | undefined, question: Question): boolean {
  if (question.access === 'open') return true;
  return caller?.isRoot === true;
}
