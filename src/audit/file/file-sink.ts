// Audit lines appended to a file. Lines that come while one is being written go out together with the next write.

import { type FileHandle, open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { LatchkeyError } from '../../base/errors.ts';
import type { AuditSink, AuditSinkType } from '../device.ts';
import { standardOutput } from '../standard-output.ts';

const MODE_DEFAULT = 0o600;
/** Lines that wait for a disk that does not answer, bytes; more are refused, and with them their requests. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

interface Waiting {
  readonly line: Buffer;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Options `file_path` (absolute; or `stdout`, or `discard` for nowhere, as in Vault) and `mode` (octal, default 0600;
 * `0000` keeps the file's own).
 */
export const fileSinkType: AuditSinkType = {
  type: 'file',
  async open(options) {
    const path = options['file_path'] ?? options['path'] ?? '';
    if (path === 'stdout') return standardOutput();
    if (path === 'discard') return nowhere;
    if (!isAbsolute(path)) {
      throw new LatchkeyError('bad_request', "audit device file: 'file_path' must be an absolute path");
    }
    const modeText = options['mode'] ?? '';
    if (!/^[0-7]{0,4}$/.test(modeText)) {
      throw new LatchkeyError('bad_request', "audit device file: 'mode' must be octal, such as 0600");
    }
    const mode = modeText === '' ? MODE_DEFAULT : Number.parseInt(modeText, 8);
    const sink = new FileSink(path, mode);
    await sink.reopen().catch((cause: unknown) => {
      throw new LatchkeyError('bad_request', `audit device file: ${path} cannot be opened for appending`, {
        cause,
      });
    });
    return sink;
  },
};

const nowhere: AuditSink = { write: async () => {}, reopen: async () => {}, close: async () => {} };

class FileSink implements AuditSink {
  readonly #path: string;
  readonly #mode: number;
  #handle: FileHandle | undefined;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, mode: number) {
    this.#path = path;
    this.#mode = mode;
  }

  write(text: string): Promise<void> {
    const line = Buffer.from(text);
    if (this.#queuedBytes + line.byteLength > QUEUE_BYTES_MAX) {
      return Promise.reject(new LatchkeyError('audit_refused', `${this.#path} takes lines too slowly`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ line, done: resolve, failed: reject });
    this.#queuedBytes += line.byteLength;
    if (this.#queue.length === 1) this.#inTurn(() => this.#flush());
    return promise;
  }

  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const fresh = await open(this.#path, 'a', this.#mode === 0 ? MODE_DEFAULT : this.#mode);
      if (this.#mode !== 0) await fresh.chmod(this.#mode);
      const old = this.#handle;
      this.#handle = fresh;
      await old?.close();
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      const handle = this.#handle;
      this.#handle = undefined;
      await handle?.close();
    });
  }

  /** One thing at a time on the handle, in order. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const run = this.#turn.then(act);
    this.#turn = run.catch(() => {});
    return run;
  }

  async #flush(): Promise<void> {
    const batch = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    try {
      if (this.#handle === undefined) throw new LatchkeyError('audit_refused', `${this.#path} is closed`);
      await this.#handle.appendFile(Buffer.concat(batch.map((waiting) => waiting.line)));
      for (const waiting of batch) waiting.done();
    } catch (error) {
      for (const waiting of batch) waiting.failed(error);
    }
  }
}
