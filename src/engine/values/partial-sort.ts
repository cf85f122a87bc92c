/**
 * The first elements of a sorted order, the rest in any: quicksort that leaves alone the parts that nobody wants. Where
 * elements are equal, what comes first is decided as in Redis, whose sort is that of Bentley and McIlroy, "Engineering a sort
 * function" (1993), so the choice of the middle and the exchanges are those of the paper.
 */

export type Compare<T> = (a: T, b: T) => number;

/** Fewer are sorted by insertion. */
const SMALL = 7;
/** Of more, the middle of three middles of three. */
const BIG = 40;

/** Sorts so that `items[0, wanted)` are what they would be if all were sorted. */
export function sortFirst<T>(items: T[], wanted: number, compare: Compare<T>): void {
  sortPart(items, 0, items.length, wanted, compare);
}

function sortPart<T>(
  items: T[],
  first: number,
  behind: number,
  wanted: number,
  compare: Compare<T>,
): void {
  let start = first;
  const end = behind;
  while (end - start >= SMALL) {
    swap(items, start, pivotOf(items, start, end - start, compare));
    const [low, high] = partition(items, start, end, compare);
    if (low > 1 && start < wanted) sortPart(items, start, start + low, wanted, compare);
    start = end - high;
    if (high <= 1 || start >= wanted) return;
  }
  insertionSort(items, start, end, compare);
}

function insertionSort<T>(items: T[], start: number, end: number, compare: Compare<T>): void {
  for (let i = start + 1; i < end; i++) {
    for (let j = i; j > start && compare(items[j - 1]!, items[j]!) > 0; j--) swap(items, j, j - 1);
  }
}

function pivotOf<T>(items: T[], start: number, count: number, compare: Compare<T>): number {
  let middle = start + (count >> 1);
  if (count === SMALL) return middle;
  let low = start;
  let high = start + count - 1;
  if (count > BIG) {
    const d = count >> 3;
    low = median(items, low, low + d, low + 2 * d, compare);
    middle = median(items, middle - d, middle, middle + d, compare);
    high = median(items, high - 2 * d, high - d, high, compare);
  }
  return median(items, low, middle, high, compare);
}

function median<T>(items: T[], a: number, b: number, c: number, compare: Compare<T>): number {
  if (compare(items[a]!, items[b]!) < 0) {
    if (compare(items[b]!, items[c]!) < 0) return b;
    return compare(items[a]!, items[c]!) < 0 ? c : a;
  }
  if (compare(items[b]!, items[c]!) > 0) return b;
  return compare(items[a]!, items[c]!) < 0 ? a : c;
}

/** Around the element at `start`: less, equal, more. How many are less and how many more. */
function partition<T>(
  items: T[],
  start: number,
  end: number,
  compare: Compare<T>,
): [number, number] {
  // Equal ones gather at both ends: below a, above d.
  let a = start + 1;
  let b = a;
  let c = end - 1;
  let d = c;
  while (true) {
    for (; b <= c; b++) {
      const order = compare(items[b]!, items[start]!);
      if (order > 0) break;
      if (order < 0) continue;
      swap(items, a++, b);
    }
    for (; b <= c; c--) {
      const order = compare(items[c]!, items[start]!);
      if (order < 0) break;
      if (order > 0) continue;
      swap(items, c, d--);
    }
    if (b > c) break;
    swap(items, b++, c--);
  }
  swapRun(items, start, b, Math.min(a - start, b - a));
  swapRun(items, b, end, Math.min(d - c, end - d - 1));
  return [b - a, d - c];
}

/** Exchanges `count` elements from `low` on with the `count` before `high`. */
function swapRun<T>(items: T[], low: number, high: number, count: number): void {
  for (let i = 0; i < count; i++) swap(items, low + i, high - count + i);
}

function swap<T>(items: T[], a: number, b: number): void {
  const item = items[a]!;
  items[a] = items[b]!;
  items[b] = item;
}
