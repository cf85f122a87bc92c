/** The order of bytes: unsigned, and what ends first comes first. */
import type { Arena, Ref } from '../memory/arena.ts';

/** Below this a loop beats the call into native code. */
const LOOP_BYTES_MAX = 48;

/** Below, above or equal to 0. */
export function compareBytes(
  a: Buffer,
  aStart: number,
  aEnd: number,
  b: Buffer,
  bStart: number,
  bEnd: number,
): number {
  const size = Math.min(aEnd - aStart, bEnd - bStart);
  if (size > LOOP_BYTES_MAX) return a.compare(b, bStart, bEnd, aStart, aEnd);
  for (let i = 0; i < size; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/** The same of a blob. */
export function compareRef(arena: Arena, ref: Ref, b: Buffer, start: number, end: number): number {
  const at = arena.startOf(ref);
  return compareBytes(arena.bufferOf(ref), at, at + arena.lengthOf(ref), b, start, end);
}
