// Drives two fresh nodes of one cluster with node-vault. The rows are those of ../rows.ts.

import { policies, tokenEnds, tokens, wrapping } from './access.ts';
import { type Cluster, connect } from './row.ts';
import { kv1, kv2, kv2Ends, kv2Metadata, mounts } from './secrets-engines.ts';
import { afterwards, beforeInit, second, unseal } from './state.ts';
import { approle, audit, errors, userpass } from './system.ts';

const cluster: Cluster = {
  active: connect('CLIENT_ACTIVE'),
  standby: connect('CLIENT_STANDBY'),
  folder: process.env['CLIENT_FOLDER'] ?? '',
  shares: [],
  root: '',
};
const PARTS = [
  beforeInit,
  unseal,
  second,
  mounts,
  kv1,
  kv2,
  kv2Ends,
  kv2Metadata,
  policies,
  tokens,
  tokenEnds,
];
const FURTHER = [wrapping, approle, userpass, audit, errors, afterwards];
for (const part of [...PARTS, ...FURTHER]) await part(cluster);
