/**
 * Bytes that grow: the one kind of write buffer of the program, and the copy it is made with.
 *
 * Memory is borrowed while something is in it and given back when it is empty, so a client that waits holds
 * no buffer at all.
 */
import { borrow, giveBack, LARGEST_BYTES, SMALLEST_BYTES } from './pool.ts';

/** Below this a loop beats the call into native code. Measured: bench/core/copy.ts. */
const LOOP_BYTES_MAX = 24;

/** How many times what has arrived is reserved for what is announced. */
const TRUST = 8;
export const EMPTY: Buffer = Buffer.alloc(0);

/** Copies `source[start, end)` to `target` at `at`. The caller has made sure that it fits. */
export function copyBytes(
  target: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): void {
  if (end - start <= LOOP_BYTES_MAX) {
    for (let i = start, j = at; i < end; i++, j++) target[j] = source[i]!;
    return;
  }
  source.copy(target, at, start, end);
}

/** A buffer that is appended to, taken whole, and begun again. */
export class ByteQueue {
  bytes: Buffer = EMPTY;
  length = 0;

  append(source: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.length + size > this.bytes.length) this.#grow(size);
    copyBytes(this.bytes, this.length, source, start, end);
    this.length += size;
  }

  appendByte(byte: number): void {
    if (this.length === this.bytes.length) this.#grow(1);
    this.bytes[this.length++] = byte;
  }

  /** Text of protocol and of error messages: one byte per character. */
  appendLatin1(text: string): void {
    if (this.length + text.length > this.bytes.length) this.#grow(text.length);
    this.bytes.write(text, this.length, text.length, 'latin1');
    this.length += text.length;
  }

  appendInteger(value: number): void {
    if (value >= 0 && value < 10) this.appendByte(48 + value);
    else this.appendLatin1(String(value));
  }

  /** Forgets the first `count` bytes. */
  consume(count: number): void {
    if (count === this.length) {
      this.clear();
      return;
    }
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /**
   * Makes room for `size` bytes that a peer has announced and sent `arrived` of. An announcement alone gets
   * no memory, or a client could have as much as it likes for a few bytes.
   */
  reserve(size: number, arrived: number): void {
    const wanted = Math.min(size, LARGEST_BYTES, arrived * TRUST);
    if (wanted > this.bytes.length) this.#grow(wanted - this.length);
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    if (this.bytes !== EMPTY) giveBack(this.bytes);
    this.bytes = EMPTY;
    this.length = 0;
  }

  /** Hands the memory to a new owner, who may give it back to the pool. */
  take(): Buffer {
    const taken = this.bytes;
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }

  #grow(size: number): void {
    const needed = this.length + size;
    const old = this.bytes;
    this.bytes = borrow(needed <= SMALLEST_BYTES ? needed : Math.max(needed, old.length * 2));
    if (this.length > 0) old.copy(this.bytes, 0, 0, this.length);
    if (old !== EMPTY) giveBack(old);
  }
}
