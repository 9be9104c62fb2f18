import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, LatchkeyError } from '../../../base/errors.ts';
import {
  STORAGE_BATCH_CHANGES_MAX,
  STORAGE_KEY_BYTES_MAX,
  STORAGE_VALUE_BYTES_MAX,
} from '../../../base/limits.ts';
import type { Change, Fence, ListOptions, Storage, Unfenced } from '../../storage.ts';
import { unfenced } from '../../storage.ts';

// For tests: starts `peer-main.ts` and speaks with it, so that storage and election are tried between real processes.

export type PeerCall =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'list'; readonly prefix: string; readonly options?: ListOptions | undefined }
  | { readonly op: 'write'; readonly changes: readonly Change[]; readonly epoch?: number | undefined }
  /** As `write`, unfenced; once it is acknowledged the peer makes `file`, which a caller can see without awaiting. */
  | { readonly op: 'writeAndTouch'; readonly changes: readonly Change[]; readonly file: string }
  | { readonly op: 'pour'; readonly streams: number }
  | { readonly op: 'holdWriterLock'; readonly milliseconds: number }
  | { readonly op: 'campaign' | 'tryCampaign' | 'holds' | 'leader' | 'resign' | 'close' };

export interface PeerMessage {
  readonly id?: number;
  readonly value?: unknown;
  readonly failed?: ErrorCode;
  readonly message?: string;
  readonly ready?: true;
  readonly holding?: true;
  readonly panic?: string;
  /** Epoch of a lead that was lost. */
  readonly lost?: number;
  readonly acknowledged?: number;
  readonly epoch?: number;
}

export interface PeerOptions {
  readonly leaseMs?: number;
  readonly writeLimitMs?: number;
  /** The peer becomes this user before it opens the storage; only root can ask for it. */
  readonly uid?: number;
}

export class Peer {
  readonly process: ChildProcess;
  /** All that the peer said that answers no call. */
  readonly said: PeerMessage[] = [];
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  constructor(process: ChildProcess) {
    this.process = process;
    process.on('message', (message: PeerMessage) => this.#take(message));
    process.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the peer ended'));
    });
  }

  call(call: PeerCall): Promise<unknown> {
    const id = this.#calls++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    waiting.promise.catch(() => {});
    this.process.send({ ...call, id }, (error) => error && waiting.reject(error));
    return waiting.promise;
  }

  /** An epoch, or undefined if another node leads. */
  async epochOf(call: PeerCall): Promise<number | undefined> {
    const epoch = await this.call(call);
    return typeof epoch === 'number' ? epoch : undefined;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.process.kill(name);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  /** The peer's storage as if it were ours. */
  storage(): Storage {
    return {
      type: 'lmdb',
      limits: {
        keyBytesMax: STORAGE_KEY_BYTES_MAX,
        valueBytesMax: STORAGE_VALUE_BYTES_MAX,
        batchChangesMax: STORAGE_BATCH_CHANGES_MAX,
      },
      get: async (key) => (await this.call({ op: 'get', key })) as Uint8Array | undefined,
      list: async (prefix, options) => (await this.call({ op: 'list', prefix, options })) as string[],
      write: async (changes: readonly Change[], fence: Fence | Unfenced) => {
        await this.call({ op: 'write', changes, epoch: fence === unfenced ? undefined : fence.epoch });
      },
      close: () => this.kill(),
    };
  }

  #take(message: PeerMessage): void {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting === undefined) this.said.push(message);
    else if (message.failed === undefined) waiting.resolve(message.value);
    else waiting.reject(new LatchkeyError(message.failed, message.message ?? ''));
  }
}

/** Resolves once the peer has opened the storage; rejects with the peer's own error if it could not. */
export async function startPeer(path: string, options: PeerOptions = {}): Promise<Peer> {
  const { leaseMs = 1_000, writeLimitMs = 10_000, uid = '' } = options;
  // The test runner's mark would make the peer report as a test file of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = fork(
    fileURLToPath(import.meta.resolve('./peer-main.ts')),
    [path, String(leaseMs), String(writeLimitMs), String(uid)],
    {
      serialization: 'advanced',
      execArgv: [],
      env,
    },
  );
  const [first]: PeerMessage[] = await Promise.race([
    once(child, 'message') as Promise<PeerMessage[]>,
    once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the peer ended before it was ready: ${code ?? signal}`);
    }),
  ]);
  if (first?.ready) return new Peer(child);
  child.kill('SIGKILL');
  throw new LatchkeyError(first?.failed ?? 'internal', first?.message ?? 'the peer said something else');
}
