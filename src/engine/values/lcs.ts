/**
 * The longest common subsequence of two strings: bytes that are in both in the same order, not necessarily side by
 * side. Time and memory grow with the product of their lengths; its length alone needs two rows of memory.
 */
import type { StringView } from '../keyspace.ts';

/** Shown from the end to the beginning: places in both strings, ends included. */
export type ShowMatch = (startA: number, endA: number, startB: number, endB: number) => void;

export function commonLength(a: StringView, b: StringView): number {
  const width = b.end - b.start;
  let above = new Uint32Array(width + 1);
  let row = new Uint32Array(width + 1);
  for (let i = a.start; i < a.end; i++) {
    fillRow(a.bytes[i]!, b, above, row, 0, 0);
    [above, row] = [row, above];
  }
  return above[width]!;
}

/** One row from the one above it; both begin at a place of their arrays. */
function fillRow(
  byte: number,
  { bytes, start, end }: StringView,
  above: Uint32Array,
  row: Uint32Array,
  atAbove: number,
  at: number,
): void {
  for (let j = 1; j <= end - start; j++) {
    row[at + j] =
      bytes[start + j - 1] === byte
        ? above[atAbove + j - 1]! + 1
        : Math.max(above[atAbove + j]!, row[at + j - 1]!);
  }
}

/** The longest lengths of all beginnings of both, row by row of `a`. */
export function commonTable(a: StringView, b: StringView): Uint32Array {
  const rows = a.end - a.start + 1;
  const width = b.end - b.start + 1;
  const table = new Uint32Array(rows * width);
  for (let i = 1; i < rows; i++) {
    fillRow(a.bytes[a.start + i - 1]!, b, table, table, (i - 1) * width, i * width);
  }
  return table;
}

/** Walks back through the table; of two ways that are as good, along `b`, as Redis. */
export function walkMatches(
  a: StringView,
  b: StringView,
  table: Uint32Array,
  show: ShowMatch,
): void {
  const width = b.end - b.start + 1;
  let i = a.end - a.start;
  let j = b.end - b.start;
  while (i > 0 && j > 0) {
    const endA = i;
    const endB = j;
    while (i > 0 && j > 0 && a.bytes[a.start + i - 1] === b.bytes[b.start + j - 1]) {
      i--;
      j--;
    }
    if (i < endA) show(i, endA - 1, j, endB - 1);
    else if (table[(i - 1) * width + j]! > table[i * width + j - 1]!) i--;
    else j--;
  }
}
