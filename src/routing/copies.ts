/**
 * Copies for mirrors: nobody waits for them, and what they are answered is dropped.
 *
 * Of a transaction a mirror gets the commands once EXEC has run them, one after the other and outside of any
 * transaction; of one that was given up, nothing.
 */
import { nowhere, type Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { TRANSACTION } from '../commands/own.ts';
import { waitOf } from '../commands/wait.ts';
import { ARRAY, MINUS } from '../resp/types.ts';
import type { Mirror } from './route.ts';

/** Of one transaction. A larger one is not copied at all: a part of it would be worth less than nothing. */
const COPIES_MAX = 4096;
const BYTES_MAX = 4 * 1024 * 1024;

export function copyTo(mirrors: readonly Mirror[], command: Command): void {
  for (const mirror of mirrors) {
    if (mirror.excludeReads && command.spec.isRead) continue;
    if (mirror.percent < 100 && Math.random() * 100 >= mirror.percent) continue;
    mirror.backend.dispatch(command, nowhere);
  }
}

/** What is sent on one connection that is lent, for the mirrors of its routes. */
export class LentCopies {
  #kept: (readonly [Command, readonly Mirror[]])[] = [];
  #bytes = 0;
  #isCollecting = false;
  /** Selected inside the transaction. */
  #database = -1;

  /** Before a command is sent: the sink to send it with. */
  before(command: Command, sink: Sink): Sink {
    switch (TRANSACTION[command.spec.name]) {
      case 'begin':
        this.#forget();
        this.#isCollecting = true;
        return sink;
      case 'drop':
        this.#forget();
        return sink;
      case 'select':
        if (this.#isCollecting) this.#database = Number(command.text(1));
        return sink;
      case 'run':
        return this.#untilRun(sink);
      default:
        return sink;
    }
  }

  /** After it was sent. What may wait at its server would hold up all that comes behind it at a mirror. */
  after(command: Command, mirrors: readonly Mirror[]): void {
    const { door, wait } = command.spec;
    if (mirrors.length === 0 || door === 'transaction') return;
    if (wait !== null && waitOf(command) >= 0) return;
    if (!this.#isCollecting) {
      copyTo(mirrors, command);
      return;
    }
    this.#bytes += command.end - command.start;
    if (this.#bytes > BYTES_MAX || this.#kept.length >= COPIES_MAX) {
      this.#kept = [];
      // More would not fit either.
      this.#bytes = Infinity;
      return;
    }
    const copy = command.copy();
    if (this.#database >= 0) copy.database = this.#database;
    this.#kept.push([copy, mirrors]);
  }

  #untilRun(sink: Sink): Sink {
    const kept = this.#kept;
    this.#forget();
    if (kept.length === 0) return sink;
    return {
      reply(bytes, start, end) {
        const isRun = bytes[start] === ARRAY && bytes[start + 1] !== MINUS;
        // First: what the client asks when it has the answer comes behind it there, too.
        if (isRun) for (const [command, mirrors] of kept) copyTo(mirrors, command);
        sink.reply(bytes, start, end);
      },
      fail: (error) => sink.fail(error),
    };
  }

  #forget(): void {
    this.#kept = [];
    this.#bytes = 0;
    this.#isCollecting = false;
    this.#database = -1;
  }
}
