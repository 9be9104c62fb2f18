// How much each room says: a level for all, and others for some, changed while the server runs.

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Most rooms that are kept by name; a room beyond them follows the level of all. One is the path of a mount. */
const ROOMS_MAX = 10_000;

export class LogLevels {
  #configured: LogLevel;
  #forAll: LogLevel;
  /** Rooms that have spoken or may; undefined follows the level of all. */
  readonly #rooms = new Map<string, LogLevel | undefined>();

  constructor(level: LogLevel) {
    this.#configured = level;
    this.#forAll = level;
  }

  /** What the configuration says, whatever was set since. */
  get configured(): LogLevel {
    return this.#configured;
  }

  /** The configuration was read again: it holds for all rooms. */
  configure(level: LogLevel): void {
    this.#configured = level;
    this.setAll(level);
  }

  /** A room is there, so that it can be named. */
  enter(room: string): void {
    if (!this.#rooms.has(room) && this.#rooms.size < ROOMS_MAX) this.#rooms.set(room, undefined);
  }

  /** `room` is undefined for what is said outside of every room. */
  isShown(level: LogLevel, room: string | undefined): boolean {
    const threshold = (room === undefined ? undefined : this.#rooms.get(room)) ?? this.#forAll;
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
  }

  /** Of every room, by name. */
  get all(): ReadonlyMap<string, LogLevel> {
    return new Map([...this.#rooms].map(([room, level]) => [room, level ?? this.#forAll]));
  }

  /** For all rooms, those with a level of their own as well. */
  setAll(level: LogLevel): void {
    this.#forAll = level;
    for (const room of this.#rooms.keys()) this.#rooms.set(room, undefined);
  }

  /** False if there is no such room. */
  setRoom(room: string, level: LogLevel): boolean {
    if (!this.#rooms.has(room)) return false;
    this.#rooms.set(room, level);
    return true;
  }
}
