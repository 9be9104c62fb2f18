// A step of the story: what it does, and how to do the same by hand.

import type { Stage } from './stage.ts';

export interface Step {
  readonly number: number;
  readonly title: string;
  /** The same by hand, on Azure and with Vault's CLI. */
  readonly byHand: readonly string[];
  /** Acts and checks; returns what was seen, a line each. Throws if anything is not as it must be. */
  run(stage: Stage, firstPort: number): Promise<readonly string[]>;
}
