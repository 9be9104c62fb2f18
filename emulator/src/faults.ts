// Unkindness on purpose: which requests are reset, delayed, left hanging or answered with an error instead.

import { randomUUID } from 'node:crypto';

/** A vault's name, or `imds`, `entra`, `arm`, `graph`, `aks`. Compared without regard to case. */
export type FaultTarget = string;

export type FaultKind = 'refuse' | 'delay' | 'hang' | 'status';

export interface FaultSpec {
  target: FaultTarget;
  /** refuse: TCP reset · delay: wait, then answer as usual · hang: never answer · status: answer with an error. */
  kind: FaultKind;
  /** Only requests with this HTTP method. */
  method?: string;
  /** Only requests of this caller: its object id. A token is read for it, but not checked. */
  principalId?: string;
  /** Only requests whose action holds this text, e.g. `unwrap` or `secrets/getSecret`; without regard to case. */
  action?: string;
  /** How many requests it hits; absent: until cleared. */
  count?: number;
  /** How many requests it lets pass first. */
  letPass?: number;
  /** 1–100: how many in a hundred it hits, by seeded dice; absent: all. */
  percent?: number;
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
  /** Requests that it could have hit: hit or passed over. */
  met: number;
}

/** What a fault looks at in a request. */
export interface Seen {
  method: string;
  /** Asked for only by faults that need them. */
  principalId(): string | undefined;
  action(): string | undefined;
}

export class FaultBook {
  readonly #faults = new Map<string, Fault>();
  #dice: number;

  /** The same seed gives the same hits for the same requests. */
  constructor(seed: number = Math.floor(Math.random() * 2 ** 32)) {
    this.#dice = seed >>> 0;
  }

  /** Adds one; throws RangeError when it makes no sense. Later faults on the same target come after earlier ones. */
  add(spec: FaultSpec): Fault {
    check(spec);
    const fault: Fault = { ...spec, target: spec.target.toLowerCase(), id: randomUUID(), hits: 0, met: 0 };
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
  meet(target: FaultTarget, seen: Seen): Fault[] {
    const met: Fault[] = [];
    for (const fault of this.#faults.values()) {
      if (fault.target !== target.toLowerCase() || !concerns(fault, seen)) continue;
      if (fault.count !== undefined && fault.hits >= fault.count) continue;
      fault.met++;
      if (fault.met <= (fault.letPass ?? 0)) continue;
      if (fault.percent !== undefined && this.#throw() >= fault.percent) continue;
      fault.hits++;
      met.push({ ...fault });
      if (fault.kind !== 'delay') break;
    }
    return met;
  }

  /** 0 to below 100. Mulberry32: small, and good enough for dice. */
  #throw(): number {
    this.#dice = (this.#dice + 0x6d2b79f5) >>> 0;
    let mixed = this.#dice;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * 100;
  }
}

function concerns(fault: Fault, seen: Seen): boolean {
  if (fault.method !== undefined && fault.method.toUpperCase() !== seen.method) return false;
  if (fault.principalId !== undefined && fault.principalId.toLowerCase() !== seen.principalId()) return false;
  return (
    fault.action === undefined || (seen.action() ?? '').toLowerCase().includes(fault.action.toLowerCase())
  );
}

function check(spec: FaultSpec): void {
  if (typeof spec.target !== 'string' || spec.target === '') throw new RangeError('target is missing');
  if (!['refuse', 'delay', 'hang', 'status'].includes(spec.kind))
    throw new RangeError(`unknown kind ${spec.kind}`);
  checkWhole('count', spec.count, 1, 1_000_000);
  checkWhole('letPass', spec.letPass, 0, 1_000_000);
  checkWhole('percent', spec.percent, 1, 100);
  checkWhole('delayMs', spec.delayMs, 0, 600_000);
  checkWhole('status', spec.status, 400, 599);
  checkWhole('retryAfterSeconds', spec.retryAfterSeconds, 0, 86_400);
  for (const name of ['method', 'principalId', 'action', 'code', 'innerCode', 'message'] as const) {
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
