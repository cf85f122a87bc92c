/**
 * Bytes that grow: the one kind of write buffer of the program, and the copy it is made with.
 *
 * A chunk of 16 KiB is borrowed from a free list while something is in it and given back when it is
 * empty, so a client that waits holds no buffer at all.
 */

/** Below this a loop beats the call into native code. Measured: bench/core/copy.ts. */
const LOOP_BYTES_MAX = 24;
export const CHUNK_BYTES: number = 16 * 1024;
/** Free chunks kept: 8 MiB at most. */
const FREE_CHUNKS_MAX = 512;

const freeChunks: Buffer[] = [];
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

function borrowChunk(): Buffer {
  return freeChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

function returnChunk(chunk: Buffer): void {
  if (chunk.length === CHUNK_BYTES && freeChunks.length < FREE_CHUNKS_MAX) freeChunks.push(chunk);
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

  /** Forgets everything and gives the memory back. */
  clear(): void {
    if (this.bytes !== EMPTY) returnChunk(this.bytes);
    this.bytes = EMPTY;
    this.length = 0;
  }

  /** Hands the memory to a new owner: it will not be used again here. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }

  #grow(size: number): void {
    const needed = this.length + size;
    const old = this.bytes;
    this.bytes =
      needed <= CHUNK_BYTES
        ? borrowChunk()
        : Buffer.allocUnsafeSlow(Math.max(needed, old.length * 2));
    if (this.length > 0) old.copy(this.bytes, 0, 0, this.length);
    if (old !== EMPTY) returnChunk(old);
  }
}
