/**
 * The log that writes: pino, to standard error, never waiting for whoever reads it. A reader that has
 * stopped costs lines, not answers: beyond `BACKLOG_BYTES_MAX` new lines are dropped.
 */
import pino from 'pino';
import type { Log, LogFormat, LogLevel } from '../core/log.ts';

const STANDARD_ERROR = 2;
const BACKLOG_BYTES_MAX = 1024 * 1024;

export interface OutputLog extends Log {
  /** For lines from now on. */
  configure(level: LogLevel, format: LogFormat): void;
}

export function createLog(level: LogLevel, format: LogFormat): OutputLog {
  const output = pino.destination({
    dest: STANDARD_ERROR,
    sync: false,
    maxLength: BACKLOG_BYTES_MAX,
  });
  let isPretty = format === 'pretty';
  const lines = {
    write: (line: string): unknown => output.write(isPretty ? prettyLine(line) : line),
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    configure: (nextLevel, nextFormat) => {
      logger.level = nextLevel;
      isPretty = nextFormat === 'pretty';
    },
  };
}

/** `12:00:00.000 warn  server ejected upstream=main server=127.0.0.1:7001`; takes a line of JSON. */
export function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice('2000-01-01T'.length, -1);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${prettyValue(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${rest.join('')}\n`;
}

function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
