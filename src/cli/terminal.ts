// The three streams of a command: lines out, warnings and errors beside them, answers in.

import type { Readable, Writable } from 'node:stream';
import { REQUEST_BODY_BYTES_MAX } from '../base/limits.ts';
import { CommandFailure, UsageError } from './failure.ts';

/** What `process.stdin` has if it is a terminal. */
interface RawReadable extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

/** Longest line typed or piped at a prompt, characters. */
const ANSWER_CHARACTERS_MAX = 64 * 1024;

export interface TerminalStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** True if `stdout` is a terminal. */
  readonly isTty: boolean;
}

export class Terminal {
  readonly isTty: boolean;
  readonly #stdin: RawReadable;
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  #stdinTaken = false;
  #inputForbidden = false;

  constructor(streams: TerminalStreams) {
    this.isTty = streams.isTty;
    this.#stdin = streams.stdin;
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
  }

  print(text: string): void {
    this.#stdout.write(`${this.#harmless(text)}\n`);
  }

  /** A single value: with a line end for a person, without one for a program. */
  printRaw(text: string): void {
    this.#stdout.write(this.isTty ? `${text}\n` : text);
  }

  warn(text: string): void {
    this.#stderr.write(`${this.#harmless(text)}\n`);
  }

  /** From here on, whatever would prompt or read stdin fails (`-non-interactive`). */
  forbidInput(): void {
    this.#inputForbidden = true;
  }

  /**
   * Asks for a secret. On a terminal nothing is echoed; else one line is read. The label goes to stderr, so that
   * stdout holds the answer alone.
   */
  async askHidden(label: string): Promise<string> {
    this.#refuseForbidden();
    if (this.#stdin.isTTY !== true || this.#stdin.setRawMode === undefined) {
      return firstLine(await this.readAll(ANSWER_CHARACTERS_MAX));
    }
    // Raw mode first: what is typed or pasted in the moment after the label must not be echoed by the terminal.
    this.#stdin.setRawMode(true);
    try {
      this.#stderr.write(label);
      return await typedLine(this.#stdin);
    } finally {
      this.#stdin.setRawMode(false);
      this.#stdin.pause();
      this.#stderr.write('\n');
    }
  }

  /** All of stdin; a second reader would get nothing, and is told so. */
  async readAll(bytesMax: number = REQUEST_BODY_BYTES_MAX): Promise<string> {
    this.#refuseForbidden();
    if (this.#stdinTaken) throw new UsageError('stdin was read already: "-" can be used once');
    this.#stdinTaken = true;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.#stdin) {
      const part = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      bytes += part.byteLength;
      if (bytes > bytesMax) throw new UsageError(`stdin holds more than ${bytesMax} bytes`);
      chunks.push(part);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #refuseForbidden(): void {
    if (this.#inputForbidden) throw new UsageError('-non-interactive forbids to prompt and to read stdin');
  }

  /** A stored value must not drive the reader's terminal: control characters are shown, not sent. */
  #harmless(text: string): string {
    if (!this.isTty) return text;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (control) => {
      return `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
    });
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

/** Collects keys in raw mode up to Enter. Backspace and Ctrl-U edit; Ctrl-C and Ctrl-D give up. */
function typedLine(stdin: Readable): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = '';
  const onData = (chunk: Buffer | string) => {
    for (const key of chunk.toString('utf8')) {
      if (key === '\r' || key === '\n') return resolve(line);
      if (key === '\x03' || (key === '\x04' && line === '')) return reject(interrupted());
      if (key === '\x15') line = '';
      else if (key === '\x7f' || key === '\b') line = line.slice(0, -1);
      else if (key >= ' ' && line.length < ANSWER_CHARACTERS_MAX) line += key;
    }
  };
  const onEnd = () => reject(interrupted());
  stdin.on('data', onData);
  stdin.once('end', onEnd);
  stdin.resume();
  return promise.finally(() => {
    stdin.off('data', onData);
    stdin.off('end', onEnd);
  });
}

function interrupted(): CommandFailure {
  return new CommandFailure(1, 'interrupted');
}
