// Keeps every line that a room logs, with its level, so that a test can look for what must be there, and for what must not.

import type { LogFields, Logger } from '../../src/base/log.ts';

export class RecordingLogger implements Logger {
  readonly lines: { readonly level: string; readonly text: string }[] = [];

  debug = this.#writer('debug');
  info = this.#writer('info');
  warn = this.#writer('warn');
  error = this.#writer('error');

  child(): Logger {
    return this;
  }

  #writer(level: string) {
    return (message: string, fields: LogFields = {}) => {
      this.lines.push({ level, text: `${message} ${JSON.stringify(fields)}` });
    };
  }
}
