/**
 * A stream: entries in the order of their ids, in nodes that are cut as Redis cuts them, so that trimming by whole nodes
 * removes what it removes there.
 *
 *   nodes ─▶ StreamNode (up to 100 entries, 4 KiB) …      found by their first ids
 *   groups ─▶ Group ─▶ Pending, Consumer ─▶ Pending
 */
import type { Command } from '../../commands/command.ts';
import type { Arena } from '../memory/arena.ts';
import { addIntegers, narrow } from '../numbers.ts';
import { type Collection, Kind, type KindNumber } from '../types.ts';
import type { Group } from './group.ts';
import { compareIds, StreamId } from './stream-id.ts';
import { NODE_COST, NodeEntry, StreamNode } from './stream-node.ts';

/** As Redis: of a node, whatever is configured. */
const NODE_BYTES_MAX = 2 ** 30;
/** Nodes that are gone from the front before the others move up. */
const GONE_MAX = 64;
const KEY_BYTES = 16;

/** Nobody knows how many entries were read. */
export const UNKNOWN_READ = -1;

export interface NodeLimits {
  readonly streamNodeMaxBytes: number;
  readonly streamNodeMaxEntries: number;
}

export interface Trim {
  /** Entries that stay; of no use where `minId` is given. */
  readonly maxLength: number;
  /** What comes before it goes. */
  readonly minId: StreamId | null;
  /** Only whole nodes go. */
  readonly isApproximate: boolean;
  /** Entries that go at most; 0: any number. */
  readonly limit: number;
}

