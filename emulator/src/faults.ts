// Unkindness on purpose: which requests are reset, delayed, left hanging or answered with an error instead.

import { randomUUID } from 'node:crypto';

/** A vault's name, or `imds`, `entra`, `arm`. Compared without regard to case. */
export type FaultTarget = string;

export type FaultKind = 'refuse' | 'delay' | 'hang' | 'status';

export interface FaultSpec {
  target: FaultTarget;
  /** refuse: TCP reset · delay: wait, then answer as usual · hang: never answer · status: answer with an error. */
  kind: FaultKind;
  /** Only requests with this HTTP method. */
  method?: string;
  /** How many requests it hits; absent: until cleared. */
  count?: number;
  /** For `delay`: milliseconds. */
  delayMs?: number;
  /** For `status`: 400–599, the error code and text in the service's own envelope, and the Retry-After header. */
  status?: number;
  code?: string;
  innerCode?: string;
  message?: string;
  retryAfterSeconds?: number;
}

export interface Fault extends FaultSpec {
  id: string;
  /** Requests hit so far. */
  hits: number;
}

export class FaultBook {
  readonly #faults = new Map<string, Fault>();

  /** Adds one; throws RangeError when it makes no sense. Later faults on the same target come after earlier ones. */
  add(spec: FaultSpec): Fault {
    check(spec);
    const fault: Fault = { ...spec, target: spec.target.toLowerCase(), id: randomUUID(), hits: 0 };
    this.#faults.set(fault.id, fault);
    return fault;
  }

  list(): Fault[] {
    return [...this.#faults.values()].map((fault) => ({ ...fault }));
  }

  /**
   * Takes away the fault of this id, all faults of this target, or all. Returns how many went.
   * Requests already hanging stay so until their client gives up, as with the real service.
   */
  clear(idOrTarget?: string): number {
    const wanted = idOrTarget?.toLowerCase();
    let cleared = 0;
    for (const fault of this.#faults.values()) {
      if (wanted !== undefined && wanted !== fault.id && wanted !== fault.target) continue;
      this.#faults.delete(fault.id);
      cleared++;
    }
    return cleared;
  }

  /** The faults that this request meets, in order: any delays, then at most one that ends it. Counts them. */
  meet(target: FaultTarget, method: string): Fault[] {
    const met: Fault[] = [];
    for (const fault of this.#faults.values()) {
      if (fault.target !== target.toLowerCase()) continue;
      if (fault.method && fault.method.toUpperCase() !== method) continue;
      if (fault.count !== undefined && fault.hits >= fault.count) continue;
      fault.hits++;
      met.push({ ...fault });
      if (fault.kind !== 'delay') break;
    }
    return met;
  }
}

function check(spec: FaultSpec): void {
  if (typeof spec.target !== 'string' || spec.target === '') throw new RangeError('target is missing');
  if (!['refuse', 'delay', 'hang', 'status'].includes(spec.kind))
    throw new RangeError(`unknown kind ${spec.kind}`);
  checkWhole('count', spec.count, 1, 1_000_000);
  checkWhole('delayMs', spec.delayMs, 0, 600_000);
  checkWhole('status', spec.status, 400, 599);
  checkWhole('retryAfterSeconds', spec.retryAfterSeconds, 0, 86_400);
  for (const name of ['method', 'code', 'innerCode', 'message'] as const) {
    if (spec[name] !== undefined && typeof spec[name] !== 'string')
      throw new RangeError(`${name} must be a string`);
  }
  if (spec.kind === 'delay' && spec.delayMs === undefined) throw new RangeError('a delay needs delayMs');
  if (spec.kind === 'status' && spec.status === undefined)
    throw new RangeError('a status fault needs status');
}

function checkWhole(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}`);
  }
}
