/**
 * Inline commands: a line of words, as typed into telnet. Quoting as Redis's sdssplitargs: double quotes
 * with \n \r \t \b \a \xHH escapes, single quotes with \', a closing quote must be followed by a blank. A zero byte
 * is a byte like others; Redis, whose lines are C strings, would wait for the rest of the line for ever.
 */
import { CR, LF, SPACE } from './types.ts';

const TAB = 0x09;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;

const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);

/** The words of `bytes[start, end)`; null if quotes are not balanced. */
export function splitInline(bytes: Uint8Array, start: number, end: number): Buffer[] | null {
  const words: Buffer[] = [];
  let at = start;
  for (;;) {
    while (at < end && isBlank(bytes[at]!)) at++;
    if (at >= end) return words;
    const word: number[] = [];
    const next = readWord(bytes, at, end, word);
    if (next < 0) return null;
    words.push(Buffer.from(word));
    at = next;
  }
}

function readWord(bytes: Uint8Array, start: number, end: number, word: number[]): number {
  let at = start;
  while (at < end) {
    const byte = bytes[at]!;
    if (endsWord(byte)) return at;
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
      at = readQuoted(bytes, at + 1, end, byte, word);
      if (at < 0) return -1;
      // The closing quote ends the word, and nothing but a blank may follow it.
      return at === end || isBlank(bytes[at]!) ? at : -1;
    }
    word.push(byte);
    at++;
  }
  return at;
}

/** Reads up to the closing quote and returns the place after it, or -1 without one. */
function readQuoted(
  bytes: Uint8Array,
  start: number,
  end: number,
  quote: number,
  word: number[],
): number {
  let at = start;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte !== BACKSLASH || at + 1 >= end) {
      word.push(byte);
      at++;
    } else if (quote === SINGLE_QUOTE) {
      if (bytes[at + 1] === SINGLE_QUOTE) {
        word.push(SINGLE_QUOTE);
        at += 2;
      } else {
        word.push(byte);
        at++;
      }
    } else {
      at = readEscape(bytes, at, end, word);
    }
  }
  return -1;
}

function readEscape(bytes: Uint8Array, at: number, end: number, word: number[]): number {
  const byte = bytes[at + 1]!;
  if (byte === LOWER_X && at + 3 < end) {
    const high = hexDigit(bytes[at + 2]!);
    const low = hexDigit(bytes[at + 3]!);
    if (high >= 0 && low >= 0) {
      word.push(high * 16 + low);
      return at + 4;
    }
  }
  word.push(ESCAPES.get(byte) ?? byte);
  return at + 2;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** Fewer bytes end a word than may stand between words: sdssplitargs knows no more. */
function endsWord(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF;
}

/** As C's isspace. */
function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}
