// One sentence on why a node is sealed and the command that mends it: the thing a person paged at night needs.

import type { SealStatus, SealStatusFault } from '../client/answers.ts';
import { explainSealClass } from './seal-classes.ts';

export interface Reason {
  readonly why: string;
  /** Empty if nothing needs to be done. */
  readonly remedy: string;
}

/** Undefined if the node is not sealed, or if its server says nothing about the cause. `now`: ms since 1970. */
export function whySealed(status: SealStatus, now: number): Reason | undefined {
  if (!status.sealed) return undefined;
  if (status.lastError !== undefined && status.unsealState !== 'operator')
    return faulty(status.lastError, now);
  switch (status.unsealState) {
    case 'not_initialized':
      return {
        why: 'the cluster is not initialized yet.',
        remedy: 'latchkey operator init   # once, on any one node',
      };
    case 'awaiting_shares':
      return {
        why: 'its key is held in shares by people, and each start needs them.',
        remedy: `latchkey operator unseal   # ${status.threshold} of the ${status.shares} shares, one at a time`,
      };
    case 'unsealing':
      return { why: 'auto-unseal is under way.', remedy: '' };
    case 'operator':
      return {
        why: 'an operator sealed this node, and auto-unseal is paused on it.',
        remedy: 'restart the server, or give a quorum of recovery keys: latchkey operator unseal',
      };
    case 'fault': {
      const { sentence, remedy } = explainSealClass('unknown');
      return { why: `${sentence}.`, remedy };
    }
    default:
      return undefined;
  }
}

/** As it stands under the table. */
export function reasonLines(reason: Reason): string {
  return reason.remedy === ''
    ? `Why sealed: ${reason.why}`
    : `Why sealed: ${reason.why}\nTo mend it: ${reason.remedy}`;
}

function faulty(fault: SealStatusFault, now: number): Reason {
  const known = explainSealClass(fault.class);
  const sentence = (fault.sentence || known.sentence).replace(/\.\s*$/, '');
  // The class is always named: it is what docs/errors.md and a search are keyed by.
  const told = fault.httpStatus === 0 || new RegExp(`\\b${fault.httpStatus}\\b`).test(sentence);
  const facts = [told ? '' : `HTTP ${fault.httpStatus}`, `class ${fault.class || 'unknown'}`];
  const where = facts.filter((fact) => fact !== '').join(', ');
  return { why: `${sentence} (${where})${pace(fault, now)}.`, remedy: fault.remedy || known.remedy };
}

/** `; attempt 14, next in 22 s` */
function pace(fault: SealStatusFault, now: number): string {
  if (fault.attempts === 0) return '';
  const at = Date.parse(fault.nextAttemptAt);
  if (Number.isNaN(at)) return `; attempt ${fault.attempts}`;
  const seconds = Math.max(0, Math.ceil((at - now) / 1_000));
  return `; attempt ${fault.attempts}, next ${seconds === 0 ? 'now' : `in ${seconds} s`}`;
}
