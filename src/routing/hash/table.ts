/**
 * What rings, maglev tables, lists and slots have in common: places, and who owns each.
 */

/**
 * A copy of `owners` in which each place of an ejected server belongs to the owner of the next place, in a
 * circle, whose server is well; all -1 when none is.
 */
export function handOn(owners: Int32Array, ejected: readonly boolean[]): Int32Array {
  if (!ejected.includes(true)) return owners;
  const handed = new Int32Array(owners.length).fill(-1);
  // Walking down, `heir` owns the nearest healthy place above. Places above the last healthy one have none
  // yet: their heir is the first healthy place of all, known only at the end.
  let heir = -1;
  let unsettled = owners.length;
  for (let at = owners.length - 1; at >= 0; at--) {
    const owner = owners[at]!;
    if (ejected[owner] !== true) {
      if (heir < 0) unsettled = at + 1;
      heir = owner;
    }
    handed[at] = heir;
  }
  return handed.fill(heir, unsettled);
}

/** `(high * 2**32 + low) mod size`, for sizes below 2**24, without BigInt and without `%` of doubles. */
export function modulo64(high: number, low: number, size: number): number {
  if (size <= 65_536) {
    // Each remainder is below 2**16, so with 16 more bits it is still a whole 32-bit number.
    const first = (high >>> 0) % size;
    const second = (((first << 16) | (low >>> 16)) >>> 0) % size;
    return (((second << 16) | (low & 0xffff)) >>> 0) % size;
  }
  const upper = modulo(high, size) * 65_536 + (low >>> 16);
  return modulo(modulo(upper, size) * 65_536 + (low & 0xffff), size);
}

/** Exact: no quotient below 2**53 / size rounds up to the next whole number. */
function modulo(value: number, size: number): number {
  return value - Math.floor(value / size) * size;
}

/** MurmurHash3's finisher: every bit in changes half of the bits out. */
export function scramble(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
