/**
 * A list: nodes of a few KiB in a chain, each some elements in the format of a listpack.
 *
 *   head ─▶ node ⇄ node ⇄ node ◀─ tail        a node: 8 KiB of elements, or one element that is larger
 *
 * Both ends cost the same whatever the length; places in between are found node by node from the nearer end.
 * OBJECT ENCODING says `quicklist` of every list, as Redis 7.0 does.
 */
import type { Arena } from '../memory/arena.ts';
import { parseInteger } from '../numbers.ts';
import type { Reply } from '../reply.ts';
import type { Settings } from '../settings.ts';
import { type Collection, Kind } from '../types.ts';
import { ListNode, PACK_BYTES } from './list-node.ts';
import { DIGITS_MAX, type Element, HEAD_BYTES, OVERHEAD_BYTES_MAX } from './listpack.ts';

/** Of a node when what bounds it is a number of elements. */
const NODE_BYTES_MAX = 8192;
const SMALLEST_NODE_BYTES = 4096;
/** `list-max-listpack-size` from -1 to -5 is 4 to 64 KiB. */
const FILL_MIN = -5;
/** What Redis thinks an element takes beside its bytes; as there, or the nodes would end elsewhere. */
const ELEMENT_OVERHEAD = 8;
/** An element of fewer bytes takes so much beside them: head and length backwards of a byte each. */
const SHORT_BYTES = 64;
const SHORT_OVERHEAD = 2;
/** What the objects of a list and of a node take, about. */
const LIST_COST = 80;
const NODE_COST = 96;

/** A place in a list, moved along it. Good until the list changes by other means than this cursor. */
export class ListCursor {
  /** Null: beyond either end. */
  node: ListNode | null = null;
  position = 0;

  next(): void {
    const { node } = this;
    if (node === null) return;
    this.position = node.after(this.position);
    if (this.position === node.size) this.toFirst(node.next);
  }

  previous(): void {
    const { node } = this;
    if (node === null) return;
    if (this.position > 0) this.position = node.before(this.position);
    else this.toLast(node.previous);
  }

  toFirst(node: ListNode | null): void {
    this.node = node;
    this.position = 0;
  }

  toLast(node: ListNode | null): void {
    this.node = node;
    this.position = node === null ? 0 : node.before(node.size);
  }

  /** The element there, which must be one. */
  read(element: Element): void {
    this.node?.read(this.position, element);
  }
}

export class List implements Collection {
  readonly kind: typeof Kind.list = Kind.list;
  readonly encoding: string = 'quicklist';
  /** Elements. */
  size = 0;
  readonly #arena: Arena;
  readonly #settings: Settings;
  #head: ListNode | null = null;
  #tail: ListNode | null = null;
  #nodes = 0;

  constructor(arena: Arena, settings: Settings) {
    this.#arena = arena;
    this.#settings = settings;
  }

  get bytes(): number {
    return LIST_COST + this.#nodes * NODE_COST;
  }

  /** Pieces it is in: as many as `packs` gives. */
  get nodeCount(): number {
    return this.#nodes;
  }

