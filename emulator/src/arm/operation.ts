// What an operation of ARM is. The tables of resources, roles and federated credentials are made of these.

import type { Caller } from '../entra/tokens.ts';
import type { Reply, Request } from '../http/message.ts';
import type { Subscription } from './domain.ts';
import type { ArmKind, ArmPath } from './path.ts';

export interface Context {
  subscription: Subscription;
  request: Request;
  path: ArmPath;
  caller: Caller;
  apiVersion: string;
  tenantId: string;
  httpsPort: number;
}

export interface ArmOperation {
  kind: ArmKind;
  method: string;
  /** Absent: any caller may; what it sees depends on its rights. */
  action?: string;
  run(context: Context): Reply;
}

/** The path's pattern has this name, or the row is wrong. */
export function nameOf(name: string | undefined): string {
  if (name === undefined) throw new Error('this path has no such name');
  return name;
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** Lists of a group show what lies in it, lists of the subscription everything. */
export function inGroup({ group }: ArmPath, resourceGroup: string): boolean {
  return group === undefined || group.toLowerCase() === resourceGroup.toLowerCase();
}
