// Every limit on foreign input, in one place, with its unit.

/** Largest request body, bytes. Vault's `max_request_size` default. */
export const REQUEST_BODY_BYTES_MAX = 32 * 1024 * 1024;
/** Longest request path, characters. */
export const REQUEST_PATH_CHARACTERS_MAX = 4_096;
/** Deepest JSON nesting accepted. */
export const JSON_DEPTH_MAX = 64;
/** Longest storage key, bytes: LMDB's limit with our page size (1978), less room for the map's own prefix. */
export const STORAGE_KEY_BYTES_MAX = 1_900;
/** Largest stored value, bytes. etcd's default request limit (1.5 MiB) less room for keys and compare. */
export const STORAGE_VALUE_BYTES_MAX = 1_024 * 1_024;
/** Most changes in one atomic batch. etcd's default transaction limit is 128 operations. */
export const STORAGE_BATCH_CHANGES_MAX = 100;
/** Most entries that one list call returns. */
export const STORAGE_LIST_ENTRIES_MAX = 100_000;
/** Default request time, milliseconds. Vault's `default_max_request_duration`. */
export const REQUEST_DURATION_MS_MAX = 90_000;
