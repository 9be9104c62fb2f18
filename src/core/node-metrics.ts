// The gauges of a node, which hold in every state and from the first second: what it is, and why it is not unsealed.

import type { Reading } from '../base/metrics.ts';
import { LATCHKEY_VERSION, VAULT_API_VERSION } from '../base/version.ts';
import type { UnsealState } from '../system/ports.ts';
import type { Unsealer } from './unsealer.ts';

export interface NodeFacts {
  readonly unsealer: Pick<Unsealer, 'hasRead' | 'record' | 'session' | 'state' | 'secondsInState' | 'fault'>;
  readonly isActive: boolean;
  /** On a standby: the active node answered lately. */
  readonly hearsActive: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly inFlight: number;
  readonly secondsSinceSealSuccess: number | undefined;
}

const NODE_STATES = ['starting', 'uninitialized', 'sealed', 'standby', 'active'] as const;
const UNSEAL_STATES: readonly UnsealState[] = [
  'starting',
  'not_initialized',
  'awaiting_shares',
  'unsealing',
  'fault',
  'operator',
  'unsealed',
];

export function nodeReadings(facts: NodeFacts): readonly Reading[] {
  const { unsealer, isActive } = facts;
  const { fault } = unsealer;
  const isUnsealed = unsealer.session !== undefined;
  const cluster = { cluster: unsealer.record?.clusterName ?? '' };
  const readings: Reading[] = [
    { name: 'core.unsealed', value: Number(isUnsealed), labels: cluster },
    { name: 'core.active', value: Number(isActive), labels: cluster },
    { name: 'core.in_flight_requests', value: facts.inFlight },
    {
      name: 'latchkey.build_info',
      value: 1,
      labels: { version: LATCHKEY_VERSION, api_version: VAULT_API_VERSION },
    },
    ...oneOf('latchkey.node_state', NODE_STATES, nodeState(facts)),
    ...oneOf('latchkey.unseal.state', UNSEAL_STATES, unsealer.state),
    {
      name: 'latchkey.active_reachable',
      value: Number(isUnsealed && (isActive || facts.hearsActive)),
    },
    { name: 'latchkey.unseal.attempts', value: fault?.attempts ?? 0 },
    { name: 'latchkey.unseal.state_seconds', value: unsealer.secondsInState },
    { name: 'runtime.alloc_bytes', value: process.memoryUsage().heapUsed },
    { name: 'runtime.sys_bytes', value: process.memoryUsage.rss() },
  ];
  if (fault !== undefined) {
    const { stage, class: faultClass, seal } = fault;
    readings.push({
      name: 'latchkey.unseal.last_error',
      value: 1,
      labels: { stage, class: faultClass, seal },
    });
  }
  if (fault?.nextAttemptAt !== undefined) {
    const seconds = Math.max(0, fault.nextAttemptAt - facts.now) / 1_000;
    readings.push({ name: 'latchkey.unseal.next_attempt_seconds', value: seconds });
  }
  if (facts.secondsSinceSealSuccess !== undefined) {
    readings.push({ name: 'latchkey.seal.last_success_seconds', value: facts.secondsSinceSealSuccess });
  }
  return readings;
}

function nodeState({ unsealer, isActive }: NodeFacts): (typeof NODE_STATES)[number] {
  if (!unsealer.hasRead) return 'starting';
  if (unsealer.record === undefined) return 'uninitialized';
  if (unsealer.session === undefined) return 'sealed';
  return isActive ? 'active' : 'standby';
}

/** A series for every state, so that an alert finds a zero and not an absence. */
function oneOf(
  name: 'latchkey.node_state' | 'latchkey.unseal.state',
  all: readonly string[],
  now: string,
): Reading[] {
  return all.map((state) => ({ name, value: Number(state === now), labels: { state } }));
}
