/**
 * One question to several servers: keeps each answer until the last is in, then hands over all of them.
 *
 * Answers are copies, because a reply is valid only during the call that brings it; so their bytes are limited.
 */
import type { Sink } from '../backend/backend.ts';
import { encodeErrorLine } from '../resp/encoder.ts';
import type { LinkError } from '../resp/errors.ts';
import { BULK_ERROR, SIMPLE_ERROR } from '../resp/types.ts';
import type { Value } from '../resp/value.ts';

/** Bytes of all answers to one question; a client reads no more in one go either. */
const POLL_BYTES_MAX = 512 * 1024 * 1024;

export class Poll {
  /** By server, and for one server in the order asked; a failure stands as the error a client reads. */
  readonly replies: Buffer[];
  /** Answers that no server gave. */
  failures = 0;
  isTooLong = false;
  #waiting: number;
  #bytes = 0;
  readonly #done: (poll: Poll) => void;

  /** `done` is called once, possibly while the last server is being asked. */
  constructor(count: number, done: (poll: Poll) => void) {
    this.replies = new Array<Buffer>(count);
    this.#waiting = count;
    this.#done = done;
  }

  sink(index: number): Sink {
    return {
      reply: (bytes, start, end) => this.#onReply(index, bytes, start, end),
      fail: (error) => this.#onFailure(index, error),
    };
  }

  #onReply(index: number, bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > POLL_BYTES_MAX) this.#overflow();
    else this.replies[index] = Buffer.from(bytes.subarray(start, end));
    this.#settle();
  }

  #onFailure(index: number, error: LinkError): void {
    this.failures++;
    this.replies[index] = encodeErrorLine(error.reply);
    this.#settle();
  }

  /** What is here already is of no use any more. */
  #overflow(): void {
    this.isTooLong = true;
    this.replies.fill(NOTHING);
  }

  #settle(): void {
    if (--this.#waiting === 0) this.#done(this);
  }
}

/** Makes one value of those of all servers; undefined: one is what this command is never answered with. */
export type JoinValues = (replies: readonly Value[]) => Value | undefined;

const NOTHING = Buffer.alloc(0);

export function isErrorReply(reply: Buffer): boolean {
  return reply[0] === SIMPLE_ERROR || reply[0] === BULK_ERROR;
}
