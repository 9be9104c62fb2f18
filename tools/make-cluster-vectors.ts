// Writes the golden blob of the cluster identity's stored format, once. It must be readable for ever, so that a file
// already there is never written again: `node tools/make-cluster-vectors.ts`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { toHex } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { createClusterIdentity } from '../src/cluster/certificate.ts';

const folder = new URL('../test/vectors/cluster/', import.meta.url);
const identity = createClusterIdentity({ random: systemRandom, clock: systemClock });
const vector = { fingerprint: identity.fingerprint, record: toHex(identity.serialize().expose()) };

mkdirSync(folder, { recursive: true });
writeFileSync(new URL('identity-1.json', folder), `${JSON.stringify(vector, null, 2)}\n`, { flag: 'wx' });
