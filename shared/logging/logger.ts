/**
 * JSON lines on standard output. A log that cannot be written must never hold up the program: a reader that stops reading fills the pipe, a
 * blocking write then stops the event loop, and a leader misses its renewals because of its log. So writes are asynchronous, the buffer
 * is bounded, and what does not fit is dropped.
 */
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../config/sections.ts';
import { redactFields, redactLine } from './redact.ts';

export type Logger = PinoLogger;

export type LoggerOptions = {
  readonly level: LogLevel;
  /** Which program speaks: agent, guard, proxy. */
  readonly name: string;
  /** On every line: cluster, node. */
  readonly base?: Readonly<Record<string, unknown>>;
  /** Tests only; standard output otherwise. */
  readonly destination?: DestinationStream;
};

const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

export function createLogger({ level, name, base = {}, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { name, pid: process.pid, ...base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), bindings: redactFields, log: redactFields },
      // Errors are already plain fields here; the standard serializer would bring the unmasked ones back.
      serializers: { err: (error: unknown) => error },
      hooks: { streamWrite: redactLine },
    },
    destination ?? pino.destination({ fd: 1, sync: false, minLength: 0, maxLength: BUFFER_BYTES_MAX }),
  );
}
