/** Kinds of values, in the words and the order of Redis. */

/** Kept with each key, in four bits. */
export const Kind = { string: 1, list: 2, set: 3, zset: 4, hash: 5, stream: 6 } as const;
export type KindNumber = (typeof Kind)[keyof typeof Kind];

/** What TYPE says. */
export const KIND_NAMES: readonly string[] = [
  'none',
  'string',
  'list',
  'set',
  'zset',
  'hash',
  'stream',
];

/** How a string is kept, in four bits; the words of OBJECT ENCODING are in `ENCODING_NAMES`. */
export const Encoding = {
  /** Bytes in the arena. */
  raw: 0,
  /** The same, of a string that Redis would keep beside its object: 44 bytes at most, never changed in place. */
  embedded: 1,
  /** The number itself, of 32 bits. */
  small: 2,
  /** A 64-bit integer as its digits in the arena. */
  digits: 3,
} as const;

export const ENCODING_NAMES: readonly string[] = ['raw', 'embstr', 'int', 'int'];

/** Something that nobody uses any more. */
export interface Discarded {
  /** Gives its bytes back to the arena, `limit` elements or so at a time; true when all are. */
  release(limit: number): boolean;
}

/** A value that is more than a string. */
export interface Collection extends Discarded {
  readonly kind: KindNumber;
  /** What OBJECT ENCODING says. */
  readonly encoding: string;
  /** What it takes beside the bytes in the arena, about. */
  readonly bytes: number;
  /** Elements, as its length command counts them. */
  readonly size: number;
  /** Of a hash: when the first of its fields expires, in milliseconds since 1970; Infinity: none does. */
  readonly nextExpiry?: number;
  /** The same in memory of its own; takes time in proportion to its size. */
  copy(): Collection;
}
