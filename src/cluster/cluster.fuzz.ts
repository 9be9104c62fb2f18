// Fuzz targets: heartbeats, the stored certificate of a tenure, and the address of the active node.

import { readFileSync } from 'node:fs';
import { fromHex, utf8 } from '../base/bytes.ts';
import { parseClusterIdentity } from './certificate.ts';
import { parseTarget } from './dial.ts';
import { decodeEcho, encodeEcho } from './members.ts';

const vector = new URL('../../test/vectors/cluster/identity-1.json', import.meta.url);
const { record } = JSON.parse(readFileSync(vector, 'utf8')) as { record: string };

export const identityTarget = {
  name: 'identity',
  corpus: [fromHex(record) ?? new Uint8Array()],
  run(input: Uint8Array): void {
    parseClusterIdentity(input).wipe();
  },
};

export const echoTarget = {
  name: 'echo',
  corpus: [
    encodeEcho({
      nodeId: 'n',
      hostname: 'h',
      apiAddress: 'https://a',
      clusterAddress: 'https://b:1',
      version: '1',
    }),
    utf8('https://[::1]:8201'),
  ],
  words: ['"nodeId":', '"hostname":"', 'https://', '[::1]', ':8201'],
  run(input: Uint8Array): void {
    parseTarget(new TextDecoder().decode(input));
    decodeEcho(input);
  },
};
