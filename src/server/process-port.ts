// What a node may know and change of its process: metrics, log levels, configuration, machine.

import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import type { NodeParts } from '../core/node-parts.ts';
import type { ServerConfig, TelemetryConfig } from './config/config.ts';
import { sanitized } from './config/sanitized.ts';
import { hostInfo } from './host-info.ts';
import type { AdjustableLogger } from './log.ts';
import { MetricsRegistry } from './metrics/registry.ts';

type ProcessPort = NodeParts['process'] & { readonly metrics: MetricsRegistry };

export function processPort(config: ServerConfig, log: AdjustableLogger, clock: Clock): ProcessPort {
  const { levels } = log;
  return {
    metrics: registryOf(config.telemetry, clock),
    log: {
      levels: () => levels.all,
      setAll: (level = levels.configured) => levels.setAll(level),
      setRoom: (room, level = levels.configured) => levels.setRoom(room, level),
    },
    config: () => sanitized(config),
    hostInfo: () => hostInfo(clock.now()),
  };
}

function registryOf(telemetry: TelemetryConfig, clock: Clock): MetricsRegistry {
  return new MetricsRegistry({
    prefix: telemetry.metricsPrefix,
    hostInNames: telemetry.disableHostname ? undefined : hostname(),
    hostLabel: telemetry.enableHostnameLabel ? hostname() : undefined,
    prometheus: telemetry.prometheusRetentionMs > 0,
    clock,
  });
}
