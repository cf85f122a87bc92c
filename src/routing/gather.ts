/**
 * One reply out of several: what the servers of a split command answered, put together in the order asked.
 *
 *   MGET a b c d ─▶ server 0: MGET a c   ─▶ [1,3] ┐
 *                   server 1: MGET b d   ─▶ [2,4] ┴▶ [1,2,3,4]
 *
 * A server that fails does not take the others' values away (seed 002): its places hold an error.
 */
import type { Sink } from '../backend/backend.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeArrayHead, encodeError } from '../resp/encoder.ts';
import { finishedWithErrors, type LinkError, UPSTREAM_PROTOCOL_ERROR } from '../resp/errors.ts';
import { skipValue } from '../resp/skip.ts';
import { ARRAY, BULK_ERROR, CR, INTEGER, SIMPLE_ERROR, ZERO } from '../resp/types.ts';

/** Which keys go to which piece: piece p has `order[from[p], from[p + 1])`, positions in the request. */
export interface KeyGroups {
  readonly keys: number;
  readonly pieces: number;
  readonly order: Int32Array;
  readonly from: Int32Array;
}

/** Collects the pieces of one split command; `piece(n)` is the sink of the n-th. */
export interface Gather {
  piece(index: number): Sink;
}

/** Integers added up: DEL, UNLINK, EXISTS, TOUCH (`agg_sum`). */
export class SumGather implements Gather, Sink {
  #waiting: number;
  #errors = 0;
  #sum = 0;
  readonly #sink: Sink;

  constructor(sink: Sink, pieces: number) {
    this.#sink = sink;
    this.#waiting = pieces;
  }

  piece(): Sink {
    return this;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === INTEGER) this.#sum += Number(bytes.toString('latin1', start + 1, end - 2));
    else this.#errors++;
    this.#settle();
  }

  fail(): void {
    this.#errors++;
    this.#settle();
  }

  #settle(): void {
    if (--this.#waiting > 0) return;
    answer(this.#sink, (out) => {
      if (this.#errors > 0) encodeError(out, finishedWithErrors(this.#errors));
      else out.appendLatin1(`:${this.#sum}\r\n`);
    });
  }
}

/** `+OK` if every server says so: MSET (`all_succeeded`). */
export class AgreeGather implements Gather, Sink {
  #waiting: number;
  #errors = 0;
  readonly #sink: Sink;

  constructor(sink: Sink, pieces: number) {
    this.#sink = sink;
    this.#waiting = pieces;
  }

  piece(): Sink {
    return this;
  }

  reply(bytes: Buffer, start: number): void {
    if (isError(bytes[start]!)) this.#errors++;
    this.#settle();
  }

  fail(): void {
    this.#errors++;
    this.#settle();
  }

  #settle(): void {
    if (--this.#waiting > 0) return;
    answer(this.#sink, (out) => {
      if (this.#errors > 0) encodeError(out, finishedWithErrors(this.#errors));
      else out.appendLatin1('+OK\r\n');
    });
  }
}

/**
 * What all servers are asked and one answer stands for: the first error, else any reply. Servers that cannot
 * be reached have no say, unless none can.
 */
export class AnyGather implements Gather, Sink {
  #waiting: number;
  #answer: Buffer | null = null;
  #failure: LinkError | null = null;
  readonly #sink: Sink;

  constructor(sink: Sink, pieces: number) {
    this.#sink = sink;
    this.#waiting = pieces;
  }

