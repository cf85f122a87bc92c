/**
 * A sorted set: members with scores, in the order of score, then of bytes.
 *
 *   few, short members ─▶ Listpack: member, score, member, score …
 *   else               ─▶ Dict: member ─▶ node, and SkipList: node ─▶ member
 *
 * A place is where a member is: a position of the listpack or a node of the list; 0: none. It is good until something
 * changes.
 */
import type { Arena } from '../memory/arena.ts';
import { Dict, OWN } from '../memory/dict.ts';
import { doubleText } from '../numbers.ts';
import type { Settings } from '../settings.ts';
import { Kind, type KindNumber } from '../types.ts';
import { Element, Listpack } from './listpack.ts';
import type { Members } from './members.ts';
import { compareBytes } from './order.ts';
import { parseBound, SCORE_BYTES_MAX, writeScore } from './score.ts';
import { SkipList } from './skip-list.ts';

const NODE = OWN;
const FIELDS = 1;
/** Objects and fields of this one, about. */
const OBJECT_BYTES = 200;
/** Redis keeps no listpack beyond this. */
const PACK_BYTES_MAX = 2 ** 30;

const scoreBytes: Buffer = Buffer.alloc(SCORE_BYTES_MAX);
const element: Element = new Element();
const scoreElement: Element = new Element();

/** What a sorted set is when it is big. */
interface Index {
  readonly members: Dict;
  readonly list: SkipList;
}

export class SortedSet implements Members {
  readonly kind: KindNumber = Kind.zset;
  readonly #arena: Arena;
  readonly #settings: Settings;
  #pack: Listpack | null;
  #index: Index | null = null;
  /** Entries of the Dict that are released. */
  #released = 0;

  constructor(arena: Arena, settings: Settings) {
    this.#arena = arena;
    this.#settings = settings;
    this.#pack = new Listpack(arena);
    if (settings.zsetMaxListpackEntries === 0) this.leavePack();
  }

  /** Takes the bytes of a listpack of pairs in their order, which the caller has checked. */
  static fromPack(arena: Arena, settings: Settings, pack: Listpack): SortedSet {
    const set = new SortedSet(arena, settings);
    set.#pack?.free();
    set.#pack = pack;
    set.#index = null;
    return set;
  }

  get size(): number {
    return this.#pack === null ? this.#index!.members.count : this.#pack.count / 2;
  }

  get encoding(): string {
    return this.#pack === null ? 'skiplist' : 'listpack';
  }

