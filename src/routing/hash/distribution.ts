/**
 * Which of several servers holds a key. A distribution is immutable: servers are numbered as given, and a
 * change of servers makes a new one.
 *
 * Ejection is a view, not a rebuild. `withEjected` hands on only the keys of the ejected servers; every key
 * of a server that is well stays where it is. (A ring rebuilt for fewer servers moves 7 to 11 % of those as
 * well, because its size is fixed and each server then has more points.) What is ejected on top of that moves
 * no key that was handed on to a server which is still well. Each kind says in its header where keys go.
 */
import { tagEnd, tagStart } from '../../commands/slot.ts';
import { Crc16Slots } from './crc16.ts';
import { KetamaRing } from './ketama.ts';
import { MaglevTable } from './maglev.ts';
import { Modula } from './modula.ts';

export interface Distribution {
  /** The index of the server that holds the key `bytes[start, end)`; -1 when all are ejected. */
  pick(bytes: Uint8Array, start: number, end: number): number;
  /** The same servers, `ejected[index]` ones left out: a view of all servers, whatever this one leaves out. */
  withEjected(ejected: readonly boolean[]): Distribution;
}

export type DistributionKind = 'ketama' | 'maglev' | 'modula' | 'crc16';

export interface ServerShare {
  /** What is hashed for the server: `host:port` (`[address]:port` for IPv6), or a name of its own. */
  readonly key: string;
  /** A whole number from 1 on. */
  readonly weight: number;
}

export interface DistributionOptions {
  /** Hash only what stands between the first `{` and the next `}` of a key; false unless given. */
  readonly hashTags?: boolean;
  /** ketama: the fewest points on the ring; 1024 unless given. */
  readonly minimumRingSize?: number;
  /** ketama: the most points on the ring; 8388608 unless given. */
  readonly maximumRingSize?: number;
  /** ketama: hash of the points, never of the keys; xxhash64 unless given. */
  readonly ringHash?: 'xxhash64' | 'murmur2';
  /** maglev: places in the table, a prime; 65537 unless given. */
  readonly tableSize?: number;
}

export function createDistribution(
  kind: DistributionKind,
  servers: readonly ServerShare[],
  options: DistributionOptions = {},
): Distribution {
  checkServers(servers);
  const plain = createPlain(kind, servers, options);
  return options.hashTags === true ? new Tagged(plain) : plain;
}

function createPlain(
  kind: DistributionKind,
  servers: readonly ServerShare[],
  options: DistributionOptions,
): Distribution {
  switch (kind) {
    case 'ketama':
      return KetamaRing.of(servers, options);
    case 'maglev':
      return MaglevTable.of(servers, options);
    case 'modula':
      return Modula.of(servers);
    case 'crc16':
      return Crc16Slots.of(servers);
  }
}

/** Any distribution, asked only for the hash tag of a key that has one. */
class Tagged implements Distribution {
  readonly #inner: Distribution;

  constructor(inner: Distribution) {
    this.#inner = inner;
  }

  pick(bytes: Uint8Array, start: number, end: number): number {
    const from = tagStart(bytes, start, end);
    return this.#inner.pick(bytes, from, tagEnd(bytes, start, end, from));
  }

  withEjected(ejected: readonly boolean[]): Distribution {
    return new Tagged(this.#inner.withEjected(ejected));
  }
}

function checkServers(servers: readonly ServerShare[]): void {
  if (servers.length === 0) throw new RangeError('a distribution needs at least one server');
  for (const { key, weight } of servers) {
    if (Number.isInteger(weight) && weight >= 1) continue;
    throw new RangeError(`weight of ${key} is ${weight}, expected a whole number from 1 on`);
  }
}
