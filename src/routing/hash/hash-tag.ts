/**
 * Hash tags: of a key with text between its first `{` and the first `}` after that, only this text is hashed,
 * so that keys can be made to meet on one server. `{}` is no tag. Two functions instead of a pair to return,
 * because they run per key: the start tells whether there is a tag, the end is asked for only then.
 */
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Where the tag of `bytes[start, end)` begins; `start` itself when there is none (a tag begins later). */
export function tagStart(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== OPEN) continue;
    const close = tagEnd(bytes, at + 1, end);
    return close === end || close === at + 1 ? start : at + 1;
  }
  return start;
}

/** Where the tag that begins at `from` ends: at its `}`; `end` when there is none. */
export function tagEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    if (bytes[at] === CLOSE) return at;
  }
  return end;
}