  piece(): Sink {
    return this;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    const isFirst = this.#answer === null;
    if (isFirst || (isError(bytes[start]!) && !isError(this.#answer![0]!))) {
      this.#answer = Buffer.from(bytes.subarray(start, end));
    }
    this.#settle();
  }

  fail(failure: LinkError): void {
    // Refused in the greeting: that is the server's word, not a failure to reach it.
    if (failure.code === 'handshake' || this.#failure === null) this.#failure = failure;
    this.#settle();
  }

  #settle(): void {
    if (--this.#waiting > 0) return;
    const answer = this.#answer;
    if (answer === null || this.#failure?.code === 'handshake') this.#sink.fail(this.#failure!);
    else this.#sink.reply(answer, 0, answer.length);
  }
}

/** Gathers kept for use; each holds a few arrays as long as its longest command. */
const FREE_GATHERS_MAX = 256;
const freeGathers: ArrayGather[] = [];

/** Sink of one piece of an ArrayGather; made once, used by every command the gather serves. */
class Piece implements Sink {
  readonly #gather: ArrayGather;
  readonly #index: number;

  constructor(gather: ArrayGather, index: number) {
    this.#gather = gather;
    this.#index = index;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    this.#gather.onReply(this.#index, bytes, start, end);
  }

  fail(error: LinkError): void {
    this.#gather.onError(this.#index, error.reply);
  }
}

/**
 * Elements put back into the order of the keys: MGET. Made of arrays, and used again: a command of a hundred
 * keys would otherwise leave more garbage than anything else on its way.
 */
export class ArrayGather implements Gather {
  #sink: Sink | null = null;
  #keys = 0;
  #waiting = 0;
  /** Replies one after the other; `#starts` and `#ends` say where the element of each key is. */
  readonly #bytes = new ByteQueue();
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  /** Keys by piece: piece p asked for the keys `order[from[p], from[p + 1])`. */
  #order = new Int32Array(0);
  #from = new Int32Array(0);
  readonly #pieces: Piece[] = [];

  static open(sink: Sink, keys: KeyGroups): ArrayGather {
    const gather = freeGathers.pop() ?? new ArrayGather();
    gather.#open(sink, keys);
    return gather;
  }

  #open(sink: Sink, groups: KeyGroups): void {
    const { keys, pieces } = groups;
    this.#sink = sink;
    this.#keys = keys;
    this.#waiting = pieces;
    if (this.#starts.length < keys) {
      this.#starts = new Int32Array(keys * 2);
      this.#ends = new Int32Array(keys * 2);
      this.#order = new Int32Array(keys * 2);
    }
    if (this.#from.length <= pieces) this.#from = new Int32Array(pieces * 2);
    for (let i = 0; i < keys; i++) this.#order[i] = groups.order[i]!;
    for (let p = 0; p <= pieces; p++) this.#from[p] = groups.from[p]!;
    while (this.#pieces.length < pieces) this.#pieces.push(new Piece(this, this.#pieces.length));
  }

  piece(index: number): Sink {
    return this.#pieces[index]!;
  }

  onReply(piece: number, bytes: Buffer, start: number, end: number): void {
    if (isError(bytes[start]!)) {
      const at = this.#bytes.length;
      this.#bytes.append(bytes, start, end);
      this.#fill(piece, at);
      return;
    }
    const first = this.#from[piece]!;
    const last = this.#from[piece + 1]!;
    const elements = elementsAt(bytes, start, last - first);
    if (elements < 0) {
      this.onError(piece, UPSTREAM_PROTOCOL_ERROR);
      return;
    }
    const shift = this.#bytes.length - elements;
    this.#bytes.append(bytes, elements, end);
    let at = elements;
    for (let i = first; i < last; i++) {
      const next = skipValue(bytes, at);
      const key = this.#order[i]!;
      this.#starts[key] = at + shift;
      this.#ends[key] = next + shift;
      at = next;
    }
    this.#settle();
  }

  onError(piece: number, text: string): void {
    const at = this.#bytes.length;
    encodeError(this.#bytes, text);
    this.#fill(piece, at);
  }

  /** The same element for every key of a piece. */
  #fill(piece: number, start: number): void {
    for (let i = this.#from[piece]!; i < this.#from[piece + 1]!; i++) {
      this.#starts[this.#order[i]!] = start;
      this.#ends[this.#order[i]!] = this.#bytes.length;
    }
    this.#settle();
  }

  #settle(): void {
    if (--this.#waiting > 0) return;
    const sink = this.#sink!;
    const bytes = this.#bytes.bytes;
    const out = new ByteQueue();
    encodeArrayHead(out, this.#keys);
    for (let i = 0; i < this.#keys; i++) out.append(bytes, this.#starts[i]!, this.#ends[i]!);
    this.#bytes.clear();
    this.#sink = null;
    if (this.#starts.length <= KEPT_KEYS_MAX && freeGathers.length < FREE_GATHERS_MAX) {
      freeGathers.push(this);
    }
    sink.reply(out.bytes, 0, out.length);
    out.clear();
  }
}

/** A gather that served a command longer than this is let go with its arrays. */
const KEPT_KEYS_MAX = 4096;

/** Where the elements of `*count\r\n…` begin; -1 if the value at `start` is no such array. */
function elementsAt(bytes: Buffer, start: number, count: number): number {
  if (bytes[start] !== ARRAY) return -1;
  let value = 0;
  let at = start + 1;
  for (; bytes[at] !== CR; at++) value = value * 10 + (bytes[at]! - ZERO);
  return value === count ? at + 2 : -1;
}

function isError(type: number): boolean {
  return type === SIMPLE_ERROR || type === BULK_ERROR;
}

function answer(sink: Sink, write: (out: ByteQueue) => void): void {
  const out = new ByteQueue();
  write(out);
  sink.reply(out.bytes, 0, out.length);
  out.clear();
}
