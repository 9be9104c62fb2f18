// What kv version 2 knows of a secret beside its versions' data, and how its window of versions moves. Pure.

import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { corrupt, decodeRecord, encodeRecord } from './records.ts';

/** Most versions that a secret may keep: its metadata are one record, written again with each version. */
export const VERSIONS_MAX = 1_000;
/** How many are kept if neither the mount nor the secret says so. Vault's default. */
export const VERSIONS_DEFAULT = 10;

/** All times are milliseconds since the epoch. */
export interface VersionInfo {
  readonly createdAt: number;
  /** When it was, or will be, deleted. */
  readonly deletedAt: number | undefined;
  /** Its data are gone for good. */
  readonly destroyed: boolean;
}

export interface KeyMetadata {
  /** Random; the versions' data lie under it. A secret that is made anew never meets old data. */
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** 0 before the first version. */
  readonly current: number;
  /** Lowest number that is kept; 0 until one had to go. */
  readonly oldest: number;
  /** 0: as the mount says. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** Seconds; 0: as the mount says. */
  readonly deleteAfterSeconds: number;
  readonly custom: Readonly<Record<string, string>> | undefined;
  /** By number, ascending. */
  readonly versions: ReadonlyMap<number, VersionInfo>;
}

export interface VersionRules {
  readonly maxVersions: number;
  readonly deleteAfterSeconds: number;
}

export function newMetadata(id: string, now: number): KeyMetadata {
  return {
    id,
    createdAt: now,
    updatedAt: now,
    current: 0,
    oldest: 0,
    maxVersions: 0,
    casRequired: false,
    deleteAfterSeconds: 0,
    custom: undefined,
    versions: new Map(),
  };
}

/** As answers show it: null if there is none. */
export function describeCustom({ custom }: KeyMetadata): JsonObject | null {
  return custom === undefined || Object.keys(custom).length === 0 ? null : { ...custom };
}

/** Versions that must go before the next one comes. */
export function overdue(metadata: KeyMetadata, rules: VersionRules): number[] {
  const lowest = lowestKept(metadata, rules, metadata.current + 1);
  return [...metadata.versions.keys()].filter((number) => number < lowest);
}

/** Without `dropped`, the lowest numbers there are, ascending. */
export function withoutOldest(metadata: KeyMetadata, dropped: readonly number[]): KeyMetadata {
  const versions = new Map(metadata.versions);
  for (const number of dropped) versions.delete(number);
  return { ...metadata, versions, oldest: Math.max(metadata.oldest, (dropped.at(-1) ?? -1) + 1) };
}

/** With one version more, at the end. */
export function withNewVersion(metadata: KeyMetadata, rules: VersionRules, now: number): KeyMetadata {
  const current = metadata.current + 1;
  const version = { createdAt: now, deletedAt: deletionTime(metadata, rules, now), destroyed: false };
  const versions = new Map([...metadata.versions, [current, version]]);
  const oldest = Math.max(metadata.oldest, lowestKept(metadata, rules, current));
  return { ...metadata, current, oldest, updatedAt: now, versions };
}

/** The larger limit of mount and secret counts, as with Vault. */
function lowestKept(metadata: KeyMetadata, rules: VersionRules, current: number): number {
  const kept = Math.max(metadata.maxVersions, rules.maxVersions) || VERSIONS_DEFAULT;
  return Math.max(0, current - kept + 1);
}

/** The shorter of the mount's and the secret's time to live; undefined if neither sets one. */
export function deletionTime(metadata: KeyMetadata, rules: VersionRules, now: number): number | undefined {
  const lives = [metadata.deleteAfterSeconds, rules.deleteAfterSeconds].filter((seconds) => seconds > 0);
  return lives.length === 0 ? undefined : now + Math.min(...lives) * 1_000;
}

/** With `change` applied to those of `numbers` that exist; what it returns unchanged stays. */
export function withVersions(
  metadata: KeyMetadata,
  numbers: readonly number[],
  change: (version: VersionInfo) => VersionInfo,
): KeyMetadata {
  const versions = new Map(metadata.versions);
  for (const number of numbers) {
    const version = versions.get(number);
    if (version !== undefined) versions.set(number, change(version));
  }
  return { ...metadata, versions };
}

/** True if a read may not give its data now. */
export function isGone(version: VersionInfo, now: number): boolean {
  return version.destroyed || (version.deletedAt !== undefined && version.deletedAt <= now);
}

export function encodeMetadata(metadata: KeyMetadata): Uint8Array {
  const { versions, custom, ...rest } = metadata;
  const rows = [...versions].map(([number, { createdAt, deletedAt, destroyed }]): JsonValue[] => [
    number,
    createdAt,
    deletedAt ?? null,
    destroyed,
  ]);
  return encodeRecord({ ...rest, custom: custom === undefined ? null : { ...custom }, versions: rows });
}

/** @throws LatchkeyError storage_corrupt if one member is not as `encodeMetadata` writes it. */
export function decodeMetadata(bytes: Uint8Array): KeyMetadata {
  const record = decodeRecord(bytes, WHAT);
  const { id, casRequired, versions } = record;
  if (typeof id !== 'string' || !/^[0-9A-Za-z]+$/.test(id)) throw corrupt(WHAT, 'id');
  if (typeof casRequired !== 'boolean') throw corrupt(WHAT, 'casRequired');
  if (!Array.isArray(versions)) throw corrupt(WHAT, 'versions');
  return {
    id,
    casRequired,
    createdAt: count(record['createdAt'], 'createdAt'),
    updatedAt: count(record['updatedAt'], 'updatedAt'),
    current: count(record['current'], 'current'),
    oldest: count(record['oldest'], 'oldest'),
    maxVersions: count(record['maxVersions'], 'maxVersions'),
    deleteAfterSeconds: count(record['deleteAfterSeconds'], 'deleteAfterSeconds'),
    custom: customOf(record),
    versions: new Map(versions.map(decodeRow)),
  };
}

const WHAT = 'metadata of a secret';

function decodeRow(row: JsonValue): [number, VersionInfo] {
  if (!Array.isArray(row) || row.length !== 4) throw corrupt(WHAT, 'a version');
  const [number, createdAt, deletedAt, destroyed] = row;
  if (typeof destroyed !== 'boolean') throw corrupt(WHAT, 'destroyed of a version');
  const info = {
    createdAt: count(createdAt, 'createdAt of a version'),
    deletedAt: deletedAt === null ? undefined : count(deletedAt, 'deletedAt of a version'),
    destroyed,
  };
  return [count(number, 'number of a version'), info];
}

function customOf(record: JsonObject): Record<string, string> | undefined {
  const custom = record['custom'];
  if (custom === null) return undefined;
  if (!isObject(custom)) throw corrupt(WHAT, 'custom');
  for (const value of Object.values(custom)) if (typeof value !== 'string') throw corrupt(WHAT, 'custom');
  return custom as Record<string, string>;
}

function count(value: JsonValue | undefined, member: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt(WHAT, member);
}
