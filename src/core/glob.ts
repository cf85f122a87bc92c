/** Glob patterns as Redis matches them: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\` before a character taken as it is. */

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** Does `bytes[start, end)` match? Linear in length times stars: a star only ever backs up to the last one. */
export function globMatches(
  pattern: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  let p = 0;
  let at = start;
  let starAt = -1;
  let resumeAt = start;
  while (at < end) {
    if (pattern[p] === STAR && p < pattern.length) {
      starAt = p++;
      resumeAt = at;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, bytes[at]!) : -1;
    if (next >= 0) {
      p = next;
      at++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[p] === STAR && p < pattern.length) p++;
  return p === pattern.length;
}

/** The place behind the pattern element at `p` if it matches `byte`, else -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  switch (pattern[p]) {
    case QUESTION:
      return p + 1;
    case OPEN:
      return matchClass(pattern, p + 1, byte);
    case BACKSLASH:
      if (p + 1 < pattern.length) return pattern[p + 1] === byte ? p + 2 : -1;
      return byte === BACKSLASH ? p + 1 : -1;
    default:
      return pattern[p] === byte ? p + 1 : -1;
  }
}

function matchClass(pattern: Uint8Array, begin: number, byte: number): number {
  let p = begin;
  const negated = pattern[p] === CARET;
  if (negated) p++;
  let found = false;
  while (p < pattern.length && pattern[p] !== CLOSE) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      p++;
      if (pattern[p] === byte) found = true;
      p++;
    } else if (pattern[p + 1] === DASH && p + 2 < pattern.length) {
      const [from, to] = [signed(pattern[p]!), signed(pattern[p + 2]!)];
      const at = signed(byte);
      if (at >= Math.min(from, to) && at <= Math.max(from, to)) found = true;
      p += 3;
    } else {
      if (pattern[p] === byte) found = true;
      p++;
    }
  }
  // An unclosed class ends with the pattern.
  const next = p < pattern.length ? p + 1 : p;
  return found !== negated ? next : -1;
}

/** Redis compares the ends of a range as C's `char`, so bytes above 127 come before all others. */
function signed(byte: number): number {
  return (byte << 24) >> 24;
}
