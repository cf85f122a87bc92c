/**
 * The 16384 slots of Redis Cluster over plain servers: slot = CRC16-XMODEM(key) mod 16384, and each server has
 * one contiguous range, as long as its weight asks for, in the order given. With hash tags on, the slots are
 * those of `CLUSTER KEYSLOT`, so a set of servers may be turned into a cluster, or the reverse, range by range.
 *
 * Ejection: a slot of an ejected server is rolled again, by its number, until it meets a server that is well.
 * (The next slot in line would bring a whole range upon one neighbour.) The table is made once per ejection.
 */
import { crc16, SLOT_COUNT } from '../../commands/slot.ts';
import type { Distribution, ServerShare } from './distribution.ts';
import { handOn, scramble } from './table.ts';

/** See modula.ts: beyond so many rolls, the next slot in line. */
const ROLLS_MAX = 32;

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
