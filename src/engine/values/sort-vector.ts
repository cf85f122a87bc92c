/**
 * Elements on their way through SORT: each with what it is sorted by, a number or a text. What is moved about is their
 * numbers. Sorting takes n log n, in one go.
 */
import { compareBytes } from './order.ts';
import { sortFirst } from './partial-sort.ts';
import { parseWeight } from './score.ts';
import { Texts } from './texts.ts';

export interface SortRule {
  /** By text, not by number. */
  readonly isText: boolean;
  /** By what is kept elsewhere, not by the elements. */
  readonly isByOther: boolean;
  readonly isDescending: boolean;
  /** Texts as bytes; else as the server's locale has them, which is that of C: up to the first byte of 0. */
  readonly isBinary: boolean;
}

export class SortVector {
  readonly elements: Texts = new Texts();
  /** Numbers of elements, in order once they are sorted. */
  order: number[] = [];
  /** An element that was to be a number is none. */
  hasNoNumber = false;
  /** By the number of the element. */
  readonly #scores: number[] = [];
  readonly #weights: Texts = new Texts();

  get count(): number {
    return this.elements.count;
  }

  /** What the next element is sorted by, as a number. */
  addScore(bytes: Buffer, start: number, end: number): void {
    const score = parseWeight(bytes, start, end);
    if (Number.isNaN(score)) this.hasNoNumber = true;
    this.#scores.push(score);
  }

  /** The next element has nothing to be sorted by: it counts as 0, and comes before every text. */
  addNoWeight(isText: boolean): void {
    if (isText) this.#weights.addNone();
    else this.#scores.push(0);
  }

  addText(bytes: Buffer, start: number, end: number): void {
    this.#weights.add(bytes, start, end);
  }

  /** As they were added. */
  keepOrder(): void {
    this.order = Array.from({ length: this.count }, (_none, i) => i);
  }

  /** Sorts them; `wanted`: only so many at the beginning, for which elements that are equal come in another order; null: all. */
  sort(rule: SortRule, wanted: number | null): void {
    this.keepOrder();
    const ascending = this.#comparison(rule);
    const compare = rule.isDescending
      ? (a: number, b: number) => -ascending(a, b)
      : (a: number, b: number) => ascending(a, b);
    if (wanted === null) this.order.sort(compare);
    else sortFirst(this.order, wanted, compare);
  }

  #comparison({ isText, isByOther, isBinary }: SortRule): (a: number, b: number) => number {
    if (!isText) return (a, b) => this.#compareScores(a, b);
    const texts = isByOther ? this.#weights : this.elements;
    return isBinary ? (a, b) => compareWhole(texts, a, b) : (a, b) => compareShown(texts, a, b);
  }

  #compareScores(a: number, b: number): number {
    const scoreA = this.#scores[a]!;
    const scoreB = this.#scores[b]!;
    if (scoreA !== scoreB) return scoreA < scoreB ? -1 : 1;
    return compareWhole(this.elements, a, b);
  }
}

function compareNone(texts: Texts, a: number, b: number): number {
  return (texts.isNone(a) ? 0 : 1) - (texts.isNone(b) ? 0 : 1);
}

function compareWhole(texts: Texts, a: number, b: number): number {
  if (texts.isNone(a) || texts.isNone(b)) return compareNone(texts, a, b);
  const { bytes } = texts;
  return compareBytes(bytes, texts.start(a), texts.end(a), bytes, texts.start(b), texts.end(b));
}

/** As `strcoll` in the locale of C. */
function compareShown(texts: Texts, a: number, b: number): number {
  if (texts.isNone(a) || texts.isNone(b)) return compareNone(texts, a, b);
  const { bytes } = texts;
  let atA = texts.start(a);
  let atB = texts.start(b);
  const endA = texts.end(a);
  const endB = texts.end(b);
  for (; atA < endA && atB < endB; atA++, atB++) {
    const difference = bytes[atA]! - bytes[atB]!;
    if (difference !== 0) return difference;
    if (bytes[atA] === 0) return 0;
  }
  const nextA = atA < endA ? bytes[atA]! : 0;
  const nextB = atB < endB ? bytes[atB]! : 0;
  return nextA - nextB;
}
