/**
 * Maglev: a table in which every server, in turn, takes the next free place of its own permutation, filled as
 * Envoy fills it. A key's place is its hash modulo the size of the table. Shares are more even than on a ring
 * of the default size, at the price of more keys moved when servers are added.
 *
 * Ejection: a place of an ejected server belongs to the owner of the next place whose server is well.
 * Neighbours in the table are as good as random, so the keys spread over all others by their weights.
 */

import { murmur2 } from '../../core/murmur2.ts';
import type { Distribution, DistributionOptions, ServerShare } from './distribution.ts';
import { handOn, modulo64 } from './table.ts';
import { xxhash64 } from './xxhash64.ts';

const TABLE_SIZE = 65_537;
const TABLE_SIZE_MAX = 5_000_011;

interface Candidate {
  readonly index: number;
  readonly weight: number;
  readonly skip: number;
  /** The next place of its permutation: offset + taken * skip, kept below the size. */
  next: number;
  /** It sits a round out until the rounds' weight has caught up with this. */
  target: number;
}

const keyHash = new Uint32Array(2);

export class MaglevTable implements Distribution {
  readonly #full: Int32Array;
  readonly #owners: Int32Array;

  private constructor(full: Int32Array, owners: Int32Array) {
    this.#full = full;
    this.#owners = owners;
  }

  static of(servers: readonly ServerShare[], options: DistributionOptions): MaglevTable {
    const size = options.tableSize ?? TABLE_SIZE;
    if (!isPrime(size) || size > TABLE_SIZE_MAX || size <= servers.length) {
      throw new RangeError(
        `maglev table size ${size} is not a prime above the number of servers and up to ${TABLE_SIZE_MAX}`,
      );
    }
    const owners = fill(servers, size);
    return new MaglevTable(owners, owners);
  }

  /** The server of every place, for tests and for whoever wants to see the table. */
  places(): number[] {
    return [...this.#owners];
  }

  pick(bytes: Uint8Array, start: number, end: number): number {
    murmur2(bytes, start, end, keyHash);
    const owners = this.#owners;
    const high = keyHash[0]!;
    const low = keyHash[1]!;
    if (owners.length !== TABLE_SIZE) return owners[modulo64(high, low, owners.length)]!;
    // 2**16 is -1 modulo 65537, so the four 16-bit words are added with alternating signs.
    const sum = (low & 0xffff) - (low >>> 16) + (high & 0xffff) - (high >>> 16);
    if (sum < 0) return owners[sum + (sum < -TABLE_SIZE ? 2 * TABLE_SIZE : TABLE_SIZE)]!;
    return owners[sum >= TABLE_SIZE ? sum - TABLE_SIZE : sum]!;
  }

  withEjected(ejected: readonly boolean[]): MaglevTable {
    return new MaglevTable(this.#full, handOn(this.#full, ejected));
  }
}

/** Envoy's `OriginalMaglevTable`: servers in the order of their keys, heavier ones in more of the rounds. */
function fill(servers: readonly ServerShare[], size: number): Int32Array {
  const sum = servers.reduce((total, server) => total + server.weight, 0);
  const largest = Math.max(...servers.map((server) => server.weight / sum));
  const candidates = servers
    .map((server, index) => candidate(server, index, sum, size))
    .sort((one, other) => compareKeys(servers[one.index]!.key, servers[other.index]!.key));
  const owners = new Int32Array(size).fill(-1);
  let filled = 0;
  for (let round = 1; filled < size; round++) {
    for (const entry of candidates) {
      if (filled === size) break;
      if (round * entry.weight < entry.target) continue;
      entry.target += largest;
      while (owners[entry.next] !== -1) advance(entry, size);
      owners[entry.next] = entry.index;
      advance(entry, size);
      filled++;
    }
  }
  return owners;
}

function candidate(server: ServerShare, index: number, sum: number, size: number): Candidate {
  const key = Buffer.from(server.key);
  return {
    index,
    weight: server.weight / sum,
    skip: Number(xxhash64(key, 1n) % BigInt(size - 1)) + 1,
    next: Number(xxhash64(key) % BigInt(size)),
    target: 0,
  };
}

function advance(entry: Candidate, size: number): void {
  entry.next += entry.skip;
  if (entry.next >= size) entry.next -= size;
}

/** By bytes, as `std::string` compares; keys are host names and ports. */
function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false;
  }
  return true;
}
