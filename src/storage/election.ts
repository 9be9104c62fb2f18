// Who leads. At most one fence is current at any time; a leader that cannot prove it is still current stops.

import type { Fence } from './storage.ts';

/** What the leader tells the others about itself; plain text, readable without the barrier. */
export interface Advert {
  readonly nodeId: string;
  readonly apiAddress: string;
  readonly clusterAddress: string;
}

export interface Leadership {
  readonly fence: Fence;
  /** Aborts when the lease was lost, or can no longer be proven; the reason says why. Never un-aborts. */
  readonly lost: AbortSignal;
  /**
   * True while the lease provably holds: counted from before the last keep-alive was sent, minus a margin.
   * A leader checks it after it has read a value and before it answers.
   */
  holds(): boolean;
  /** Gives the lead away at once, so that another node need not wait for the lease to run out. Idempotent. */
  resign(): Promise<void>;
}

export interface Leader {
  readonly advert: Advert;
  readonly epoch: number;
}

export interface Election {
  /** Waits until this node leads. Rejects with the signal's reason once it aborts. */
  campaign(advert: Advert, signal: AbortSignal): Promise<Leadership>;
  /**
   * Takes the lead if nobody holds it, at once. Undefined if somebody else does.
   * Initialisation uses it, so that the loser can say so instead of waiting.
   */
  tryCampaign(advert: Advert): Promise<Leadership | undefined>;
  /** Who holds an unexpired lease now. @throws LatchkeyError storage_unavailable */
  leader(): Promise<Leader | undefined>;
  /** The longest time in milliseconds after a kill -9 until another node may lead. */
  readonly leaseMsMax: number;
  close(): Promise<void>;
}
