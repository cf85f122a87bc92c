/** Finds the end of a value whose bytes are all there: a reply that the decoder has framed already. */
import {
  ARRAY,
  ATTRIBUTE,
  BULK_ERROR,
  BULK_STRING,
  CR,
  LF,
  MAP,
  MINUS,
  PUSH,
  SET,
  VERBATIM_STRING,
  ZERO,
} from './types.ts';

/** The place behind the value that begins at `start`. */
export function skipValue(bytes: Uint8Array, start: number): number {
  let at = start;
  let owed = 1;
  while (owed > 0) {
    const type = bytes[at]!;
    // What follows is a count only for some types; for the others the sum means nothing and is not used.
    const isNull = bytes[at + 1] === MINUS;
    let count = 0;
    // A line of text may hold a CR of its own; only LF ends it, as for the decoder.
    for (at++; bytes[at] !== LF; at++) {
      if (bytes[at] !== CR) count = count * 10 + (bytes[at]! - ZERO);
    }
    at++;
    owed--;
    if (isNull) continue;
    switch (type) {
      case BULK_STRING:
      case BULK_ERROR:
      case VERBATIM_STRING:
        at += count + 2;
        break;
      case ARRAY:
      case SET:
      case PUSH:
        owed += count;
        break;
      case MAP:
        owed += count * 2;
        break;
      case ATTRIBUTE:
        owed += count * 2 + 1;
        break;
    }
  }
  return at;
}
