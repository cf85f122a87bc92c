/**
 * Channels on which servers tell what happens to keys (https://redis.io/docs/manual/keyspace-notifications).
 * Each server tells only of its own keys, and a cluster's bus does not carry it.
 */
const HEADS: readonly Buffer[] = ['__keyspace@', '__keyevent@'].map((head) => Buffer.from(head));
const WILD: readonly number[] = [...'*?['].map((character) => character.charCodeAt(0));
const BACKSLASH = 0x5c;

export function isNotification(bytes: Uint8Array, start: number, end: number): boolean {
  return HEADS.some((head) => beginsWith(bytes, start, end, head));
}

/** Could a pattern match such a channel? Judged by what stands before its first wildcard; rather once too often. */
export function mayMatchNotification(pattern: Uint8Array): boolean {
  const literal: number[] = [];
  let at = 0;
  while (at < pattern.length && !WILD.includes(pattern[at]!)) {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) at++;
    literal.push(pattern[at]!);
    at++;
  }
  const isWild = at < pattern.length;
  return HEADS.some((head) =>
    literal.length < head.length
      ? isWild && literal.every((byte, index) => byte === head[index])
      : beginsWith(literal, 0, literal.length, head),
  );
}

function beginsWith(
  bytes: Uint8Array | readonly number[],
  start: number,
  end: number,
  head: Uint8Array,
): boolean {
  return end - start >= head.length && head.every((byte, index) => bytes[start + index] === byte);
}
