/** Commands that took long (https://redis.io/docs/latest/commands/slowlog-get/). */
import type { Command } from '../commands/command.ts';

/** Arguments and bytes of one that are kept, as Redis keeps them. */
const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;

export interface SlowEntry {
  readonly id: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly micros: number;
  readonly words: readonly Buffer[];
}

/** Of a quick command nobody expects more. */
const QUICK_MICROS = 1000;

export class SlowLog {
  /** Microseconds; negative: nothing is noted. */
  thresholdMicros = 10_000;
  lengthMax = 128;
  /** The newest first. */
  entries: SlowEntry[] = [];
  #nextId = 0;

  /** Even quick commands may be too slow. */
  get isStrict(): boolean {
    return this.thresholdMicros >= 0 && this.thresholdMicros < QUICK_MICROS;
  }

  note(command: Command, micros: number, nowMs: number): void {
    if (this.thresholdMicros < 0 || micros < this.thresholdMicros) return;
    const at = Math.floor(nowMs / 1000);
    this.entries.unshift({ id: this.#nextId++, at, micros, words: wordsOf(command) });
    if (this.entries.length > this.lengthMax) this.entries.length = this.lengthMax;
  }
}

function wordsOf(command: Command): Buffer[] {
  const count = Math.min(command.argc, ARGUMENTS_MAX);
  return Array.from({ length: count }, (_none, i) => {
    if (i === ARGUMENTS_MAX - 1 && command.argc > ARGUMENTS_MAX) {
      return Buffer.from(`... (${command.argc - ARGUMENTS_MAX + 1} more arguments)`);
    }
    const word = command.arg(i);
    if (word.length <= ARGUMENT_BYTES_MAX) return Buffer.from(word);
    const rest = `... (${word.length - ARGUMENT_BYTES_MAX} more bytes)`;
    return Buffer.concat([word.subarray(0, ARGUMENT_BYTES_MAX), Buffer.from(rest)]);
  });
}
