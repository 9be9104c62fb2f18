// The story in ten steps, on real processes. `demo/main.ts` tells it; test/cluster/story.test.ts checks it.

import type { Step } from './step.ts';
import { KEY_STEPS } from './steps-key.ts';
import { SETUP_STEPS } from './steps-setup.ts';
import { SIGN_IN_STEPS } from './steps-sign-in.ts';
import { UNSEAL_STEPS } from './steps-unseal.ts';

export const STORY: readonly Step[] = [...SETUP_STEPS, ...UNSEAL_STEPS, ...KEY_STEPS, ...SIGN_IN_STEPS];
