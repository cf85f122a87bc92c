/**
 * Listpacks that become a hash or a sorted set as they are, after a look at all of them: no member twice, sorted sets in their
 * order, everything in the form it would have here. Null: it has another form or there are too many, and it is put together anew.
 */
import { parseDouble } from '../numbers.ts';
import { HashValue } from '../values/hash.ts';
import { Element, Listpack } from '../values/listpack.ts';
import { compareBytes } from '../values/order.ts';
import { SortedSet } from '../values/sorted-set.ts';
import { ListpackElements } from './elements.ts';
import { RdbError } from './primitives.ts';
import type { Place } from './read.ts';

const member: Element = new Element();
const other: Element = new Element();
const second: Element = new Element();

export function hashOfPack(bytes: Buffer, { arena, settings }: Place): HashValue | null {
  const elements = new ListpackElements(bytes);
  const names = new Set<string>();
  while (elements.next(member)) {
    if (!elements.next(second)) throw new RdbError('a field without a value');
    addName(names, member);
  }
  const isOfSize = names.size > 0 && names.size <= settings.hashMaxListpackEntries;
  if (!isOfSize || !elements.isCanonical) return null;
  return HashValue.fromPack(arena, settings, Listpack.from(arena, bytes, 0, bytes.length));
}

export function sortedSetOfPack(bytes: Buffer, { arena, settings }: Place): SortedSet | null {
  const elements = new ListpackElements(bytes);
  const names = new Set<string>();
  let isSorted = true;
  let score = -Infinity;
  let [current, before] = [member, other];
  while (elements.next(current)) {
    if (!elements.next(second)) throw new RdbError('a member without a score');
    const next = scoreIn(second);
    if (Number.isNaN(next)) throw new RdbError('a score is no number');
    if (next < score) isSorted = false;
    else if (next === score && names.size > 0 && compare(before, current) >= 0) isSorted = false;
    addName(names, current);
    score = next;
    [current, before] = [before, current];
  }
  const isOfSize = names.size > 0 && names.size <= settings.zsetMaxListpackEntries;
  if (!isOfSize || !isSorted || !elements.isCanonical) return null;
  return SortedSet.fromPack(arena, settings, Listpack.from(arena, bytes, 0, bytes.length));
}

/** NaN: it is none. */
export function scoreIn({ integer, text }: Element): number {
  return integer === null ? (parseDouble(text) ?? Number.NaN) : Number(integer);
}

function addName(names: Set<string>, { text }: Element): void {
  if (names.has(text)) throw new RdbError('a member twice');
  names.add(text);
}

function compare(a: Element, b: Element): number {
  return compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end);
}
