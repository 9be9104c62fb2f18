// What a node says of itself and its machine, beside metrics: sys/config/state/sanitized, sys/host-info, sys/loggers.
// Vault's API pages /api-docs/system/{config-state,host-info,loggers}. Each node answers for itself.

import { LatchkeyError } from '../base/errors.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { LogLevel, LogPort, ProcessPort } from './ports.ts';

const LEVEL = { level: { type: 'string', help: 'debug, info, warn or error.' } } as const;
const NAME = { name: { type: 'string', help: 'Of the logger, as sys/loggers lists it.' } } as const;

/** What Vault takes; there is nothing below `debug` here. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
};

export function stateRoutes(port: ProcessPort): readonly Route[] {
  return [
    {
      pattern: 'config/state/sanitized',
      local: true,
      operations: { read: async () => ({ data: port.config() }) },
      help: 'The configuration of this node, without what is secret.',
    },
    {
      pattern: 'host-info',
      local: true,
      operations: { read: async () => ({ data: await port.hostInfo() }) },
      help: 'The machine that this node runs on.',
    },
    ...loggerRoutes(port.log),
  ];
}

function loggerRoutes(log: LogPort): readonly Route[] {
  return [
    {
      pattern: 'loggers',
      local: true,
      operations: {
        read: async () => ({ data: Object.fromEntries(log.levels()) }),
        update: async ({ input }) => {
          log.setAll(levelOf(readFields(LEVEL, input).level));
          return {};
        },
        delete: async () => {
          log.setAll(undefined);
          return {};
        },
      },
      fields: LEVEL,
      help: 'How much each logger of this node says. Deleting brings the configured level back; a restart does as well.',
    },
    {
      pattern: 'loggers/{name*}',
      local: true,
      operations: {
        read: async (request) => readOne(log, request),
        update: async (request) => {
          setOne(log, request, levelOf(readFields(LEVEL, request.input).level));
          return {};
        },
        delete: async (request) => {
          setOne(log, request, undefined);
          return {};
        },
      },
      fields: { ...NAME, ...LEVEL },
      help: 'How much one logger of this node says.',
    },
  ];
}

function readOne(log: LogPort, request: Request): Response {
  const name = nameOf(log, request);
  const level = log.levels().get(name);
  return { data: level === undefined ? {} : { [name]: level } };
}

function setOne(log: LogPort, request: Request, level: LogLevel | undefined): void {
  const name = nameOf(log, request);
  if (!log.setRoom(name, level)) {
    throw new LatchkeyError('bad_request', `logger ${JSON.stringify(name)} not found`);
  }
}

/** The loggers of mounts are named like them, with a slash at the end that no path of the API may have. */
function nameOf(log: LogPort, { params }: Request): string {
  const name = params['name'] ?? '';
  if (name === '') throw new LatchkeyError('bad_request', 'name is empty');
  const levels = log.levels();
  return !levels.has(name) && levels.has(`${name}/`) ? `${name}/` : name;
}

function levelOf(text: string | undefined): LogLevel {
  if (text === undefined) throw new LatchkeyError('bad_request', 'level is required');
  if (text === '') throw new LatchkeyError('bad_request', 'level is empty');
  const level = Object.hasOwn(LEVELS, text.toLowerCase()) ? LEVELS[text.toLowerCase()] : undefined;
  if (level !== undefined) return level;
  throw new LatchkeyError('bad_request', 'invalid level provided: there are debug, info, warn and error');
}
