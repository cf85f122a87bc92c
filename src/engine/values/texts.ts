/** Many texts one after the other in memory of their own, by number: what lies elsewhere may move meanwhile. */
import { copyBytes } from '../../core/bytes.ts';

const START_BYTES = 256;

export class Texts {
  bytes: Buffer = Buffer.allocUnsafe(START_BYTES);
  count = 0;
  /** Text n ends at `ends[n]`, where n + 1 begins; -1 - end: there is no text n. */
  readonly #ends: number[] = [];
  #used = 0;

  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.#used + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.#used);
      this.bytes = grown;
    }
    copyBytes(this.bytes, this.#used, bytes, start, end);
    this.#used = needed;
    this.#ends.push(needed);
    this.count++;
  }

  addNone(): void {
    this.#ends.push(-1 - this.#used);
    this.count++;
  }

  isNone(index: number): boolean {
    return this.#ends[index]! < 0;
  }

  start(index: number): number {
    if (index === 0) return 0;
    const end = this.#ends[index - 1]!;
    return end < 0 ? -1 - end : end;
  }

  end(index: number): number {
    const end = this.#ends[index]!;
    return end < 0 ? -1 - end : end;
  }
}
