// Where things lie in the storage. Plain records: core/root-keys, core/init-intent, the election's own.
// Everything else is encrypted by the barrier.

/** Encrypted records of the core: `cors`, `mounts`, `recovery`, `rotation`, `used`, `versions`. */
export const CORE_PREFIX = 'core/';
/** The token store. */
export const TOKEN_PREFIX = 'token/';
/** Leases, and which token has which. */
export const LEASE_PREFIX = 'lease/';
/** Below it, one folder per token. */
export const CUBBYHOLE_PREFIX = 'cubbyhole/';
/** Policies, one record each. */
export const POLICY_PREFIX = 'policy/';
/** The active node's certificate and key of the cluster port. */
export const CLUSTER_PREFIX = 'cluster/';
/** Audit devices and their salts. */
export const AUDIT_PREFIX = 'audit/';
/** Below it, one folder per mount, named by the mount's uuid. */
export const MOUNT_PREFIX = 'mount/';
/** Plain: the cluster id of an initialisation that has begun, so that it can be repeated. */
export const INIT_INTENT_PATH = 'core/init-intent';
/** Encrypted, relative to CORE_PREFIX: the KEK of a Shamir seal, so that the active node can wrap the root key again. */
export const SHAMIR_KEK_RECORD = 'shamir-kek';
/** Encrypted, relative to CORE_PREFIX: when the key of the data is rotated by itself. */
export const ROTATION_RECORD = 'rotation';
/** Encrypted, relative to CORE_PREFIX: which web pages may call from a browser. */
export const CORS_RECORD = 'cors';
/** Encrypted, relative to CORE_PREFIX: the versions that have led the cluster. */
export const VERSIONS_RECORD = 'versions';
/** Encrypted, relative to CORE_PREFIX: there once a token has been used. */
export const USED_RECORD = 'used';
