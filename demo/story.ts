// The story in eight steps, on real processes. `demo/main.ts` tells it; test/cluster/story.test.ts checks it.

import type { Step } from './step.ts';
import { SETUP_STEPS } from './steps-setup.ts';
import { UNSEAL_STEPS } from './steps-unseal.ts';

export const STORY: readonly Step[] = [...SETUP_STEPS, ...UNSEAL_STEPS];
