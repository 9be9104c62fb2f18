// The messages of etcd's API that this storage uses. Source: etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.

import { ProtoMessage, ProtoWriter } from './protobuf.ts';

export const METHODS = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  authenticate: '/etcdserverpb.Auth/Authenticate',
} as const;

export interface KeyValue {
  readonly key: string;
  /** A slice of the answer. */
  readonly value: Buffer;
  /** The revision of the whole store at which it was last put. */
  readonly modRevision: number;
}

/** Of the member that answered. */
interface Header {
  /** The store's revision, after a transaction that wrote. */
  readonly revision: number;
  readonly raftTerm: number;
}

export interface RangeAnswer extends Header {
  readonly found: readonly KeyValue[];
  /** There is more in the range than was asked for. */
  readonly hasMore: boolean;
}

export interface TxnAnswer extends Header {
  readonly succeeded: boolean;
  /** What each `range` of the branch that ran has found, in order. */
  readonly found: readonly (readonly KeyValue[])[];
}

export interface RangeQuestion {
  readonly key: string;
  /** The first key after the range; without it `key` alone is meant. */
  readonly end?: string;
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

/** Linearizable, as etcd answers unless asked otherwise. */
export function rangeRequest({ key, end, limit = 0, keysOnly = false }: RangeQuestion): Buffer {
  const writer = new ProtoWriter().bytes(1, key);
  if (end !== undefined) writer.bytes(2, end);
  return writer
    .number(3, limit)
    .number(8, keysOnly ? 1 : 0)
    .finish();
}

const GREATER = 1;
const [CREATE, MOD, VALUE] = [1, 2, 3];

/** What has to hold for the first branch of a transaction. An absent key has the revision 0. */
export const holds = {
  exists: (key: string) => new ProtoWriter().number(1, GREATER).number(2, CREATE).bytes(3, key).finish(),
  absent: (key: string) => new ProtoWriter().number(2, CREATE).bytes(3, key).finish(),
  unchangedSince: (key: string, modRevision: number) =>
    new ProtoWriter().number(2, MOD).bytes(3, key).number(6, modRevision).finish(),
  value: (key: string, value: string) =>
    new ProtoWriter().number(2, VALUE).bytes(3, key).bytes(7, value).finish(),
};

/** What a branch of a transaction does. One key may be changed only once in it. */
export const act = {
  range: (question: RangeQuestion) => new ProtoWriter().bytes(1, rangeRequest(question)).finish(),
  put: (key: string, value: Uint8Array | string, lease = 0n) =>
    new ProtoWriter()
      .bytes(2, new ProtoWriter().bytes(1, key).bytes(2, value).number(3, lease).finish())
      .finish(),
  delete: (key: string) => new ProtoWriter().bytes(3, new ProtoWriter().bytes(1, key).finish()).finish(),
};

export function txnRequest(
  conditions: readonly Buffer[],
  then: readonly Buffer[],
  otherwise: readonly Buffer[],
): Buffer {
  const writer = new ProtoWriter();
  for (const [at, parts] of [conditions, then, otherwise].entries()) {
    for (const part of parts) writer.bytes(at + 1, part);
  }
  return writer.finish();
}

export function readRange(bytes: Buffer): RangeAnswer {
  const answer = new ProtoMessage(bytes);
  return { ...headerOf(answer), found: keyValues(answer), hasMore: answer.number(3) !== 0 };
}

export function readTxn(bytes: Buffer): TxnAnswer {
  const answer = new ProtoMessage(bytes);
  const ranges = answer.messages(3).filter((response) => response.all(1).length > 0);
  return {
    ...headerOf(answer),
    succeeded: answer.number(2) !== 0,
    found: ranges.map((response) => keyValues(response.message(1))),
  };
}

/** `seconds`: etcd may give more. It chooses the id. */
export function grantRequest(seconds: number): Buffer {
  return new ProtoWriter().number(1, seconds).finish();
}

/** Also of a keep-alive, where 0 seconds say that the lease is gone. */
export function readLease(bytes: Buffer): Header & { readonly id: bigint; readonly seconds: number } {
  const answer = new ProtoMessage(bytes);
  return { ...headerOf(answer), id: answer.big(2), seconds: answer.number(3) };
}

/** For a keep-alive and a revocation. */
export function leaseRequest(id: bigint): Buffer {
  return new ProtoWriter().number(1, id).finish();
}

export function authenticateRequest(name: string, password: string): Buffer {
  return new ProtoWriter().bytes(1, name).bytes(2, password).finish();
}

export function readToken(bytes: Buffer): string {
  return new ProtoMessage(bytes).one(2).toString();
}

function headerOf(answer: ProtoMessage): Header {
  const header = answer.message(1);
  return { revision: header.number(3), raftTerm: header.number(4) };
}

function keyValues(range: ProtoMessage): readonly KeyValue[] {
  return range.messages(2).map((found) => ({
    key: found.one(1).toString(),
    value: found.one(5),
    modRevision: found.number(3),
  }));
}
