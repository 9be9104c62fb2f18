// What a room may say to the operator. The writer behind it is chosen in main.ts.

/** Values that a log line may carry. Deliberately not `unknown`: an object could hide a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that puts `room` on every line. */
  child(room: string): Logger;
}

/** Says nothing; for tests that look at other things. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
