// Audit lines over a TCP or Unix socket. A line counts when the kernel took it; nobody can say that it was read.

import { connect, type Socket } from 'node:net';
import { parseDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { AuditSink, AuditSinkType } from '../device.ts';

const TIMEOUT_MS_DEFAULT = 2_000;

/** Options `address` (host:port, or a path), `socket_type` (tcp, unix; default tcp), `write_timeout` (default 2s). */
export const socketSinkType: AuditSinkType = {
  type: 'socket',
  async open(options) {
    const kind = options['socket_type'] ?? 'tcp';
    if (kind !== 'tcp' && kind !== 'unix') {
      throw new LatchkeyError('bad_request', "audit device socket: 'socket_type' must be tcp or unix");
    }
    const timeoutMs = parseDuration(options['write_timeout'] ?? '') ?? TIMEOUT_MS_DEFAULT;
    const sink = new SocketSink(targetOf(kind, options['address'] ?? ''), timeoutMs);
    await sink.reopen().catch((cause: unknown) => {
      throw new LatchkeyError('bad_request', "audit device socket: 'address' cannot be connected to", {
        cause,
      });
    });
    return sink;
  },
};

type Target = { readonly host: string; readonly port: number } | { readonly path: string };

function targetOf(kind: 'tcp' | 'unix', address: string): Target {
  if (kind === 'unix' && address.startsWith('/')) return { path: address };
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (kind === 'unix' || host === undefined) {
    throw new LatchkeyError(
      'bad_request',
      "audit device socket: 'address' must be host:port, or a path for unix",
    );
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

class SocketSink implements AuditSink {
  readonly #target: Target;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;

  constructor(target: Target, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
  }

  /** A broken connection is tried once anew, so that a restarted collector costs no request. */
  async write(line: string): Promise<void> {
    try {
      await this.#send(line);
    } catch {
      await this.reopen();
      await this.#send(line);
    }
  }

  async reopen(): Promise<void> {
    this.#socket?.destroy();
    this.#socket = undefined;
    const socket = connect(this.#target);
    await this.#within(
      new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject);
      }),
      socket,
    );
    // Found out by the next write; unheard it would end the process.
    socket.on('error', () => socket.destroy());
    socket.unref();
    this.#socket = socket;
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #send(line: string): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed || socket.readyState !== 'open') {
      return Promise.reject(new Error('the socket is not connected'));
    }
    const sent = new Promise<void>((resolve, reject) => {
      socket.write(line, (error) => (error ? reject(error) : resolve()));
    });
    return this.#within(sent, socket);
  }

  async #within(work: Promise<void>, socket: Socket): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('the socket did not take it in time')), this.#timeoutMs);
    try {
      await Promise.race([work, late]);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
