// What an audit device is: a place that takes lines. Each kind lives in a folder of its own.

export interface AuditSink {
  /** Resolves when the line (ending in a newline) is where it must be. Rejects if it is not, whatever the reason. */
  write(line: string): Promise<void>;
  /** After SIGHUP: a rotated file is opened anew. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface AuditSinkType {
  /** `file`, `stdout`, `socket`. */
  readonly type: string;
  /**
   * Opens and tries the place, so that a device that cannot work is refused when it is enabled.
   * @throws LatchkeyError bad_request naming the option at fault.
   */
  open(options: Readonly<Record<string, string>>): Promise<AuditSink>;
}