  get bytes(): number {
    if (this.#index === null) return OBJECT_BYTES;
    return OBJECT_BYTES + this.#index.members.bytes + this.#index.list.bytes;
  }

  /** What it is while it is small; null: it is big. */
  get pack(): Listpack | null {
    return this.#pack;
  }

  find(bytes: Buffer, start: number, end: number): number {
    const pack = this.#pack;
    if (pack !== null) return pack.find(pack.first(), bytes, start, end, 1);
    const { members } = this.#index!;
    const entry = members.find(bytes, start, end);
    return entry < 0 ? 0 : members.get(entry, NODE);
  }

  scoreAt(place: number): number {
    const pack = this.#pack;
    if (pack === null) return this.#index!.list.scoreOf(place);
    return scoreIn(pack, pack.next(place));
  }

  /** The score at a place as a scan shows it: in a listpack, the very text that is there. */
  scoreText(place: number): string {
    const pack = this.#pack;
    if (pack === null) return doubleText(this.scoreAt(place));
    pack.read(pack.next(place), scoreElement);
    return scoreElement.text;
  }

  has(bytes: Buffer, start: number, end: number): boolean {
    return this.find(bytes, start, end) !== 0;
  }

  /** NaN: it is no member. */
  scoreOf(bytes: Buffer, start: number, end: number): number {
    const place = this.find(bytes, start, end);
    return place === 0 ? Number.NaN : this.scoreAt(place);
  }

  /** The member at a place, into `target`. */
  read(place: number, target: Element): void {
    const pack = this.#pack;
    if (pack !== null) {
      pack.read(place, target);
      return;
    }
    const { members, list } = this.#index!;
    const key = members.keyOf(list.memberOf(place));
    target.integer = null;
    target.bytes = this.#arena.bufferOf(key);
    target.start = this.#arena.startOf(key);
    target.end = target.start + this.#arena.lengthOf(key);
  }

  /** Adds a member that is not there; `bytes` are not its own. */
  add(bytes: Buffer, start: number, end: number, score: number): void {
    const pack = this.#pack;
    if (pack !== null && this.#fits(pack, end - start)) {
      this.#insert(pack, bytes, start, end, score);
      return;
    }
    if (pack !== null) this.leavePack();
    const { members, list } = this.#index!;
    const entry = members.add(bytes, start, end);
    members.set(entry, NODE, list.insert(score, entry, bytes, start, end));
  }

  /** Another score for the member at a place. */
  rescore(place: number, score: number): void {
    const pack = this.#pack;
    if (pack !== null) {
      pack.read(place, element);
      // Its bytes are about to move.
      const copy = Buffer.from(element.bytes.subarray(element.start, element.end));
      pack.removeRange(place, 2);
      this.#insert(pack, copy, 0, copy.length, score);
      return;
    }
    const { members, list } = this.#index!;
    if (list.rescore(place, score)) return;
    const entry = list.memberOf(place);
    list.removeRun(place, 1, ignore);
    const key = members.keyOf(entry);
    const start = this.#arena.startOf(key);
    const end = start + this.#arena.lengthOf(key);
    members.set(entry, NODE, list.insert(score, entry, this.#arena.bufferOf(key), start, end));
  }

  /** Adds a member, or gives it another score. */
  set(bytes: Buffer, start: number, end: number, score: number): void {
    const place = this.find(bytes, start, end);
    if (place === 0) this.add(bytes, start, end, score);
    else if (this.scoreAt(place) !== score) this.rescore(place, score);
  }

  /** Removes up to `count` members from a place on. */
  removeRun(place: number, count: number): void {
    const pack = this.#pack;
    if (pack !== null) {
      pack.removeRange(place, count * 2);
      return;
    }
    const { members, list } = this.#index!;
    list.removeRun(place, count, (member) => members.remove(member));
  }

  first(): number {
    return this.#pack === null ? this.#index!.list.first : this.#pack.first();
  }

  last(): number {
    const pack = this.#pack;
    if (pack === null) return this.#index!.list.last;
    const score = pack.last();
    return score === 0 ? 0 : pack.previous(score);
  }

  next(place: number): number {
    const pack = this.#pack;
    if (pack === null) return this.#index!.list.next(place);
    return pack.next(pack.next(place));
  }

  previous(place: number): number {
    const pack = this.#pack;
    if (pack === null) return this.#index!.list.previous(place);
    const score = pack.previous(place);
    return score === 0 ? 0 : pack.previous(score);
  }

  /** The place that has so many before it; 0: there are fewer. */
  at(rank: number): number {
    if (rank < 0 || rank >= this.size) return 0;
    return this.#pack === null ? this.#index!.list.at(rank) : this.#pack.seek(rank * 2);
  }

  /** How many come before a place. */
  rankOf(place: number): number {
    const pack = this.#pack;
    if (pack === null) return this.#index!.list.rankOf(place);
    let rank = 0;
    for (let at = pack.first(); at !== place; at = this.next(at)) rank++;
    return rank;
  }

  /** The first place whose score is not less, or with `isOpen` is more; 0: none. */
  firstAbove(score: number, isOpen: boolean): number {
    if (this.#pack === null) {
      const { list } = this.#index!;
      return list.next(list.lastBelow(score, isOpen));
    }
    let place = this.first();
    while (place !== 0 && isBelow(this.scoreAt(place), score, isOpen)) place = this.next(place);
    return place;
  }

  /** The last place whose score is not more, or with `isOpen` is less; 0: none. */
  lastBelow(score: number, isOpen: boolean): number {
    if (this.#pack === null) return this.#index!.list.lastBelow(score, !isOpen);
    let place = this.last();
    while (place !== 0 && isBelow(-this.scoreAt(place), -score, isOpen)) {
      place = this.previous(place);
    }
    return place;
  }

  /** The first place whose member comes not before these bytes, or with `isOpen` after; scores are equal. 0: none. */
  firstAfter(bytes: Buffer, start: number, end: number, isOpen: boolean): number {
    if (this.#pack === null) {
      const { list } = this.#index!;
      return list.next(list.lastBefore(bytes, start, end, isOpen));
    }
    for (let place = this.first(); place !== 0; place = this.next(place)) {
      const order = this.compare(place, bytes, start, end);
      if (isOpen ? order > 0 : order >= 0) return place;
    }
    return 0;
  }

  /** The last place whose member comes not after these bytes, or with `isOpen` before; scores are equal. 0: none. */
  lastBefore(bytes: Buffer, start: number, end: number, isOpen: boolean): number {
    if (this.#pack === null) return this.#index!.list.lastBefore(bytes, start, end, !isOpen);
    for (let place = this.last(); place !== 0; place = this.previous(place)) {
      const order = this.compare(place, bytes, start, end);
      if (isOpen ? order < 0 : order <= 0) return place;
    }
    return 0;
  }

  /** The member at a place, beside other bytes. */
  compare(place: number, bytes: Buffer, start: number, end: number): number {
    this.read(place, element);
    return compareBytes(element.bytes, element.start, element.end, bytes, start, end);
  }

  /** Some place, each as likely as any other; 0: it is empty. */
  random(): number {
    if (this.#pack !== null) return this.at(Math.floor(Math.random() * this.size));
    const { members } = this.#index!;
    const entry = members.random();
    return entry < 0 ? 0 : members.get(entry, NODE);
  }

  some(target: Element, visit: () => boolean): boolean {
    for (let place = this.first(); place !== 0; place = this.next(place)) {
      this.read(place, target);
      if (visit()) return true;
    }
    return false;
  }

  /** Some places and the cursor of the next call, as Dict's; all at once while it is small. */
  scan(cursor: number, visit: (place: number) => void): number {
    if (this.#index !== null) {
      const { members } = this.#index;
      return members.scan(cursor, (entry) => visit(members.get(entry, NODE)));
    }
    for (let place = this.first(); place !== 0; place = this.next(place)) visit(place);
    return 0;
  }

  /** The same members with their scores, kept in the same way. */
  copy(): SortedSet {
    const pack = this.#pack;
    if (pack !== null) {
      const packed = pack.view();
      const twin = Listpack.from(this.#arena, packed, 0, packed.length);
      return SortedSet.fromPack(this.#arena, this.#settings, twin);
    }
    const copy = new SortedSet(this.#arena, this.#settings);
    copy.leavePack();
    for (let place = this.first(); place !== 0; place = this.next(place)) {
      this.read(place, element);
      copy.add(element.bytes, element.start, element.end, this.scoreAt(place));
    }
    return copy;
  }

  release(limit: number): boolean {
    this.#pack?.free();
    this.#pack = null;
    if (this.#index === null) return true;
    this.#released = this.#index.members.release(this.#released, limit, ignore);
    if (this.#released >= 0) return false;
    this.#index = null;
    return true;
  }

  /** One more member of so many bytes can be in the listpack. */
  #fits(pack: Listpack, length: number): boolean {
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.#settings;
    if (pack.count / 2 >= zsetMaxListpackEntries || length > zsetMaxListpackValue) return false;
    return pack.byteLength + length < PACK_BYTES_MAX;
  }

  #insert(pack: Listpack, bytes: Buffer, start: number, end: number, score: number): void {
    const scoreEnd = writeScore(scoreBytes, score);
    const place = this.#placeFor(pack, bytes, start, end, score);
    if (place === 0) {
      pack.append(bytes, start, end);
      pack.append(scoreBytes, 0, scoreEnd);
      return;
    }
    pack.insert(place, scoreBytes, 0, scoreEnd);
    pack.insert(place, bytes, start, end);
  }

  /** Where a new member belongs; 0: at the end. */
  #placeFor(pack: Listpack, bytes: Buffer, start: number, end: number, score: number): number {
    let place = pack.first();
    while (place !== 0) {
      const scorePlace = pack.next(place);
      const found = scoreIn(pack, scorePlace);
      if (found > score) return place;
      if (found === score && this.compare(place, bytes, start, end) > 0) return place;
      place = pack.next(scorePlace);
    }
    return 0;
  }

  /** Back to a listpack, if its members are few and short enough: for a result that was made to be big. */
  joinPack(): void {
    const index = this.#index;
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.#settings;
    if (index === null || index.members.count > zsetMaxListpackEntries) return;
    for (let place = this.first(); place !== 0; place = this.next(place)) {
      this.read(place, element);
      if (element.end - element.start > zsetMaxListpackValue) return;
    }
    const pack = new Listpack(this.#arena);
    for (let place = this.first(); place !== 0; place = this.next(place)) {
      this.read(place, element);
      pack.append(element.bytes, element.start, element.end);
      pack.append(scoreBytes, 0, writeScore(scoreBytes, this.scoreAt(place)));
    }
    index.members.release(0, Infinity, ignore);
    this.#index = null;
    this.#pack = pack;
  }

  /** From a listpack to a Dict and a list. */
  leavePack(): void {
    const pack = this.#pack;
    if (pack === null) return;
    const members = new Dict(this.#arena, FIELDS);
    const list = new SkipList(this.#arena, members);
    for (let place = pack.first(); place !== 0; place = this.next(place)) {
      pack.read(place, element);
      const { bytes, start, end } = element;
      const score = scoreIn(pack, pack.next(place));
      const entry = members.add(bytes, start, end);
      members.set(entry, NODE, list.insert(score, entry, bytes, start, end));
    }
    pack.free();
    this.#pack = null;
    this.#index = { members, list };
  }
}

function isBelow(score: number, bound: number, isOpen: boolean): boolean {
  return isOpen ? score <= bound : score < bound;
}

/** The score that the element at a position is. */
function scoreIn(pack: Listpack, position: number): number {
  const integer = pack.integerAt(position);
  if (integer !== null) return Number(integer);
  pack.read(position, scoreElement);
  return parseBound(scoreElement.bytes, scoreElement.start, scoreElement.end);
}

function ignore(): void {}
