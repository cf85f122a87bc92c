/**
 * Modula, after twemproxy: every server stands in a list as often as it weighs, and a key belongs to the entry
 * at its hash modulo the length of the list. The cheapest look-up and perfectly even shares; nearly every key
 * moves when a server is added, so it suits a set of servers that never grows.
 *
 * The list and the modulo are twemproxy's. The hash is not: twemproxy lets one choose among eleven 32-bit
 * hashes (fnv1a_64 cut to 32 bits by default), here it is the same MurmurHash2 all other kinds take. Keys
 * written through twemproxy are therefore found elsewhere.
 *
 * Ejection: a key of an ejected server is rolled again, by its own hash, until it meets a server that is well.
 * (twemproxy shortens the list, which moves nearly every key of every server; the next entry in the list would
 * bring the whole load upon one neighbour.)
 */

import { murmur2 } from '../../core/murmur2.ts';
import type { Distribution, ServerShare } from './distribution.ts';
import { handOn, modulo64, scramble } from './table.ts';

/** With half of the list ejected, one key in 2**32 still has no home after so many rolls: it goes on in line. */
const ROLLS_MAX = 32;

const keyHash = new Uint32Array(2);

export class Modula implements Distribution {
  /** One entry per unit of weight; -1 where the server is ejected. */
  readonly #entries: Int32Array;
  /** The same with every ejected entry handed on in line; all -1 when no server is well. */
  readonly #fallback: Int32Array;
  readonly #full: Int32Array;

  private constructor(full: Int32Array, entries: Int32Array, fallback: Int32Array) {
    this.#full = full;
    this.#entries = entries;
    this.#fallback = fallback;
  }

  static of(servers: readonly ServerShare[]): Modula {
    const list = servers.flatMap((server, index) => new Array<number>(server.weight).fill(index));
    const full = Int32Array.from(list);
    return new Modula(full, full, full);
  }

  pick(bytes: Uint8Array, start: number, end: number): number {
    murmur2(bytes, start, end, keyHash);
    const high = keyHash[0]!;
    const low = keyHash[1]!;
    const entries = this.#entries;
    const at = modulo64(high, low, entries.length);
    const server = entries[at]!;
    return server >= 0 ? server : this.#rollAgain(high, low, at);
  }

  withEjected(ejected: readonly boolean[]): Modula {
    const entries = this.#full.map((server) => (ejected[server] === true ? -1 : server));
    return new Modula(this.#full, entries, handOn(this.#full, ejected));
  }

  #rollAgain(high: number, low: number, first: number): number {
    const entries = this.#entries;
    let value = high ^ low;
    for (let roll = 0; roll < ROLLS_MAX; roll++) {
      value = scramble(value + 0x9e3779b9);
      const server = entries[modulo64(0, value >>> 0, entries.length)]!;
      if (server >= 0) return server;
    }
    return this.#fallback[first]!;
  }
}
