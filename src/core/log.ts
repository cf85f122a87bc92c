/**
 * What the program says while it runs. Everything below the command line knows only this interface, so a
 * library user can hand in any logger; `src/cli/log-output.ts` makes the one that writes.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'pretty';

/** `message` is a constant sentence; what varies stands in `fields`. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For tests and for whoever does not care. */
export const silent: Log = {
  debug: dropLine,
  info: dropLine,
  warn: dropLine,
  error: dropLine,
};

function dropLine(): void {
  // Dropped on purpose: see `silent`.
}

export interface RepeatLimits {
  /** Lines of one key within one interval; what comes on top is counted instead of written. */
  readonly linesMax?: number;
  readonly intervalMs?: number;
  /**
   * Fields that tell lines with the same message apart, so that one failing server does not silence
   * another. Never name one whose values clients choose: each value costs memory until the interval ends.
   */
  readonly keyFields?: readonly string[];
}

export interface LimitedLog extends Log {
  /** Writes now how many lines were left out so far: before the process ends. */
  flush(): void;
}

interface Repeats {
  readonly level: LogLevel;
  readonly message: string;
  readonly about: Readonly<Record<string, unknown>>;
  written: number;
  suppressed: number;
}

const LINES_MAX = 10;
const INTERVAL_MS = 10_000;
const KEY_FIELDS = ['listener', 'upstream', 'server'];

/**
 * A log in which a thousand failures a second are a few lines and a number. Time is cut into intervals
 * that start with the first line after a silence; one timer serves all keys and holds no process open.
 */
export function limitRepeats(log: Log, limits: RepeatLimits = {}): LimitedLog {
  const { linesMax = LINES_MAX, intervalMs = INTERVAL_MS, keyFields = KEY_FIELDS } = limits;
  const seen = new Map<string, Repeats>();
  let timer: NodeJS.Timeout | null = null;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const ended = [...seen.values()];
    seen.clear();
    for (const { level, message, about, suppressed } of ended) {
      if (suppressed > 0) log[level]({ ...about, suppressed, repeated: message }, 'lines left out');
    }
  };

  const write = (level: LogLevel, fields: object, message: string): void => {
    const about = pick(fields, keyFields);
    const key = JSON.stringify([level, message, ...Object.values(about)]);
    const repeats = seen.get(key) ?? { level, message, about, written: 0, suppressed: 0 };
    seen.set(key, repeats);
    timer ??= setTimeout(flush, intervalMs).unref();
    if (repeats.written === linesMax) {
      repeats.suppressed++;
      return;
    }
    repeats.written++;
    log[level](fields, message);
  };

  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    flush,
  };
}

/** Only plain values: an object as part of a key would make every line a different one. */
function pick(fields: object, names: readonly string[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const name of names) {
    const value: unknown = Reflect.get(fields, name);
    if (typeof value === 'string' || typeof value === 'number') picked[name] = value;
  }
  return picked;
}
