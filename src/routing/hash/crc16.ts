/**
 * The 16384 slots of Redis Cluster over plain servers: slot = CRC16-XMODEM(key) mod 16384, and each server has
 * one contiguous range, as long as its weight asks for, in the order given. With hash tags on, the slots are
 * those of `CLUSTER KEYSLOT`, so a set of servers may be turned into a cluster, or the reverse, range by range.
 *
 * Ejection: a slot of an ejected server is rolled again, by its number, until it meets a server that is well.
 * (The next slot in line would bring a whole range upon one neighbour.) The table is made once per ejection.
 */
import type { Distribution, ServerShare } from './distribution.ts';
import { handOn, scramble } from './table.ts';

export const SLOT_COUNT: number = 16_384;

const POLYNOMIAL = 0x1021;
/** See modula.ts: beyond so many rolls, the next slot in line. */
const ROLLS_MAX = 32;

const remainders: Uint16Array = tabulate();

/** CRC16-XMODEM of `bytes[start, end)`. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) & 0xffff) ^ remainders[(crc >>> 8) ^ bytes[at]!]!;
  }
  return crc;
}

export class Crc16Slots implements Distribution {
  readonly #full: Int32Array;
  readonly #owners: Int32Array;

  private constructor(full: Int32Array, owners: Int32Array) {
    this.#full = full;
    this.#owners = owners;
  }

  static of(servers: readonly ServerShare[]): Crc16Slots {
    const sum = servers.reduce((total, server) => total + server.weight, 0);
    const owners = new Int32Array(SLOT_COUNT);
    let passed = 0;
    for (const [index, server] of servers.entries()) {
      const first = Math.round((passed * SLOT_COUNT) / sum);
      passed += server.weight;
      owners.fill(index, first, Math.round((passed * SLOT_COUNT) / sum));
    }
    return new Crc16Slots(owners, owners);
  }

  pick(bytes: Uint8Array, start: number, end: number): number {
    return this.#owners[crc16(bytes, start, end) & (SLOT_COUNT - 1)]!;
  }

  withEjected(ejected: readonly boolean[]): Crc16Slots {
    const full = this.#full;
    const inLine = handOn(full, ejected);
    const owners = full.map((owner, slot) =>
      ejected[owner] === true ? rollAgain(full, slot, ejected, inLine[slot]!) : owner,
    );
    return new Crc16Slots(full, owners);
  }
}

function rollAgain(
  owners: Int32Array,
  slot: number,
  ejected: readonly boolean[],
  otherwise: number,
): number {
  let value = slot;
  for (let roll = 0; roll < ROLLS_MAX; roll++) {
    value = scramble(value + 0x9e3779b9);
    const owner = owners[value & (SLOT_COUNT - 1)]!;
    if (ejected[owner] !== true) return owner;
  }
  return otherwise;
}

function tabulate(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0);
    return crc;
  });
}
