/**
 * Bytes of a whole reply -> the value in it. The decoder has framed it, so every byte is there and in its place.
 *
 * Only for replies that are read here, those of several servers that become one; all others stay bytes.
 */
import { skipValue } from './skip.ts';
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BOOLEAN,
  BULK_ERROR,
  BULK_STRING,
  DOUBLE,
  INTEGER,
  LF,
  MAP,
  MINUS,
  NULL,
  PUSH,
  SET,
  SIMPLE_ERROR,
  SIMPLE_STRING,
  VERBATIM_STRING,
} from './types.ts';
import { asInteger, type Value } from './value.ts';

/** `txt:` in front of a verbatim string. */
const FORMAT_BYTES = 4;

/** Bulk strings are views of `bytes`. Recursive: no deeper than `ReplyLimits.nestingMax`. */
export function decodeReply(bytes: Buffer, start = 0): Value {
  return new Reader(bytes, start).value();
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  value(): Value {
    const bytes = this.#bytes;
    while (bytes[this.#at] === ATTRIBUTE) this.#skipAttribute();
    const type = bytes[this.#at]!;
    const end = bytes.indexOf(LF, this.#at);
    const line = bytes.toString('latin1', this.#at + 1, end - 1);
    const isNull = bytes[this.#at + 1] === MINUS;
    this.#at = end + 1;
    switch (type) {
      case BULK_STRING:
        return isNull ? null : this.#take(Number(line));
      case ARRAY:
        return isNull ? null : this.#list(Number(line));
      case INTEGER:
        return toInteger(line);
      case SIMPLE_STRING:
        return { status: line };
      case SIMPLE_ERROR:
        return { error: line };
      case NULL:
        return null;
      case BOOLEAN:
        return line === 't';
      case DOUBLE:
        return { double: toDouble(line) };
      case BIG_NUMBER:
        return { bigNumber: line };
      case BULK_ERROR:
        return { error: this.#take(Number(line)).toString('latin1') };
      case VERBATIM_STRING:
        return this.#verbatim(Number(line));
      case MAP:
        return { map: Array.from({ length: Number(line) }, () => [this.value(), this.value()]) };
      case SET:
        return { set: this.#list(Number(line)) };
      case PUSH:
        return { push: this.#list(Number(line)) };
      default:
        throw new RangeError(`a framed reply cannot hold the type ${type}`);
    }
  }

  #take(length: number): Buffer {
    const start = this.#at;
    this.#at = start + length + 2;
    return this.#bytes.subarray(start, start + length);
  }

  #list(count: number): Value[] {
    return Array.from({ length: count }, () => this.value());
  }

  #verbatim(length: number): Value {
    const text = this.#take(length).toString();
    const format = text.startsWith('mkd') ? 'mkd' : 'txt';
    return { verbatim: text.slice(FORMAT_BYTES), format };
  }

  /** An attribute is said of the value behind it; nobody here asks for one. */
  #skipAttribute(): void {
    const bytes = this.#bytes;
    const end = bytes.indexOf(LF, this.#at);
    const parts = Number(bytes.toString('latin1', this.#at + 1, end - 1)) * 2;
    this.#at = end + 1;
    for (let i = 0; i < parts; i++) this.#at = skipValue(bytes, this.#at);
  }
}

/** Framing looks at no digits; what is no number must not end the process, and nobody takes a null for one. */
function toInteger(text: string): Value {
  return /^[+-]?\d+$/.test(text) ? asInteger(BigInt(text)) : null;
}

function toDouble(text: string): number {
  const isInfinite = /^[+-]?inf$/i.test(text);
  return isInfinite ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}
