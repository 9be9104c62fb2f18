// The engine behind sys/: one list of routes from the families. The local part lives as long as the node.

import type { EngineType, Route } from '../engine/engine.ts';
import { auditRoutes } from './audit-routes.ts';
import { authRoutes } from './auth-routes.ts';
import { capabilitiesRoutes } from './capabilities-routes.ts';
import { corsRoutes } from './cors-routes.ts';
import { generateRootRoutes } from './generate-root-routes.ts';
import { healthRoutes } from './health.ts';
import { historyRoutes } from './history-routes.ts';
import { inFlightRoutes } from './in-flight-routes.ts';
import { leaseRoutes } from './lease-routes.ts';
import { metricsRoutes } from './metrics-routes.ts';
import { mountRoutes } from './mount-routes.ts';
import { openApiRoutes } from './openapi-routes.ts';
import { policyRoutes } from './policy-routes.ts';
import type { NodePort, TenurePort } from './ports.ts';
import { rotationRoutes } from './rotation-routes.ts';
import { sealRoutes } from './seal-routes.ts';
import { stateRoutes } from './state-routes.ts';
import { tenureRoutes } from './tenure-routes.ts';
import { uiRoutes } from './ui-routes.ts';
import { wrappingRoutes } from './wrapping-routes.ts';

/** What the core needs of this room; main.ts passes it in, since the core knows no concrete engine. */
export interface SystemRoom {
  localRoutes: typeof localRoutes;
  engine: typeof systemEngine;
}

/** Routes that every node answers for itself, in every state. `now` in milliseconds since the epoch. */
export function localRoutes(port: NodePort, now: () => number): readonly Route[] {
  return [
    ...sealRoutes(port),
    ...healthRoutes(port, now),
    ...metricsRoutes(port.process.metrics),
    ...inFlightRoutes(port),
    ...stateRoutes(port.process),
  ];
}

/** The whole of sys/, as the active node mounts it. */
export function systemEngine(node: NodePort, tenure: TenurePort, now: () => number): EngineType {
  return {
    type: 'system',
    kind: 'system',
    open: async () => ({
      routes: [
        ...localRoutes(node, now),
        ...tenureRoutes(tenure),
        ...mountRoutes(tenure.mounts),
        ...authRoutes(tenure.mounts),
        ...auditRoutes(tenure.audit),
        ...policyRoutes(tenure.policies),
        ...capabilitiesRoutes(tenure.rights),
        ...openApiRoutes(tenure),
        ...historyRoutes(tenure),
        ...corsRoutes(tenure.cors),
        ...uiRoutes({ mounts: () => tenure.mounts.list(), rights: tenure.rights }),
        ...leaseRoutes(tenure.leases, tenure.rights, now),
        ...wrappingRoutes(tenure.wrapping),
        ...generateRootRoutes(tenure.generateRoot),
        ...rotationRoutes(tenure),
      ],
    }),
  };
}

export const systemRoom: SystemRoom = { localRoutes, engine: systemEngine };
