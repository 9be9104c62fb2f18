// All that an emulator knows, as one value: for snapshots in tests, and for a folder that outlives the process.

import type { AksIssuer } from '../aks/issuer.ts';
import type { Subscription } from '../arm/domain.ts';
import type { MovableClock } from '../clock.ts';
import type { Entra } from '../entra/domain.ts';
import type { Machine } from '../imds/domain.ts';
import type { RoleBook } from '../rbac/domain.ts';
import type { Settings } from '../settings.ts';

export interface StateParts {
  entra: Entra;
  aks: AksIssuer;
  machine: Machine;
  roles: RoleBook;
  subscription: Subscription;
  settings: Settings;
  clock: MovableClock;
}

export type State = ReturnType<typeof dump>;

/** Shares its objects with the emulator: encode it at once. */
export function dump({ entra, aks, machine, roles, subscription, settings, clock }: StateParts) {
  return {
    format: 1 as const,
    httpsPort: entra.httpsPort,
    aheadMs: clock.aheadMs,
    settings,
    directory: entra.directory.dump(),
    tokenKey: entra.tokens.dump(),
    aks: aks.dump(),
    machine: machine.dump(),
    roles: roles.dump(),
    subscription: subscription.dump(),
  };
}

/** Puts everything in place of what is there; throws for another format. */
export function load(parts: StateParts, state: State): void {
  if (state.format !== 1) throw new Error(`the state has format ${String(state.format)}, and 1 is known`);
  const { entra, aks, machine, roles, subscription, settings, clock } = parts;
  clock.aheadMs = state.aheadMs;
  Object.assign(settings, state.settings);
  entra.directory.load(state.directory);
  if (state.tokenKey) entra.tokens.load(state.tokenKey);
  aks.load(state.aks);
  machine.load(state.machine);
  roles.load(state.roles);
  subscription.load(state.subscription);
}
