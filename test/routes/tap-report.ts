// What the tap in a server process tells the test.

export interface EngineSeen {
  readonly type: string;
  readonly kind: 'secret' | 'auth' | 'system';
}

export interface RouteSeen {
  readonly pattern: string;
  readonly access: 'open' | 'token' | 'sudo';
  readonly operations: readonly string[];
  readonly help: string;
}

export interface MountSeen {
  /** Ends in `/`. */
  readonly path: string;
  readonly type: string;
  readonly routes: readonly RouteSeen[];
}

export interface TapReport {
  readonly engines: readonly EngineSeen[];
  readonly mounts: readonly MountSeen[];
  /** Every change so far: what was done, and the storage key. */
  readonly written: readonly string[];
}
