// Rotation policies: what they may say, how they are shown, and when a key is due. Source: Azure, "Configure cryptographic
// key auto-rotation".

import { asObject } from '../http/message.ts';
import { badParameter, readObject } from './bodies.ts';

/** Lengths of time are kept as they were written (ISO 8601, days, months and years), since they are shown so again. */
export interface RotationPolicy {
  /** What `exp` of a version is set to when rotation makes it. */
  expiryTime?: string;
  rotate?: { timeAfterCreate: string } | { timeBeforeExpiry: string };
  /** How long before the end somebody is notified; nobody is, here. */
  notify?: string;
  /** Seconds since the Unix epoch. */
  created: number;
  updated: number;
}

const SHORTEST_SECONDS = 7 * 86_400;
/** A key that is made to expire lives four weeks at least. */
const EXPIRY_SECONDS_MIN = 28 * 86_400;
const DEFAULT_NOTIFY = 'P30D';

export function readRotationPolicy(
  body: Buffer,
  known: RotationPolicy | undefined,
  nowSeconds: number,
): RotationPolicy {
  const object = readObject(body);
  const expiryTime = readDuration(
    asObject(object['attributes'])?.['expiryTime'],
    'expiryTime',
    EXPIRY_SECONDS_MIN,
  );
  const actions = object['lifetimeActions'] ?? [];
  if (!Array.isArray(actions) || actions.length > 2) {
    throw badParameter('lifetimeActions must be a list of at most two actions.');
  }
  const policy: RotationPolicy = { created: known?.created ?? nowSeconds, updated: nowSeconds };
  if (expiryTime !== undefined) policy.expiryTime = expiryTime;
  for (const action of actions) addAction(policy, action);
  if (policy.rotate && 'timeBeforeExpiry' in policy.rotate && expiryTime === undefined) {
    throw badParameter('A trigger of timeBeforeExpiry needs an expiryTime.');
  }
  return policy;
}

function addAction(policy: RotationPolicy, given: unknown): void {
  const trigger = asObject(asObject(given)?.['trigger']) ?? {};
  const type = asObject(asObject(given)?.['action'])?.['type'];
  const after = readDuration(trigger['timeAfterCreate'], 'timeAfterCreate', SHORTEST_SECONDS);
  const before = readDuration(trigger['timeBeforeExpiry'], 'timeBeforeExpiry', SHORTEST_SECONDS);
  if ((after === undefined) === (before === undefined)) {
    throw badParameter('A trigger has either timeAfterCreate or timeBeforeExpiry.');
  }
  if (typeof type !== 'string' || !/^(rotate|notify)$/i.test(type)) {
    throw badParameter("The type of an action is 'Rotate' or 'Notify'.");
  }
  if (type.toLowerCase() === 'notify') {
    if (before === undefined) throw badParameter('Notify takes timeBeforeExpiry alone.');
    policy.notify = before;
  } else if (after !== undefined) policy.rotate = { timeAfterCreate: after };
  else if (before !== undefined) policy.rotate = { timeBeforeExpiry: before };
}

/** A key whose policy was never set shows one as well. */
export function renderRotationPolicy(authority: string, name: string, policy: RotationPolicy | undefined) {
  return {
    id: `https://${authority}/keys/${name}/rotationpolicy`,
    lifetimeActions: [
      ...(policy?.rotate ? [{ trigger: policy.rotate, action: { type: 'Rotate' } }] : []),
      { trigger: { timeBeforeExpiry: policy?.notify ?? DEFAULT_NOTIFY }, action: { type: 'Notify' } },
    ],
    attributes: {
      expiryTime: policy?.expiryTime ?? null,
      created: policy?.created ?? null,
      updated: policy?.updated ?? null,
    },
  };
}

/** When the newest version is to be followed by another one; seconds since the Unix epoch. */
export function rotationDue(
  policy: RotationPolicy,
  newest: { created: number; attributes: { exp?: number } },
): number | undefined {
  const { rotate } = policy;
  if (!rotate) return undefined;
  if ('timeAfterCreate' in rotate) return addDuration(newest.created, rotate.timeAfterCreate);
  const { exp } = newest.attributes;
  return exp === undefined ? undefined : addDuration(exp, rotate.timeBeforeExpiry, -1);
}

/** `exp` of a version that rotation makes now. */
export function expiryOf(policy: RotationPolicy | undefined, nowSeconds: number): number | undefined {
  return policy?.expiryTime === undefined ? undefined : addDuration(nowSeconds, policy.expiryTime);
}

function readDuration(given: unknown, name: string, leastSeconds: number): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'string' || !/^P(?=\d)(\d{1,2}Y)?(\d{1,3}M)?(\d{1,5}D)?$/.test(given)) {
    throw badParameter(`${name} must be days, months or years in ISO 8601, such as P90D.`);
  }
  if (addDuration(0, given) < leastSeconds) {
    throw badParameter(`${name} must be at least ${leastSeconds / 86_400} days.`);
  }
  return given;
}

/** By the calendar: a month is not a number of days. */
function addDuration(seconds: number, duration: string, sign: 1 | -1 = 1): number {
  const part = (unit: string) => sign * Number(new RegExp(`(\\d+)${unit}`).exec(duration)?.[1] ?? 0);
  const date = new Date(seconds * 1000);
  date.setUTCFullYear(date.getUTCFullYear() + part('Y'), date.getUTCMonth() + part('M'));
  return Math.floor(date.getTime() / 1000) + part('D') * 86_400;
}
