/** The frame of a command, and how one is written. */

/** What a decoder fills: a view of `*N\r\n…` at `bytes[start, end)` and where its arguments stand. */
export interface Frame {
  bytes: Buffer;
  start: number;
  end: number;
  argc: number;
  /** Relative to `start`, two per argument: its first byte and the byte behind its last. */
  offsets: Int32Array;
  /** Makes room for so many arguments, keeping those already there. */
  reserve(count: number): void;
  /** Becomes the command made of `words`. */
  fill(words: readonly Uint8Array[]): void;
  /** Writes the frame anew, with the same arguments and nothing peculiar between them. */
  rewrite(): void;
}

/** Bytes of the frame made of `words`. */
export function encodeWords(words: readonly Uint8Array[]): Buffer {
  let size = 1 + digits(words.length) + 2;
  for (const word of words) size += 1 + digits(word.length) + 2 + word.length + 2;
  const bytes = Buffer.allocUnsafe(size);
  let at = bytes.write(`*${words.length}\r\n`, 0, 'latin1');
  for (const word of words) {
    at += bytes.write(`$${word.length}\r\n`, at, 'latin1');
    bytes.set(word, at);
    at += word.length;
    at += bytes.write('\r\n', at, 'latin1');
  }
  return bytes;
}

/** How many digits a length is written with. */
export function digits(value: number): number {
  return value < 10 ? 1 : String(value).length;
}
