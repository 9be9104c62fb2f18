// Every fuzz target of the project; the test beside this file holds that none is forgotten.

import * as auth from '../../src/auth/auth.fuzz.ts';
import * as barrier from '../../src/barrier/barrier.fuzz.ts';
import * as base from '../../src/base/base.fuzz.ts';
import * as hcl from '../../src/base/hcl/hcl.fuzz.ts';
import * as cluster from '../../src/cluster/cluster.fuzz.ts';
import * as core from '../../src/core/core.fuzz.ts';
import * as engine from '../../src/engine/engine.fuzz.ts';
import * as policy from '../../src/policy/policy.fuzz.ts';
import * as seal from '../../src/seal/seal.fuzz.ts';
import * as config from '../../src/server/config/config.fuzz.ts';
import * as request from '../../src/server/parse.fuzz.ts';
import * as token from '../../src/token/token.fuzz.ts';
import type { FuzzTarget } from './fuzzing.ts';

const ROOMS = [auth, barrier, base, cluster, config, core, engine, hcl, policy, request, seal, token];

export const TARGETS: readonly FuzzTarget[] = ROOMS.flatMap((room) => Object.values(room) as FuzzTarget[]);
