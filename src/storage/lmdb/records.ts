import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import type { LeaseRecord } from '../lease-election.ts';
import type { LmdbEnvironment, Reader } from './environment.ts';

// What lies in the environment. The first byte of a key says whose it is: 1 for our own records, 2 for values.

const OWN = 1;
const VALUE = 2;
const FORMAT_VERSION = 1;

/** The format's version as decimal text. */
const FORMAT_KEY = ownKey('format');
/** The newest epoch as decimal text: read by every write, so it lies apart from the lease. */
export const EPOCH_KEY = ownKey('epoch');
/** The lease record as JSON. */
export const LEASE_KEY = ownKey('lease');

/** Where the value of a storage key or the start of a prefix lies. */
export function valueKey(key: string): Buffer {
  return Buffer.concat([Buffer.of(VALUE), Buffer.from(key)]);
}

/** The first key after all values. */
export const VALUES_END = Buffer.of(VALUE + 1);

function ownKey(name: string): Buffer {
  return Buffer.concat([Buffer.of(OWN), Buffer.from(name)]);
}

/**
 * Marks an empty environment as ours, or checks the mark.
 * @throws LatchkeyError storage_corrupt if the environment is another program's or of a newer format.
 */
export async function checkFormat(environment: LmdbEnvironment): Promise<void> {
  const judge = (reader: Reader): 'empty' | 'ours' => {
    const format = reader.get(FORMAT_KEY);
    if (format !== undefined) {
      if (format.toString() === String(FORMAT_VERSION)) return 'ours';
      throw new LatchkeyError(
        'storage_corrupt',
        'the storage is of a format that this version does not know',
      );
    }
    for (const _ of reader.getKeys({ limit: 1 })) {
      throw new LatchkeyError('storage_corrupt', 'the storage folder holds the data of another program');
    }
    return 'empty';
  };
  if (environment.read(judge) === 'ours') return;
  await environment.transact((writer) => {
    // Another node may have been first.
    if (judge(writer) === 'empty') writer.putSync(FORMAT_KEY, Buffer.from(String(FORMAT_VERSION)));
  });
}

/** Zero before the first election. */
export function readEpoch(reader: Reader): number {
  const stored = reader.get(EPOCH_KEY);
  if (stored === undefined) return 0;
  const epoch = Number(stored.toString());
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw damaged('the epoch');
  return epoch;
}

export function readLease(reader: Reader): LeaseRecord | undefined {
  const stored = reader.get(LEASE_KEY);
  if (stored === undefined) return undefined;
  try {
    return parseLease(parseJson(fromUtf8(stored)));
  } catch (error) {
    throw damaged('the lease', error);
  }
}

export function encodeLease(lease: LeaseRecord): Buffer {
  return Buffer.from(utf8(JSON.stringify(lease)));
}

function parseLease(value: JsonValue): LeaseRecord {
  const { epoch, holder } = asObject(value);
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch)) throw new TypeError('epoch');
  if (holder === undefined) return { epoch };
  const { advert, expiresAt, owner } = asObject(holder);
  const { nodeId, apiAddress, clusterAddress } = asObject(advert);
  if (typeof expiresAt !== 'number') throw new TypeError('expiry');
  return {
    epoch,
    holder: {
      expiresAt,
      owner: asText(owner),
      advert: {
        nodeId: asText(nodeId),
        apiAddress: asText(apiAddress),
        clusterAddress: asText(clusterAddress),
      },
    },
  };
}

function asObject(value: JsonValue | undefined): Partial<JsonObject> {
  if (!isObject(value)) throw new TypeError('not an object');
  return value;
}

function asText(value: JsonValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError('not a text');
  return value;
}

function damaged(what: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('storage_corrupt', `${what} in the storage is damaged`, { cause });
}
