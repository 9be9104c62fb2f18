// Calls to an etcd cluster: to the next member where one fails, within one deadline, signed in where need be.

import { readFile } from 'node:fs/promises';
import { LatchkeyError } from '../../base/errors.ts';
import { inWords } from './etcd-words.ts';
import { GrpcChannel, GrpcFault, STATUS, type TlsMaterial } from './grpc-channel.ts';
import {
  authenticateRequest,
  grantRequest,
  leaseRequest,
  METHODS,
  type RangeAnswer,
  type RangeQuestion,
  rangeRequest,
  readLease,
  readRange,
  readToken,
  readTxn,
  type TxnAnswer,
  txnRequest,
} from './messages.ts';

export interface EtcdConnection {
  /** `http://host:port` or `https://host:port`, one or more members of one cluster. */
  readonly endpoints: readonly string[];
  /** PEM files, read anew for each connection. */
  readonly tlsCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly username?: string;
  /** A secret. */
  readonly password?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** `isRepeated`: an earlier try of the same request was sent and not answered, and may have been applied before. */
export type TriedTxn = TxnAnswer & { readonly isRepeated: boolean };

interface Answer {
  readonly bytes: Buffer;
  readonly isRepeated: boolean;
}

/** A try gets this part of the time that is left for the call, but not less than the minimum, milliseconds. */
const TRY_SHARE = 1 / 3;
const TRY_MS_MIN = 200;
const PAUSE_MS = 50;

/**
 * A call that fails may have been applied nevertheless, now or later, and may be sent more than once: each request has
 * to bear that.
 */
export class EtcdClient {
  readonly #connection: EtcdConnection;
  readonly #msMax: number;
  readonly #channels: readonly GrpcChannel[];
  readonly #closing = new AbortController();
  /** Which channel is used: the last that answered. */
  #at = 0;
  #token: Promise<string> | undefined;

  /** `msMax`: for one call with all its tries. */
  constructor(connection: EtcdConnection, msMax: number) {
    this.#connection = connection;
    this.#msMax = msMax;
    const readTls = () => tlsMaterial(connection);
    this.#channels = connection.endpoints.map((origin) => new GrpcChannel({ origin, readTls }));
  }

  async range(question: RangeQuestion): Promise<RangeAnswer> {
    return this.#read(readRange, await this.#call(METHODS.range, rangeRequest(question)));
  }

  /** `txnRequest`'s parts. @throws LatchkeyError storage_unavailable: outcome unknown. */
  async txn(
    conditions: readonly Buffer[],
    then: readonly Buffer[],
    otherwise: readonly Buffer[],
    options: CallOptions = {},
  ): Promise<TriedTxn> {
    const request = txnRequest(conditions, then, otherwise);
    const answer = await this.#call(METHODS.txn, request, options);
    return { ...this.#read(readTxn, answer), isRepeated: answer.isRepeated };
  }

  async grantLease(seconds: number): Promise<{ readonly id: bigint; readonly seconds: number }> {
    return this.#read(readLease, await this.#call(METHODS.leaseGrant, grantRequest(seconds)));
  }

  /** 0 seconds: the lease is gone. `raftTerm`: of the member that passed the renewal on, from before it did. */
  async keepLease(id: bigint): Promise<{ readonly seconds: number; readonly raftTerm: number }> {
    // The method is a stream; one message to and fro, and it ends.
    return this.#read(readLease, await this.#call(METHODS.leaseKeepAlive, leaseRequest(id)));
  }

  /** Removes the keys that hang on it. Does nothing if it is gone. */
  async revokeLease(id: bigint): Promise<void> {
    try {
      await this.#call(METHODS.leaseRevoke, leaseRequest(id));
    } catch (error) {
      if (!(error instanceof LatchkeyError && /lease not found/.test(faultOf(error)?.message ?? '')))
        throw error;
    }
  }

  close(): void {
    this.#closing.abort(new LatchkeyError('storage_unavailable', 'the storage is closed'));
    for (const channel of this.#channels) channel.close();
  }

  async #call(path: string, message: Uint8Array, options: CallOptions = {}): Promise<Answer> {
    const closing = this.#closing.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const end = performance.now() + this.#msMax;
    /** Members in a row that could not be reached. */
    let unreached = 0;
    let isRepeated = false;
    for (;;) {
      const at = this.#at;
      const msLeft = end - performance.now();
      try {
        const msMax = Math.min(msLeft, Math.max(TRY_MS_MIN, this.#msMax * TRY_SHARE));
        const bytes = await this.#once(at, path, message, Math.max(1, Math.ceil(msMax)), signal);
        return { bytes, isRepeated };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!(error instanceof GrpcFault) || !mayPass(error)) throw this.#inWords(error);
        isRepeated ||= !error.isUnconnected;
        if (this.#at === at) this.#at = (at + 1) % this.#channels.length;
        unreached = isUnreached(error) ? unreached + 1 : 0;
        const isLate = performance.now() + PAUSE_MS + TRY_MS_MIN / 2 > end;
        if (isLate || unreached >= this.#channels.length) throw this.#inWords(error);
        if (unreached === 0) await pause(PAUSE_MS, signal);
      }
    }
  }

  async #once(
    at: number,
    path: string,
    message: Uint8Array,
    msMax: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const channel = this.#channels[at];
    if (channel === undefined) throw new LatchkeyError('config_invalid', 'storage "etcd" has no address');
    const { username, password = '' } = this.#connection;
    if (username === undefined) return channel.unary(path, message, { msMax, signal });
    for (let isSecond = false; ; isSecond = true) {
      const signIn = async () => {
        const request = authenticateRequest(username, password);
        return readToken(await channel.unary(METHODS.authenticate, request, { msMax, signal }));
      };
      this.#token ??= signIn();
      const token = this.#token;
      try {
        return await channel.unary(path, message, { msMax, signal, metadata: { token: await token } });
      } catch (error) {
        const isStale = error instanceof GrpcFault && isStaleToken(error);
        const failed = await token.then(() => false).catch(() => true);
        if (this.#token === token && (isStale || failed)) this.#token = undefined;
        if (!isStale || isSecond) throw error;
      }
    }
  }

  #read<T>(read: (bytes: Buffer) => T, { bytes }: Answer): T {
    try {
      return read(bytes);
    } catch (error) {
      throw this.#inWords(new GrpcFault(STATUS.internal, 'the answer cannot be read', { cause: error }));
    }
  }

  #inWords(error: unknown): unknown {
    if (!(error instanceof GrpcFault)) return error;
    return inWords(error, this.#connection.endpoints);
  }
}

function faultOf(error: unknown): GrpcFault | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof GrpcFault ? cause : undefined;
}

/** Another member, or this one a moment later, may do it. What is not among these is etcd's own refusal. */
function mayPass({ status }: GrpcFault): boolean {
  const { unavailable, deadlineExceeded, unknown, internal, cancelled } = STATUS;
  return [unavailable, deadlineExceeded, unknown, internal, cancelled].some((passing) => passing === status);
}

/** Refused or unknown, as against slow. */
function isUnreached(fault: GrpcFault): boolean {
  return fault.isUnconnected && fault.status === STATUS.unavailable;
}

function isStaleToken({ status, message }: GrpcFault): boolean {
  return status === STATUS.unauthenticated || /revision of auth store is old/.test(message);
}

async function tlsMaterial({ tlsCaFile, tlsCertFile, tlsKeyFile }: EtcdConnection): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all(
    [tlsCaFile, tlsCertFile, tlsKeyFile].map((file) =>
      file === undefined ? undefined : readFile(file, 'utf8'),
    ),
  );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
