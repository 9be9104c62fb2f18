// Every metric that this server has, with what it counts. Names are Vault's, without its prefix, so that dashboards made
// for Vault fit; what Vault has no name for begins with `latchkey`. docs/metrics.md describes the same list.
// Vault's page /docs/internals/telemetry/metrics/all.

export type MetricKind = 'counter' | 'gauge' | 'summary';

export interface MetricSpec {
  readonly kind: MetricKind;
  /** One line for the exposition. */
  readonly help: string;
  /** Label names; a part of the name in braces is filled from a label as well, and is not listed here. */
  readonly labels?: readonly string[];
  /** Says no more than `sys/seal-status` says to everybody, so it is shown where no token can be checked. */
  readonly isPublic?: boolean;
}

const summary = (help: string): MetricSpec => ({ kind: 'summary', help });
const counter = (help: string): MetricSpec => ({ kind: 'counter', help });

/** Summaries are in milliseconds, gauges and counters in what their help says. */
export const METRICS = {
  'core.unsealed': {
    kind: 'gauge',
    help: '1 while this node is unsealed, else 0',
    labels: ['cluster'],
    isPublic: true,
  },
  'core.active': {
    kind: 'gauge',
    help: '1 while this node leads, else 0',
    labels: ['cluster'],
    isPublic: true,
  },
  'core.in_flight_requests': { kind: 'gauge', help: 'requests that this node is answering now' },
  'core.handle_request': summary('a request on the active node, from locating its mount to the answer'),
  'core.handle_login_request': summary('a login, from locating its mount to the answer'),
  'core.check_token': summary('deciding whether a request is allowed, a refusal written down included'),
  'core.leadership_lost': summary('how long this node had led when it lost the lead or gave it back'),
  'core.leadership_setup_failed': summary('how long it took until taking up the lead failed'),
  'core.step_down': summary('handing over the lead after a step-down'),
  'core.post_unseal': summary('opening mounts, tokens and leases after the lead was won'),
  'core.pre_seal': summary('closing them again'),
  'core.unseal': summary('one attempt to unseal, with what the seal and the storage took'),
  'barrier.get': summary('a read through the barrier, decryption included'),
  'barrier.put': summary('a write through the barrier, encryption included'),
  'barrier.list': summary('a listing through the barrier'),
  'barrier.delete': summary('a deletion through the barrier'),
  '{storage}.get': summary('a read of the storage itself, by its type'),
  '{storage}.list': summary('a listing of the storage itself, by its type'),
  '{storage}.put': summary(
    'an atomic batch of changes in the storage itself, by its type, until it is durable',
  ),
  'route.{operation}.{mount}': summary('the work of one mount, by operation'),
  'audit.log_request': summary('writing a request to the audit devices'),
  'audit.log_response': summary('writing an answer to the audit devices'),
  'audit.log_request_failure': counter('requests that no audit device would take'),
  'audit.log_response_failure': counter('answers that no audit device would take'),
  'token.create': summary('making a token'),
  'token.lookup': summary('finding the token of a request'),
  'token.revoke': summary('revoking a token and all below it'),
  'token.count': { kind: 'gauge', help: 'service tokens that are kept', labels: ['namespace'] },
  'expire.num_leases': { kind: 'gauge', help: 'leases that wait for their end, those of tokens included' },
  'expire.num_irrevocable_leases': { kind: 'gauge', help: 'leases that could not be ended' },
  'expire.register': summary('binding a secret to a lease'),
  'expire.renew': summary('renewing a lease'),
  'expire.revoke': summary('ending a lease on demand'),
  'policy.get_policy': summary('reading a policy'),
  'policy.set_policy': summary('writing a policy'),
  'policy.delete_policy': summary('deleting a policy'),
  'policy.list_policies': summary('listing the policies'),
  'seal.encrypt': counter('times that the seal was asked to wrap the root key'),
  'seal.encrypt.time': summary('wrapping the root key, the way to Azure included'),
  'seal.encrypt.error': counter('times that wrapping failed'),
  'seal.decrypt': counter('times that the seal was asked to unwrap the root key'),
  'seal.decrypt.time': summary('unwrapping the root key, the way to Azure included'),
  'seal.decrypt.error': counter('times that unwrapping failed'),
  'ha.rpc.client.forward': summary('a request that this standby forwarded, until its answer'),
  'ha.rpc.client.forward.errors': counter('requests that could not be forwarded'),
  'ha.rpc.client.echo': summary('a heartbeat to the active node, until its answer'),
  'ha.rpc.client.echo.errors': counter('heartbeats that were not answered'),
  'runtime.alloc_bytes': { kind: 'gauge', help: 'bytes in use on the heap' },
  'runtime.sys_bytes': { kind: 'gauge', help: 'bytes of memory that the process holds' },
  'latchkey.build_info': {
    kind: 'gauge',
    help: 'always 1; its labels tell the version',
    labels: ['version', 'api_version'],
    isPublic: true,
  },
  'latchkey.node_state': {
    kind: 'gauge',
    help: '1 for the state in which this node is, 0 for the others',
    labels: ['state'],
    isPublic: true,
  },
  'latchkey.active_reachable': {
    kind: 'gauge',
    help: '1 while this node leads or hears the active one, else 0',
    isPublic: true,
  },
  'latchkey.tls.certificate_expiry_seconds': {
    kind: 'gauge',
    help: 'seconds until the certificate that a listener shows runs out; negative once it has',
    labels: ['listener'],
    isPublic: true,
  },
  'latchkey.storage.errors_total': {
    kind: 'counter',
    help: 'operations of the storage that failed; fenced is a node that had lost the lead and was stopped',
    labels: ['operation', 'code'],
  },
  'latchkey.unseal.state': {
    kind: 'gauge',
    help: '1 for the state of the unsealer, 0 for the others',
    labels: ['state'],
    isPublic: true,
  },
  'latchkey.unseal.attempts': {
    kind: 'gauge',
    help: 'attempts that failed since this node was last unsealed',
    isPublic: true,
  },
  'latchkey.unseal.failures_total': {
    kind: 'counter',
    help: 'attempts to unseal that failed since the process started',
    isPublic: true,
  },
  'latchkey.unseal.last_error': {
    kind: 'gauge',
    help: '1 for the cause of the last failed attempt; no series without one',
    labels: ['stage', 'class', 'seal'],
    isPublic: true,
  },
  'latchkey.unseal.state_seconds': {
    kind: 'gauge',
    help: 'seconds since the unsealer entered its state',
    isPublic: true,
  },
  'latchkey.unseal.next_attempt_seconds': {
    kind: 'gauge',
    help: 'seconds until the next attempt; no series if none is planned',
    isPublic: true,
  },
  'latchkey.seal.last_success_seconds': {
    kind: 'gauge',
    help: 'seconds since the seal last wrapped or unwrapped; no series before it did',
    isPublic: true,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof METRICS;
