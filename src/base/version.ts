// What this server calls itself.

/** Our own version, as in package.json. */
export const LATCHKEY_VERSION = '0.1.0';
/** The level of Vault's API that we implement: clients compare it. */
export const VAULT_API_VERSION = '1.20.0';
/** Sent as `build_date` (Vault) and `commit_date` (OpenBao): the day of this version. */
export const RELEASE_DATE = '2026-11-24T00:00:00Z';
