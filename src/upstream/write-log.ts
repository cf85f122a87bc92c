/**
 * What was written to a server and is not answered yet.
 *
 *   chunk            chunk            chunk
 *   [aaaaabbbbbbbcc] [dddddddddd    ] [eeeee         ]
 *    ^released            ^flushed          ^appended        absolute positions, ever growing
 *
 * It is the write buffer of a link and its memory in one: bytes stay until their command is answered, so
 * a chunk handed to the socket is never overwritten while the kernel may still want it, and a read that
 * lost its link can be sent again without a copy made in advance. A command never spans two chunks.
 */
import { copyBytes } from '../core/bytes.ts';
import { borrow, giveBack } from '../core/pool.ts';

const CHUNK_BYTES = 64 * 1024;

class Chunk {
  readonly bytes: Buffer;
  /** Absolute position of the first byte. */
  readonly base: number;
  used = 0;

  constructor(bytes: Buffer, base: number) {
    this.bytes = bytes;
    this.base = base;
  }
}

export class WriteLog {
  /** End of what was appended. */
  appended = 0;
  /** End of what was given to the socket. */
  flushed = 0;
  #released = 0;
  /** Bytes passed over since the socket last had none of ours. */
  #skipped = 0;
  readonly #chunks: Chunk[] = [];
  #last: Chunk | null = null;

  /** Bytes held, answered or not yet. */
  get heldBytes(): number {
    return this.appended - this.#released;
  }

  append(source: Buffer, start: number, end: number): void {
    const size = end - start;
    let chunk = this.#last;
    if (chunk === null || chunk.used + size > chunk.bytes.length) chunk = this.#open(size);
    copyBytes(chunk.bytes, chunk.used, source, start, end);
    chunk.used += size;
    this.appended += size;
  }

  /** Gives what lies between `flushed` and `until` to `write`, chunk by chunk. */
  flush(until: number, write: (bytes: Buffer) => void): void {
    for (const chunk of this.#chunks) {
      const end = Math.min(chunk.base + chunk.used, until);
      if (end <= this.flushed) continue;
      write(chunk.bytes.subarray(Math.max(0, this.flushed - chunk.base), end - chunk.base));
      this.flushed = end;
      if (end === until) return;
    }
  }

  /** Passes over bytes that must not be sent any more. */
  skipTo(position: number): void {
    if (position <= this.flushed) return;
    this.#skipped += position - this.flushed;
    this.flushed = position;
  }

  /**
   * Forgets everything before `position`, for it has been answered; but of the last `queued` bytes given to
   * the socket nothing, for it has not written them. A server may answer before it has read.
   */
  release(position: number, queued: number): void {
    if (queued === 0) this.#skipped = 0;
    const free = Math.min(position, this.flushed - queued - this.#skipped);
    if (free <= this.#released) return;
    this.#released = free;
    while (this.#chunks.length > 1 && this.#chunks[1]!.base <= free) {
      giveBack(this.#chunks.shift()!.bytes);
    }
    const last = this.#last;
    // All is answered and sent: begin the chunk anew instead of walking through memory.
    if (last !== null && free === this.appended) {
      this.#chunks.pop();
      this.#last = null;
      giveBack(last.bytes);
    }
  }

  /** The bytes of one command, by its absolute ends. */
  read(start: number, end: number): Buffer {
    const chunk = this.#chunks.findLast((candidate) => candidate.base <= start)!;
    return chunk.bytes.subarray(start - chunk.base, end - chunk.base);
  }

  #open(size: number): Chunk {
    const chunk = new Chunk(borrow(Math.max(size, CHUNK_BYTES)), this.appended);
    this.#chunks.push(chunk);
    this.#last = chunk;
    return chunk;
  }
}