export class Stream implements Collection {
  readonly kind: KindNumber = Kind.stream;
  readonly encoding: string = 'stream';
  /** Entries. */
  size = 0;
  readonly lastId: StreamId = new StreamId();
  /** Of the first entry that is there; 0-0: none is. */
  readonly firstId: StreamId = new StreamId();
  /** The greatest that was deleted, not counting trimming. */
  readonly maxDeletedId: StreamId = new StreamId();
  /** Ever. */
  added: number | bigint = 0;
  /** By name, one character per byte. */
  readonly groups: Map<string, Group> = new Map();
  readonly #arena: Arena;
  #nodes: StreamNode[] = [];
  /** Nodes at the front of the array that are gone. */
  #gone = 0;
  readonly #entry: NodeEntry = new NodeEntry();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get bytes(): number {
    let bytes = this.#nodes.length * NODE_COST;
    for (const group of this.groups.values()) bytes += group.bytes;
    return bytes;
  }

  get nodeCount(): number {
    return this.#nodes.length - this.#gone;
  }

  nodeAt(index: number): StreamNode | undefined {
    return this.#nodes[this.#gone + index];
  }

  /** The same entries and groups, deleted entries and unconfirmed ones included. */
  copy(): Stream {
    const copy = new Stream(this.#arena);
    copy.size = this.size;
    copy.lastId.copy(this.lastId);
    copy.firstId.copy(this.firstId);
    copy.maxDeletedId.copy(this.maxDeletedId);
    copy.added = this.added;
    for (let i = 0; i < this.nodeCount; i++) copy.#nodes.push(this.nodeAt(i)!.copy(this.#arena));
    for (const group of this.groups.values()) copy.groups.set(group.name, group.copy());
    return copy;
  }

  release(limit: number): boolean {
    let left = limit;
    while (this.nodeCount > 0 && left > 0) {
      const node = this.#nodes.pop()!;
      left -= node.live + 1;
      node.pack.free();
    }
    return this.nodeCount === 0;
  }

  /** Appends an entry, whose id must be greater than the last; its fields are arguments from `at` on. */
  append(id: StreamId, command: Command, at: number, limits: NodeLimits): void {
    const fields = (command.argc - at) >>> 1;
    let node = this.#nodes.length > this.#gone ? this.#nodes[this.#nodes.length - 1] : undefined;
    if (node === undefined || isFull(node, bytesFrom(command, at), limits)) {
      node = new StreamNode(this.#arena, id);
      node.begin(command, at, fields);
      this.#nodes.push(node);
    }
    node.append(id, command, at, fields);
    this.size++;
    this.added = sumOf(this.added, 1);
    this.lastId.copy(id);
    if (this.size === 1) this.firstId.copy(id);
  }

  /** Takes a node behind the others; `settleFirst` has to follow when all are there. */
  adopt(node: StreamNode): void {
    this.#nodes.push(node);
    this.size += node.live;
  }

  /** Where the node is that an id is in, if it is anywhere; -1: it comes before all. */
  nodeOf(id: StreamId): number {
    let low = 0;
    let high = this.nodeCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.nodeAt(middle)!.first, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  has(id: StreamId): boolean {
    return this.#find(id) >= 0;
  }

  /** Takes an entry out; false: it is not there. */
  remove(id: StreamId): boolean {
    const index = this.#find(id);
    if (index < 0) return false;
    const node = this.nodeAt(index)!;
    if (node.live === 1) this.#removeNode(index);
    else {
      node.mark(this.#entry);
      node.countDeleted(1);
    }
    this.size--;
    if (compareIds(id, this.maxDeletedId) > 0) this.maxDeletedId.copy(id);
    if (this.size === 0 || compareIds(id, this.firstId) === 0) this.settleFirst();
    return true;
  }

  /** Removes from the front; how many. */
  trim(trim: Trim): number {
    let removed = 0;
    while (this.nodeCount > 0) {
      if (trim.minId === null && this.size <= trim.maxLength) break;
      const node = this.nodeAt(0)!;
      const { live } = node;
      if (trim.limit !== 0 && removed + live > trim.limit) break;
      if (this.#goesWhole(node, live, trim)) {
        this.#removeNode(0);
        this.size -= live;
        removed += live;
        continue;
      }
      if (!trim.isApproximate) removed += this.#trimInside(node, trim);
      break;
    }
    if (removed > 0) this.settleFirst();
    return removed;
  }

  /** The greatest id that is there, 0-0 of an empty stream, into `id`. */
  lastLiveId(id: StreamId): void {
    id.clear();
    const entry = this.#entry;
    for (let i = this.nodeCount - 1; i >= 0; i--) {
      entry.enter(this.nodeAt(i)!);
      for (let is = entry.last(); is; is = entry.previous()) {
        if (entry.isDeleted) continue;
        id.copy(entry.id);
        return;
      }
    }
  }

  /** Something was deleted from `from` on, so that what is counted up to there says nothing of what follows. */
  hasGapFrom(from: StreamId): boolean {
    if (this.size === 0 || this.maxDeletedId.isZero) return false;
    if (compareIds(this.firstId, this.maxDeletedId) > 0) return false;
    return compareIds(from, this.maxDeletedId) <= 0;
  }

  /** How many entries were ever added up to an id; `UNKNOWN_READ`: that cannot be said. */
  countUpTo(id: StreamId): number | bigint {
    if (this.added === 0) return 0;
    const last = compareIds(id, this.lastId);
    if (this.size === 0 && last <= 0) return this.added;
    if (last === 0) return this.added;
    if (last > 0) return UNKNOWN_READ;
    const gap = compareIds(this.maxDeletedId, this.firstId);
    if (!this.maxDeletedId.isZero && gap >= 0) return UNKNOWN_READ;
    const first = compareIds(id, this.firstId);
    if (first > 0) return UNKNOWN_READ;
    return sumOf(this.added, first < 0 ? -this.size : 1 - this.size);
  }

  /**
   * How many nodes a radix tree of the first ids of all nodes has: a figure of Redis's that clients are shown. In
   * proportion to the nodes.
   */
  get treeNodes(): number {
    if (this.nodeCount === 0) return 1;
    return countTree(this.nodeCount, (index) => keyOf(this.nodeAt(index)!.first));
  }

  /** The index of the node that has this entry, which `#entry` stands at then; -1: it is not there. */
  #find(id: StreamId): number {
    const index = this.nodeOf(id);
    if (index < 0) return -1;
    const entry = this.#entry;
    entry.enter(this.nodeAt(index)!);
    for (let is = entry.first(); is; is = entry.next()) {
      // Behind one that is deleted may be a lesser id, for the last id can be set back.
      if (entry.isDeleted) continue;
      const order = compareIds(entry.id, id);
      if (order === 0) return index;
      if (order > 0) return -1;
    }
    return -1;
  }

  #goesWhole(node: StreamNode, live: number, trim: Trim): boolean {
    if (trim.minId === null) return this.size - live >= trim.maxLength;
    const entry = this.#entry;
    entry.enter(node);
    return entry.last() && compareIds(entry.id, trim.minId) < 0;
  }

  #trimInside(node: StreamNode, trim: Trim): number {
    const entry = this.#entry;
    entry.enter(node);
    let removed = 0;
    for (let is = entry.first(); is; is = entry.next()) {
      const stays =
        trim.minId === null ? this.size <= trim.maxLength : compareIds(entry.id, trim.minId) >= 0;
      if (stays) break;
      if (entry.isDeleted) continue;
      node.mark(entry);
      this.size--;
      removed++;
    }
    node.countDeleted(removed);
    return removed;
  }

  #removeNode(index: number): void {
    this.nodeAt(index)!.pack.free();
    if (index > 0) {
      this.#nodes.splice(this.#gone + index, 1);
      return;
    }
    this.#gone++;
    if (this.#gone < GONE_MAX && this.#gone < this.#nodes.length) return;
    if (this.#gone * 2 < this.#nodes.length) return;
    this.#nodes = this.#nodes.slice(this.#gone);
    this.#gone = 0;
  }

  /** Finds the first entry that is there. */
  settleFirst(): void {
    this.firstId.clear();
    if (this.size === 0) return;
    const entry = this.#entry;
    for (let i = 0; i < this.nodeCount; i++) {
      entry.enter(this.nodeAt(i)!);
      for (let is = entry.first(); is; is = entry.next()) {
        if (entry.isDeleted) continue;
        this.firstId.copy(entry.id);
        return;
      }
    }
  }
}

/** As C adds 64-bit integers: beyond the greatest comes the least. */
export function sumOf(a: number | bigint, b: number | bigint): number | bigint {
  return addIntegers(a, b) ?? narrow(BigInt.asIntN(64, BigInt(a) + BigInt(b)));
}

function isFull(node: StreamNode, bytes: number, limits: NodeLimits): boolean {
  const { streamNodeMaxBytes, streamNodeMaxEntries } = limits;
  const most =
    streamNodeMaxBytes === 0 ? NODE_BYTES_MAX : Math.min(streamNodeMaxBytes, NODE_BYTES_MAX);
  if (node.pack.byteLength + bytes >= most) return true;
  return streamNodeMaxEntries > 0 && node.live + node.deleted >= streamNodeMaxEntries;
}

/** Of all arguments from `at` on. */
function bytesFrom(command: Command, at: number): number {
  let bytes = 0;
  for (let i = at; i < command.argc; i++) bytes += command.argLength(i);
  return bytes;
}

/** An entry's fields are longer than a node can be. */
export function isTooLong(command: Command, at: number): boolean {
  return bytesFrom(command, at) > NODE_BYTES_MAX;
}

function keyOf(id: StreamId): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUInt32BE(id.msHigh, 0);
  key.writeUInt32BE(id.msLow, 4);
  key.writeUInt32BE(id.seqHigh, 8);
  key.writeUInt32BE(id.seqLow, 12);
  return key;
}

/**
 * Nodes of a compressed radix tree of keys of one length, which come in order: one for each key, one for each place
 * where keys part, and one for each run of bytes between those.
 */
function countTree(count: number, keyAt: (index: number) => Buffer): number {
  let nodes = 0;
  /** Depths at which the path to the last key parts, rising. */
  const partings: number[] = [];
  let before = keyAt(0);
  for (let i = 1; i <= count; i++) {
    const key = i < count ? keyAt(i) : null;
    const shared = key === null ? -1 : sharedLength(before, key);
    // Whatever lies deeper than where the next key leaves is complete: its end, and the run in front of it.
    let end = KEY_BYTES;
    nodes++;
    while (partings.length > 0 && partings[partings.length - 1]! > shared) {
      const parting = partings.pop()!;
      if (end - parting > 1) nodes++;
      nodes++;
      end = parting;
    }
    const above = Math.max(shared, -1);
    if (end - above > 1) nodes++;
    if (key === null) break;
    if (partings[partings.length - 1] !== shared) partings.push(shared);
    before = key;
  }
  return nodes;
}

function sharedLength(a: Buffer, b: Buffer): number {
  let length = 0;
  while (length < KEY_BYTES && a[length] === b[length]) length++;
  return length;
}
