/**
 * The order of a big sorted set: by score, and by bytes where scores are equal. A skip list in typed arrays: a node is a
 * number, so a million of them cost the garbage collector nothing.
 *
 *   node ─▶ score                                  (node 0: the head, which also stands for "none")
 *       └─▶ member (entry of a Dict) | previous | next | tower ─▶ next, span │ next, span │ … of the levels above
 *
 * A span is how many nodes further `next` is, so that ranks take no longer than finding.
 * https://15721.courses.cs.cmu.edu/spring2018/papers/08-oltpindexes1/pugh-skiplists-cacm1990.pdf
 */
import type { Arena } from '../memory/arena.ts';
import type { Dict } from '../memory/dict.ts';
import { compareRef } from './order.ts';

/** Numbers of a node beside its score. */
const MEMBER = 0;
const PREVIOUS = 1;
const NEXT = 2;
/** Where its tower is, and in the last five bits how many levels it has. */
const TOWER = 3;
const STRIDE = 4;
const TOWER_BITS = 5;
const TOWER_MASK = (1 << TOWER_BITS) - 1;

/** Nodes of one piece of memory, in bits: 4096. */
const CHUNK_BITS = 12;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;
const CHUNK_NODES_MIN = 256;
/** Numbers of one piece of memory for towers, in bits. A tower is in one piece. */
const POOL_BITS = 13;
const POOL_MASK = (1 << POOL_BITS) - 1;
/** Each level has a quarter of the nodes of the one below: enough for 4^17 nodes. */
const LEVELS_MAX = 17;

/** By level: the last node before a place, and its rank. Filled by `#descend`, used at once. */
const path: Int32Array = new Int32Array(LEVELS_MAX);
const ranks: Int32Array = new Int32Array(LEVELS_MAX);

export class SkipList {
  count = 0;
  /** The last node; 0: none. */
  last = 0;
  readonly #arena: Arena;
  readonly #members: Dict;
  readonly #scores: Float64Array[] = [];
  readonly #nodes: Int32Array[] = [];
  readonly #pool: Int32Array[] = [];
  /** Nodes and numbers of the pool that were ever used. */
  #used = 0;
  #poolUsed = 0;
  /** First free node, a list through NEXT; 0: none. */
  #free = 0;
  /** By height: the first free tower + 1, a list through its first number. */
  readonly #freeTowers: Int32Array = new Int32Array(LEVELS_MAX);
  #levels = 1;

  /** `members`: where the bytes of members are. */
  constructor(arena: Arena, members: Dict) {
    this.#arena = arena;
    this.#members = members;
    this.#takeNode(LEVELS_MAX - 1);
  }

  get bytes(): number {
    let bytes = 0;
    for (const chunk of this.#scores) bytes += chunk.length * (8 + STRIDE * 4);
    return bytes + this.#pool.length * (POOL_MASK + 1) * 4;
  }

  get first(): number {
    return this.next(0);
  }

  next(node: number): number {
    return this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + NEXT]!;
  }

