// Where things lie in etcd.

export interface EtcdKeys {
  /** Says which format the rest has. */
  readonly format: string;
  /** The newest epoch, decimal. Has no lease: it only grows. */
  readonly epoch: string;
  /** Hangs on the leader's lease, and is there for as long as somebody leads. */
  readonly lock: string;
  /** Moved by every write. Holds the name of the last one. */
  readonly write: string;
  /** Before each entry's key. */
  readonly data: string;
}

/** `prefix` ends in `/`. */
export function keysBelow(prefix: string): EtcdKeys {
  return {
    format: `${prefix}format`,
    epoch: `${prefix}lead/epoch`,
    lock: `${prefix}lead/lock`,
    write: `${prefix}lead/write`,
    data: `${prefix}data/`,
  };
}

/** The first key that does not begin with `folder`, which ends in `/`: `0` follows `/`. */
export function endOf(folder: string): string {
  return `${folder.slice(0, -1)}0`;
}