  push(atFront: boolean, bytes: Buffer, start: number, end: number): void {
    const last = atFront ? this.#head : this.#tail;
    const node = last !== null && this.#allows(last, end - start) ? last : null;
    const target = node ?? this.#addNode(last, atFront, end - start);
    if (atFront) target.pushFront(bytes, start, end, this.#growth);
    else target.pushBack(bytes, start, end, this.#growth);
    this.size++;
  }

  /** The first or the last element of a list that is not empty; to be read before it is removed by `drop`. */
  peek(atFront: boolean, element: Element): void {
    const node = (atFront ? this.#head : this.#tail)!;
    node.read(atFront ? 0 : node.before(node.size), element);
  }

  /** Removes the first or the last element of a list that is not empty. */
  drop(atFront: boolean): void {
    const node = (atFront ? this.#head : this.#tail)!;
    if (node.count === 1) this.#unlink(node);
    else if (atFront) node.cutFront(node.after(0), 1);
    else node.cutBack(node.before(node.size), 1);
    this.size--;
  }

  /** Removes so many elements at one end; there are as many. */
  cut(atFront: boolean, count: number): void {
    let rest = count;
    this.size -= count;
    while (rest > 0) {
      const node = (atFront ? this.#head : this.#tail)!;
      if (node.count <= rest) {
        rest -= node.count;
        this.#unlink(node);
      } else if (atFront) {
        node.cutFront(node.seek(rest), rest);
        return;
      } else {
        node.cutBack(node.seek(node.count - rest), rest);
        return;
      }
    }
  }

  /** Puts the cursor on the first or the last element. */
  begin(atFront: boolean, cursor: ListCursor): void {
    if (atFront) cursor.toFirst(this.#head);
    else cursor.toLast(this.#tail);
  }

  /** Puts the cursor on an element by its place; negative: from the end; false: there is none. */
  seek(index: number, cursor: ListCursor): boolean {
    const place = index < 0 ? index + this.size : index;
    if (place < 0 || place >= this.size) return false;
    const node = this.#nodeOf(place);
    cursor.node = node;
    cursor.position = node.seek(placeInNode);
    return true;
  }

  /**
   * Moves the cursor, from where it is, to an element of these bytes, past `limit` elements at most; how many it passed;
   * -1: there is none.
   */
  find(
    cursor: ListCursor,
    forward: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    limit: number,
  ): number {
    const value = end - start <= DIGITS_MAX ? parseInteger(bytes, start, end) : null;
    for (let passed = 0; cursor.node !== null && passed < limit; passed++) {
      if (cursor.node.equals(cursor.position, value, bytes, start, end)) return passed;
      if (forward) cursor.next();
      else cursor.previous();
    }
    return -1;
  }

  /** Writes `count` elements from the place `index` on as bulk strings; there are as many. */
  writeTo(reply: Reply, index: number, count: number): void {
    if (count <= 0) return;
    let node: ListNode | null = this.#nodeOf(index);
    let before = placeInNode;
    for (let rest = count; rest > 0 && node !== null; node = node.next) {
      const here = Math.min(rest, node.count - before);
      node.writeTo(reply, node.seek(before), here);
      rest -= here;
      before = 0;
    }
  }

  /** Removes the element under the cursor, which is then on the next one in its direction. */
  remove(cursor: ListCursor, forward: boolean): void {
    const node = cursor.node!;
    const { position } = cursor;
    if (!forward) cursor.previous();
    if (node.count === 1) {
      if (forward) cursor.toFirst(node.next);
      this.#unlink(node);
    } else {
      node.remove(position);
      if (forward && position === node.size) cursor.toFirst(node.next);
    }
    this.size--;
  }

  /** Other bytes for the element under the cursor, which is not used any more then. */
  replace(cursor: ListCursor, bytes: Buffer, start: number, end: number): void {
    const node = cursor.node!;
    if (node.count === 1 || this.#hasRoom(node, end - start)) {
      node.replace(cursor.position, bytes, start, end, this.#growth);
      return;
    }
    this.remove(cursor, true);
    if (cursor.node === null) this.push(false, bytes, start, end);
    else this.insert(cursor, false, bytes, start, end);
  }

  /** Puts an element beside the one under the cursor, which is not used any more then. */
  insert(cursor: ListCursor, behind: boolean, bytes: Buffer, start: number, end: number): void {
    const node = cursor.node!;
    const length = end - start;
    const position = behind ? node.after(cursor.position) : cursor.position;
    this.size++;
    if (this.#allows(node, length)) {
      node.insert(position, bytes, start, end, this.#growth);
    } else if (position === 0) {
      this.#pushBetween(node.previous, node, bytes, start, end);
    } else if (position === node.size) {
      this.#pushBetween(node, node.next, bytes, start, end);
    } else {
      const second = this.#split(node, position);
      this.#pushBetween(node, second, bytes, start, end);
      this.#mergeNext(second);
      if (node.previous !== null) this.#mergeNext(node.previous);
    }
  }

  release(limit: number): boolean {
    for (let rest = limit; rest > 0 && this.#head !== null; ) {
      rest -= this.#head.count;
      this.size -= this.#head.count;
      this.#unlink(this.#head);
    }
    return this.#head === null;
  }

  /** The same elements once more. */
  copy(): List {
    const copy = new List(this.#arena, this.#settings);
    for (let node = this.#head; node !== null; node = node.next) {
      const twin = new ListNode(this.#arena, node.size, false);
      twin.appendAll(node, 0);
      copy.#link(twin, copy.#tail, null);
    }
    copy.size = this.size;
    return copy;
  }

  /** Its nodes as listpacks, for whoever writes it to a file. */
  *packs(): Generator<Buffer> {
    for (let node = this.#head; node !== null; node = node.next) yield node.toPack();
  }

  /** Takes a listpack, which the caller has checked, as one more node at the end. */
  appendPack(bytes: Buffer, start: number, end: number, count: number): void {
    if (count === 0) return;
    const node = new ListNode(this.#arena, end - start - PACK_BYTES, false);
    node.appendEncoded(bytes, start + HEAD_BYTES, end - 1, count);
    this.#link(node, this.#tail, null);
    this.size += count;
  }

  /** What elements of a node may take before it grows no more by doubling. */
  get #growth(): number {
    return this.#nodeBytes - PACK_BYTES;
  }

  get #nodeBytes(): number {
    const fill = this.#settings.listMaxListpackSize;
    if (fill >= 0) return NODE_BYTES_MAX;
    return SMALLEST_NODE_BYTES << (-Math.max(fill, FILL_MIN) - 1);
  }

  /** One more element of so many bytes belongs into this node. */
  #allows(node: ListNode, length: number): boolean {
    const fill = this.#settings.listMaxListpackSize;
    return this.#hasRoom(node, length) && (fill < 0 || node.count < fill);
  }

  #hasRoom(node: ListNode, length: number): boolean {
    return node.size + PACK_BYTES + length + ELEMENT_OVERHEAD <= this.#nodeBytes;
  }

  /** A node at one end, beside `last`, which is full: the new one is going to be as large. */
  #addNode(last: ListNode | null, atFront: boolean, length: number): ListNode {
    const like = last === null ? 0 : Math.min(last.size, this.#growth);
    const exact = length + (length < SHORT_BYTES ? SHORT_OVERHEAD : OVERHEAD_BYTES_MAX);
    const node = new ListNode(this.#arena, Math.max(like, exact), atFront);
    if (atFront) this.#link(node, null, last);
    else this.#link(node, last, null);
    return node;
  }

  /** Puts an element between two neighbours: at the end of one that has room, else into a node of its own. */
  #pushBetween(
    before: ListNode | null,
    after: ListNode | null,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const length = end - start;
    if (before !== null && this.#allows(before, length)) {
      before.pushBack(bytes, start, end, this.#growth);
    } else if (after !== null && this.#allows(after, length)) {
      after.pushFront(bytes, start, end, this.#growth);
    } else {
      const node = new ListNode(this.#arena, length + OVERHEAD_BYTES_MAX, false);
      node.pushBack(bytes, start, end, this.#growth);
      this.#link(node, before, after);
    }
  }

  #split(node: ListNode, position: number): ListNode {
    let count = 0;
    for (let at = position; at < node.size; at = node.after(at)) count++;
    const second = node.split(position, count);
    this.#link(second, node, node.next);
    return second;
  }

  /** Makes one node of two, if it is none too large. */
  #mergeNext(node: ListNode): void {
    const { next } = node;
    if (next === null || !this.#hasRoom(node, next.size)) return;
    const fill = this.#settings.listMaxListpackSize;
    if (fill >= 0 && node.count + next.count > fill) return;
    node.appendAll(next, this.#growth);
    this.#unlink(next);
  }

  /** The node of a place that is there; where in it goes to `placeInNode`. */
  #nodeOf(index: number): ListNode {
    let node: ListNode;
    let place = index;
    if (index < this.size / 2) {
      node = this.#head!;
      for (; place >= node.count; node = node.next!) place -= node.count;
    } else {
      node = this.#tail!;
      for (place -= this.size - node.count; place < 0; place += node.count) node = node.previous!;
    }
    placeInNode = place;
    return node;
  }

  #link(node: ListNode, before: ListNode | null, after: ListNode | null): void {
    node.previous = before;
    node.next = after;
    if (before === null) this.#head = node;
    else before.next = node;
    if (after === null) this.#tail = node;
    else after.previous = node;
    this.#nodes++;
  }

  #unlink(node: ListNode): void {
    if (node.previous === null) this.#head = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.#tail = node.previous;
    else node.next.previous = node.previous;
    this.#nodes--;
    node.free();
  }
}

/** What `#nodeOf` found beside the node. */
let placeInNode = 0;
