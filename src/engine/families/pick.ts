/** What commands that pick at random have in common: how many, and which, each element as likely as any other. */
import type { Call } from '../call.ts';
import { NOT_INTEGER } from '../errors.ts';

export const NOT_POSITIVE = 'ERR value is out of range, must be positive';
export const OUT_OF_RANGE = 'ERR value is out of range';
const NO_COUNT =
  'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807';
/** Picks with repetition that one command may ask for: more would hold the loop for seconds and fill the memory. */
const PICKS_MAX = 10_000_000;
/** One in so many or more is wanted: all are looked at. Below, picking again what was picked already costs less. */
const MANY = 3;

/** Something slots can be picked from. */
interface Slots {
  readonly size: number;
  random(): number;
  slots(): Int32Array;
}

/** How many to pick; negative: with repetition. Null: wrong, and the client has been told. */
export function readSignedCount(call: Call, index: number): number | null {
  const count = call.integer(index);
  if (count === null) call.reply.error(NOT_INTEGER);
  else if (count === -(2n ** 63n)) call.reply.error(NO_COUNT);
  else if (count < -PICKS_MAX) call.reply.error(OUT_OF_RANGE);
  else return Number(count);
  return null;
}

/** `count` different slots, in no order; all if there are no more. */
export function pickSlots(from: Slots, count: number): Iterable<number> & { length: number } {
  const { size } = from;
  if (count >= size) return from.slots();
  if (count * MANY > size) return pickFromAll(from.slots(), count);
  const picked = new Set<number>();
  while (picked.size < count) picked.add(from.random());
  return [...picked];
}

function pickFromAll(slots: Int32Array, count: number): Int32Array {
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(Math.random() * (slots.length - i));
    const slot = slots[other]!;
    slots[other] = slots[i]!;
    slots[i] = slot;
  }
  return slots.subarray(0, count);
}
