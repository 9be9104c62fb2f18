// The story in eight steps, on real processes. `demo/main.ts` tells it; test/cluster/story.test.ts checks it.

import type { Stage } from './stage.ts';
import { SETUP_STEPS } from './steps-setup.ts';
import { UNSEAL_STEPS } from './steps-unseal.ts';

export interface Step {
  readonly number: number;
  readonly title: string;
  /** The same by hand, on Azure and with Vault's CLI. */
  readonly byHand: readonly string[];
  /** Acts and checks; returns what was seen, a line each. Throws if anything is not as it must be. */
  run(stage: Stage, firstPort: number): Promise<readonly string[]>;
}

export const STORY: readonly Step[] = [...SETUP_STEPS, ...UNSEAL_STEPS];
