// The configuration of `server -dev`.

import { LatchkeyError } from '../../base/errors.ts';
import { REQUEST_BODY_BYTES_MAX, REQUEST_DURATION_MS_MAX } from '../../base/limits.ts';
import { PARSE_LIMITS } from '../parse.ts';
import type { ServerConfig } from './config.ts';
import { TELEMETRY_DEFAULTS } from './telemetry-config.ts';

const DEFAULT_ADDRESS = '127.0.0.1:8200';

/** @throws LatchkeyError config_invalid if `address` is not host:port. */
export function developmentConfig(address = DEFAULT_ADDRESS): ServerConfig {
  const split = /^(.+):(\d{1,5})$/.exec(address);
  const [, host, portText] = split ?? [];
  const port = Number(portText);
  if (host === undefined || port > 65_535) {
    throw new LatchkeyError('config_invalid', `-dev-listen-address must be host:port, not "${address}"`);
  }
  const bare = host.replace(/^\[|\]$/g, '');
  return {
    apiAddr: `http://${address}`,
    logLevel: 'info',
    logFormat: 'standard',
    defaultLeaseTtlMs: 2_764_800_000,
    maxLeaseTtlMs: 2_764_800_000,
    defaultMaxRequestDurationMs: REQUEST_DURATION_MS_MAX,
    disableMlock: true,
    ui: false,
    telemetry: TELEMETRY_DEFAULTS,
    auditDevices: [],
    apiAuditCreation: true,
    storage: { type: 'inmem' },
    listeners: [
      {
        type: 'tcp',
        address: { host: bare, port },
        clusterAddress: { host: bare, port: 0 },
        tls: { disabled: true },
        maxRequestSizeBytes: REQUEST_BODY_BYTES_MAX,
        jsonLimits: PARSE_LIMITS.json,
        tokenHeaderBytesMax: PARSE_LIMITS.tokenHeaderBytesMax,
        maxRequestDurationMs: REQUEST_DURATION_MS_MAX,
        httpReadHeaderTimeoutMs: 10_000,
        httpReadTimeoutMs: 30_000,
        httpWriteTimeoutMs: 0,
        httpIdleTimeoutMs: 300_000,
        customResponseHeaders: [],
        closedPaths: [],
        openMetrics: false,
        metricsAccess: { serves: 'all' },
        openInFlight: false,
        unauthenticatedSealDetail: true,
      },
    ],
  };
}
