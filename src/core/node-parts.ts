// What main.ts puts into a node: the concrete storage, seal, engines and addresses.

import type { AuditConfig } from '../audit/audit-table.ts';
import type { AuditSinkType } from '../audit/device.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import type { ClusterListener } from '../cluster/active.ts';
import type { EngineType } from '../engine/engine.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import type { Seal } from '../seal/seal.ts';
import type { Advert } from '../storage/election.ts';
import type { ProcessPort } from '../system/ports.ts';
import type { SystemRoom } from '../system/system-engine.ts';
import type { OpenStorage } from './stores.ts';

export interface NodeParts {
  readonly advert: Advert;
  readonly hostname: string;
  /** Our own version, for `operator members`. */
  readonly version: string;
  readonly seal: Seal;
  readonly openStorage: OpenStorage;
  /** For seal-status, also before the storage was opened. */
  readonly storageType: string;
  readonly system: SystemRoom;
  readonly metrics: Metrics;
  readonly process: ProcessPort;
  /** `usage_gauge_period` of the config: milliseconds between two counts of the tokens; 0 for none at all. */
  readonly usagePeriodMs: number;
  /** Kinds of audit devices, by name. */
  readonly auditSinks: ReadonlyMap<string, AuditSinkType>;
  /** As the config says it now. */
  auditConfig(): AuditConfig;
  /** Types that can be mounted, by name. */
  readonly engines: ReadonlyMap<string, EngineType>;
  /** Each token's own store: always there, and nowhere else. */
  readonly cubbyhole: EngineType;
  /** `default_lease_ttl` and `max_lease_ttl` of the config. */
  readonly leaseTtl: TtlLimits;
  /** Undefined for a single node, whose calls nobody forwards. */
  readonly cluster: ClusterListener | undefined;
  readonly clusterName: string | undefined;
  /** `cluster_id` of the config. */
  readonly clusterId: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}
