// Writes the operator's log with pino: one JSON object, or one readable line, for each event.

import { destination, type Logger as Pino, pino } from 'pino';
import type { LogFields, Logger } from '../base/log.ts';
import { type LogLevel, LogLevels } from './log-levels.ts';

export type { LogLevel };
export type LogFormat = 'standard' | 'json';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where the lines go; default: standard error, written at once, so that a crash loses none. */
  readonly stream?: { write(line: string): void };
}

export interface AdjustableLogger extends Logger {
  /** Of each room that a child was made for. */
  readonly levels: LogLevels;
  /** What the configuration says: holds for all children as well. */
  setLevel(level: LogLevel): void;
}

/** Names of our own members in a JSON line; a field of that name gets an underscore behind it. */
const RESERVED = new Set(['time', 'level', 'room', 'message']);

export function createLogger(options: LogOptions): AdjustableLogger {
  const out = options.stream ?? destination({ dest: 2, sync: true });
  const stream =
    options.format === 'json' ? out : { write: (line: string) => void out.write(readable(line)) };
  // The threshold is kept here, not in pino, whose children keep the level they were born with.
  const levels = new LogLevels(options.level);
  const backend = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const setLevel = (level: LogLevel) => levels.configure(level);
  return { ...roomLogger(backend, levels, undefined), levels, setLevel };
}

function roomLogger(backend: Pino, levels: LogLevels, name: string | undefined): Logger {
  if (name !== undefined) levels.enter(name);
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (!levels.isShown(level, name)) return;
    backend[level](fields === undefined ? {} : safeNames(fields), message);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (room) => roomLogger(backend.child({ room }), levels, room),
  };
}

function safeNames(fields: LogFields): LogFields {
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]));
}

/** `2026-01-31T12:00:00.000Z [INFO]  core: unsealed: seal=azure took_ms=412` */
function readable(line: string): string {
  const { time, level, room, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = `[${String(level).toUpperCase()}]`.padEnd(7);
  const where = room === undefined ? '' : `${oneLine(String(room))}: `;
  const pairs = Object.entries(fields).map(([name, value]) => `${oneLine(name)}=${quoted(String(value))}`);
  const tail = pairs.length === 0 ? '' : `: ${pairs.join(' ')}`;
  return `${String(time)} ${label} ${where}${oneLine(String(message))}${tail}\n`;
}

function quoted(value: string): string {
  return /^[\p{L}\p{N}_.,:;/@+*%()[\]{}<>~^!?&$#|-]+$/u.test(value) ? value : oneLine(JSON.stringify(value));
}

/** Nothing in a value may start a line of its own or drive a terminal. */
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