  previous(node: number): number {
    return this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + PREVIOUS]!;
  }

  scoreOf(node: number): number {
    return this.#scores[node >>> CHUNK_BITS]![node & CHUNK_MASK]!;
  }

  memberOf(node: number): number {
    return this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + MEMBER]!;
  }

  /** Adds a member, an entry of the Dict with these bytes, that is not there. */
  insert(score: number, member: number, bytes: Buffer, start: number, end: number): number {
    this.#descend(score, bytes, start, end);
    const height = randomHeight();
    const node = this.#takeNode(height);
    this.#scores[node >>> CHUNK_BITS]![node & CHUNK_MASK] = score;
    const chunk = this.#nodes[node >>> CHUNK_BITS]!;
    const at = (node & CHUNK_MASK) * STRIDE;
    chunk[at + MEMBER] = member;
    for (; this.#levels <= height; this.#levels++) {
      path[this.#levels] = 0;
      ranks[this.#levels] = 0;
      this.#setSpan(0, this.#levels, this.count);
    }
    const before = path[0]!;
    const after = this.next(before);
    chunk[at + PREVIOUS] = before;
    chunk[at + NEXT] = after;
    this.#set(before, NEXT, node);
    if (after === 0) this.last = node;
    else this.#set(after, PREVIOUS, node);
    this.#linkAbove(node, height);
    this.count++;
    return node;
  }

  /** Takes out `count` nodes, the first of which is `node`; `visit` gets the member of each. */
  removeRun(node: number, count: number, visit: (member: number) => void): void {
    const key = this.#members.keyOf(this.memberOf(node));
    const start = this.#arena.startOf(key);
    const end = start + this.#arena.lengthOf(key);
    this.#descend(this.scoreOf(node), this.#arena.bufferOf(key), start, end);
    let current = node;
    for (let i = 0; i < count && current !== 0; i++) {
      const after = this.next(current);
      const member = this.memberOf(current);
      this.#unlink(current);
      visit(member);
      current = after;
    }
  }

  /** True: the score of a node became another, without a change of the order. */
  rescore(node: number, score: number): boolean {
    const before = this.previous(node);
    const after = this.next(node);
    if (before !== 0 && this.scoreOf(before) >= score) return false;
    if (after !== 0 && this.scoreOf(after) <= score) return false;
    this.#scores[node >>> CHUNK_BITS]![node & CHUNK_MASK] = score;
    return true;
  }

  /** How many nodes are before it. */
  rankOf(node: number): number {
    const key = this.#members.keyOf(this.memberOf(node));
    const start = this.#arena.startOf(key);
    const end = start + this.#arena.lengthOf(key);
    this.#descend(this.scoreOf(node), this.#arena.bufferOf(key), start, end);
    return ranks[0]!;
  }

  /** The node that has so many before it; 0: there are fewer. */
  at(rank: number): number {
    if (rank < 0 || rank >= this.count) return 0;
    let left = rank + 1;
    let node = 0;
    for (let level = this.#levels - 1; level > 0; level--) {
      for (let next = this.#nextAt(node, level); next !== 0; next = this.#nextAt(node, level)) {
        const span = this.#spanAt(node, level);
        if (span > left) break;
        left -= span;
        node = next;
      }
    }
    for (; left > 0; left--) node = this.next(node);
    return node;
  }

  /** The last node whose score is less, or with `orEqual` not more; 0: none. */
  lastBelow(score: number, orEqual: boolean): number {
    let node = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = this.#nextAt(node, level); next !== 0; next = this.#nextAt(node, level)) {
        const found = this.scoreOf(next);
        if (orEqual ? found > score : found >= score) break;
        node = next;
      }
    }
    return node;
  }

  /** The last node whose member comes before these bytes, or with `orEqual` is them; all scores are equal. 0: none. */
  lastBefore(bytes: Buffer, start: number, end: number, orEqual: boolean): number {
    let node = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = this.#nextAt(node, level); next !== 0; next = this.#nextAt(node, level)) {
        const order = this.#compare(next, bytes, start, end);
        if (orEqual ? order > 0 : order >= 0) break;
        node = next;
      }
    }
    return node;
  }

  /** Fills `path` and `ranks` with what is before a score and a member. */
  #descend(score: number, bytes: Buffer, start: number, end: number): void {
    let node = 0;
    let rank = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = this.#nextAt(node, level); next !== 0; next = this.#nextAt(node, level)) {
        const found = this.scoreOf(next);
        if (found > score) break;
        if (found === score && this.#compare(next, bytes, start, end) >= 0) break;
        rank += level === 0 ? 1 : this.#spanAt(node, level);
        node = next;
      }
      path[level] = node;
      ranks[level] = rank;
    }
  }

  #compare(node: number, bytes: Buffer, start: number, end: number): number {
    return compareRef(this.#arena, this.#members.keyOf(this.memberOf(node)), bytes, start, end);
  }

  #linkAbove(node: number, height: number): void {
    for (let level = 1; level <= height; level++) {
      const before = path[level]!;
      const passed = ranks[0]! - ranks[level]!;
      this.#setNext(node, level, this.#nextAt(before, level));
      this.#setSpan(node, level, this.#spanAt(before, level) - passed);
      this.#setNext(before, level, node);
      this.#setSpan(before, level, passed + 1);
    }
    for (let level = height + 1; level < this.#levels; level++) {
      this.#setSpan(path[level]!, level, this.#spanAt(path[level]!, level) + 1);
    }
  }

  /** Takes out the node behind `path`. */
  #unlink(node: number): void {
    for (let level = 1; level < this.#levels; level++) {
      const before = path[level]!;
      const span = this.#spanAt(before, level);
      if (this.#nextAt(before, level) === node) {
        this.#setNext(before, level, this.#nextAt(node, level));
        this.#setSpan(before, level, span + this.#spanAt(node, level) - 1);
      } else {
        this.#setSpan(before, level, span - 1);
      }
    }
    const before = path[0]!;
    const after = this.next(node);
    this.#set(before, NEXT, after);
    if (after === 0) this.last = before;
    else this.#set(after, PREVIOUS, before);
    while (this.#levels > 1 && this.#nextAt(0, this.#levels - 1) === 0) this.#levels--;
    this.#freeNode(node);
    this.count--;
  }

  #set(node: number, field: number, value: number): void {
    this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + field] = value;
  }

  /** The tower's place in the pool. */
  #towerOf(node: number): number {
    const tower = this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + TOWER]!;
    return tower >>> TOWER_BITS;
  }

  #nextAt(node: number, level: number): number {
    if (level === 0) return this.next(node);
    const at = this.#towerOf(node) + (level - 1) * 2;
    return this.#pool[at >>> POOL_BITS]![at & POOL_MASK]!;
  }

  #spanAt(node: number, level: number): number {
    const at = this.#towerOf(node) + (level - 1) * 2 + 1;
    return this.#pool[at >>> POOL_BITS]![at & POOL_MASK]!;
  }

  #setNext(node: number, level: number, next: number): void {
    const at = this.#towerOf(node) + (level - 1) * 2;
    this.#pool[at >>> POOL_BITS]![at & POOL_MASK] = next;
  }

  #setSpan(node: number, level: number, span: number): void {
    const at = this.#towerOf(node) + (level - 1) * 2 + 1;
    this.#pool[at >>> POOL_BITS]![at & POOL_MASK] = span;
  }

  #takeNode(height: number): number {
    let node = this.#free;
    if (node !== 0) this.#free = this.next(node);
    else {
      node = this.#used++;
      this.#makeRoom(node);
    }
    this.#set(node, TOWER, (this.#takeTower(height) << TOWER_BITS) | height);
    return node;
  }

  #makeRoom(node: number): void {
    const index = node >>> CHUNK_BITS;
    const chunk = this.#scores[index];
    if (chunk === undefined) {
      const nodes = index === 0 ? CHUNK_NODES_MIN : CHUNK_MASK + 1;
      this.#scores.push(new Float64Array(nodes));
      this.#nodes.push(new Int32Array(nodes * STRIDE));
      return;
    }
    if ((node & CHUNK_MASK) < chunk.length) return;
    const scores = new Float64Array(chunk.length * 2);
    scores.set(chunk);
    this.#scores[index] = scores;
    const nodes = new Int32Array(scores.length * STRIDE);
    nodes.set(this.#nodes[index]!);
    this.#nodes[index] = nodes;
  }

  #takeTower(height: number): number {
    if (height === 0) return 0;
    const free = this.#freeTowers[height]! - 1;
    if (free >= 0) {
      this.#freeTowers[height] = this.#pool[free >>> POOL_BITS]![free & POOL_MASK]!;
      return free;
    }
    const size = height * 2;
    if ((this.#poolUsed & POOL_MASK) + size > POOL_MASK + 1) {
      this.#poolUsed = this.#pool.length << POOL_BITS;
    }
    const at = this.#poolUsed;
    if (at >>> POOL_BITS === this.#pool.length) this.#pool.push(new Int32Array(POOL_MASK + 1));
    this.#poolUsed += size;
    return at;
  }

  #freeNode(node: number): void {
    const tower = this.#nodes[node >>> CHUNK_BITS]![(node & CHUNK_MASK) * STRIDE + TOWER]!;
    const height = tower & TOWER_MASK;
    if (height > 0) {
      const at = tower >>> TOWER_BITS;
      this.#pool[at >>> POOL_BITS]![at & POOL_MASK] = this.#freeTowers[height]!;
      this.#freeTowers[height] = at + 1;
    }
    this.#set(node, NEXT, this.#free);
    this.#free = node;
  }
}

/** Levels above the lowest: each with a chance of a quarter. */
function randomHeight(): number {
  const bits = (Math.random() * 2 ** 32) >>> 0;
  return Math.min(Math.clz32(bits) >>> 1, LEVELS_MAX - 1);
}
