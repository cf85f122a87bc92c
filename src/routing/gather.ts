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
import { ARRAY, BULK_ERROR, INTEGER, SIMPLE_ERROR } from '../resp/types.ts';

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

/** Elements put back into the order of the keys: MGET. */
export class ArrayGather implements Gather {
  readonly #sink: Sink;
  #waiting: number;
  /** Replies one after the other; `#starts` and `#ends` say where the element of each key is. */
  readonly #bytes = new ByteQueue();
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Which keys each piece asked for: `#order[#from[p], #from[p + 1])` are positions in the request. */
  readonly #order: Int32Array;
  readonly #from: Int32Array;

  /** `targets[i]` is the piece that carries key i. */
  constructor(sink: Sink, targets: Int32Array, keys: number, pieces: number) {
    this.#sink = sink;
    this.#waiting = pieces;
    this.#starts = new Int32Array(keys);
    this.#ends = new Int32Array(keys);
    this.#order = new Int32Array(keys);
    this.#from = new Int32Array(pieces + 1);
    for (let i = 0; i < keys; i++) this.#from[targets[i]! + 1]!++;
    for (let p = 0; p < pieces; p++) this.#from[p + 1]! += this.#from[p]!;
    const next = this.#from.slice();
    for (let i = 0; i < keys; i++) this.#order[next[targets[i]!]!++] = i;
  }

  piece(index: number): Sink {
    return {
      reply: (bytes, start, end) => this.#onReply(index, bytes, start, end),
      fail: (error: LinkError) => this.#onError(index, error.reply),
    };
  }

  #onReply(piece: number, bytes: Buffer, start: number, end: number): void {
    if (isError(bytes[start]!)) {
      this.#onErrorReply(piece, bytes, start, end);
      return;
    }
    const first = this.#from[piece]!;
    const last = this.#from[piece + 1]!;
    const head = `*${last - first}\r\n`;
    const headEnd = start + head.length;
    if (bytes[start] !== ARRAY || bytes.toString('latin1', start, headEnd) !== head) {
      this.#onError(piece, UPSTREAM_PROTOCOL_ERROR);
      return;
    }
    const shift = this.#bytes.length - headEnd;
    this.#bytes.append(bytes, headEnd, end);
    let at = headEnd;
    for (let i = first; i < last; i++) {
      const next = skipValue(bytes, at);
      const key = this.#order[i]!;
      this.#starts[key] = at + shift;
      this.#ends[key] = next + shift;
      at = next;
    }
    this.#settle();
  }

  #onErrorReply(piece: number, bytes: Buffer, start: number, end: number): void {
    const at = this.#bytes.length;
    this.#bytes.append(bytes, start, end);
    this.#fill(piece, at);
  }

  #onError(piece: number, text: string): void {
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
    answer(this.#sink, (out) => {
      const keys = this.#starts.length;
      encodeArrayHead(out, keys);
      const bytes = this.#bytes.bytes;
      for (let i = 0; i < keys; i++) out.append(bytes, this.#starts[i]!, this.#ends[i]!);
    });
    this.#bytes.clear();
  }
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
