/** A pattern of SORT: `weight_*`, `object_*->field`, `#`. What it names depends on the element put for the `*`. */
import { copyBytes } from '../../core/bytes.ts';
import type { Call } from '../call.ts';
import { Kind } from '../types.ts';
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';

const STAR = 0x2a;
const HASH_SIGN = 0x23;
const ARROW = '->';

/** What a pattern named; good until the next lookup or anything changes. */
const found: Element = new Element();

export class SortPattern {
  /** False: no element changes what it names. */
  readonly hasStar: boolean;
  readonly #isSelf: boolean;
  readonly #prefix: Buffer;
  readonly #suffix: Buffer;
  /** Null: it names keys, not fields. */
  readonly #field: Buffer | null;
  /** Prefix, element, suffix. */
  #key: Buffer = Buffer.alloc(0);

  constructor(pattern: Buffer) {
    // As for Redis, the first byte of 0 ends what is looked for in it.
    const zero = pattern.indexOf(0);
    const shown = zero < 0 ? pattern : pattern.subarray(0, zero);
    const star = shown.indexOf(STAR);
    this.hasStar = star >= 0;
    this.#isSelf = shown.length === 1 && shown[0] === HASH_SIGN;
    const arrow = shown.indexOf(ARROW, star + 1);
    const isField = star >= 0 && arrow >= 0 && arrow + ARROW.length < shown.length;
    this.#prefix = pattern.subarray(0, Math.max(0, star));
    this.#suffix = pattern.subarray(star + 1, isField ? arrow : pattern.length);
    this.#field = isField ? pattern.subarray(arrow + ARROW.length) : null;
  }

  /** What it names for an element; null: there is no such thing. Counts as reading the key. */
  lookUp(call: Call, bytes: Buffer, start: number, end: number): Element | null {
    if (this.#isSelf) {
      found.bytes = bytes;
      found.start = start;
      found.end = end;
      return found;
    }
    if (!this.hasStar) return null;
    const { db } = call;
    const length = this.#putKey(bytes, start, end);
    const entry = db.read(this.#key, 0, length);
    if (entry < 0) return null;
    const kind = db.kindOf(entry);
    if (this.#field !== null) {
      return kind === Kind.hash ? readField(call, entry, this.#field) : null;
    }
    if (kind !== Kind.string) return null;
    const text = db.stringOf(entry);
    found.bytes = text.bytes;
    found.start = text.start;
    found.end = text.end;
    return found;
  }

  #putKey(bytes: Buffer, start: number, end: number): number {
    const prefix = this.#prefix;
    const suffix = this.#suffix;
    const length = prefix.length + (end - start) + suffix.length;
    if (length > this.#key.length) this.#key = Buffer.allocUnsafe(length * 2);
    const key = this.#key;
    copyBytes(key, 0, prefix, 0, prefix.length);
    copyBytes(key, prefix.length, bytes, start, end);
    copyBytes(key, length - suffix.length, suffix, 0, suffix.length);
    return length;
  }
}

function readField({ db, engine, now }: Call, entry: number, field: Buffer): Element | null {
  const hash = db.objectOf(entry) as HashValue;
  if (hash.nextExpiry <= now && !engine.expireFields(db, entry, Infinity)) return null;
  const slot = hash.find(field, 0, field.length);
  if (slot < 0) return null;
  hash.readValue(slot, found);
  return found;
}
