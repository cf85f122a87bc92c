/**
 * A node of a stream: entries one after the other in a listpack, in the layout of Redis.
 *
 *   count | deleted | names | name … | 0     what the entries are told against: the first one's field names
 *   flags | ms | seq | value … | elements    an entry with just these names; ms and seq relative to the node's id
 *   flags | ms | seq | fields | name | value … | elements
 */
import type { Command } from '../../commands/command.ts';
import type { Arena } from '../memory/arena.ts';
import { Listpack } from './listpack.ts';
import { msDifference, StreamId, seqDifference } from './stream-id.ts';

/** Flags of an entry. */
export const DELETED = 1;
export const NAMES_SHARED = 2;
/** Elements of an entry beside its names and values: flags, ms, seq. */
const ENTRY_HEAD = 3;
/** What the objects of a node take, about. */
export const NODE_COST = 160;

const scratch: Buffer = Buffer.alloc(20);

export class StreamNode {
  /** Of its first entry, also when that is deleted. */
  readonly first: StreamId = new StreamId();
  readonly pack: Listpack;

  /** `pack`: what is in it, which the caller has checked; default: nothing, and `begin` has to follow. */
  constructor(arena: Arena, first: StreamId, pack: Listpack = new Listpack(arena)) {
    this.first.copy(first);
    this.pack = pack;
  }

  copy(arena: Arena): StreamNode {
    const packed = this.pack.view();
    return new StreamNode(arena, this.first, Listpack.from(arena, packed, 0, packed.length));
  }

  /** Entries that are not deleted. */
  get live(): number {
    return Number(this.pack.integerAt(this.pack.first()));
  }

  /** Entries that are only marked as deleted. */
  get deleted(): number {
    const { pack } = this;
    return Number(pack.integerAt(pack.next(pack.first())));
  }

  /** Writes the head, with the names of an entry that is to come. */
  begin(command: Command, at: number, fields: number): void {
    const { pack } = this;
    pack.appendInteger(0);
    pack.appendInteger(0);
    pack.appendInteger(fields);
    for (let i = 0; i < fields; i++) appendArgument(pack, command, at + i * 2);
    pack.appendInteger(0);
  }

  /** The entry's names and values are arguments from `at` on. */
  append(id: StreamId, command: Command, at: number, fields: number): void {
    const { pack } = this;
    const isSame = this.#hasNames(command, at, fields);
    pack.appendInteger(isSame ? NAMES_SHARED : 0);
    appendNumber(pack, msDifference(id, this.first));
    appendNumber(pack, seqDifference(id, this.first));
    if (!isSame) pack.appendInteger(fields);
    for (let i = 0; i < fields; i++) {
      if (!isSame) appendArgument(pack, command, at + i * 2);
      appendArgument(pack, command, at + i * 2 + 1);
    }
    pack.appendInteger(isSame ? fields + ENTRY_HEAD : fields * 2 + ENTRY_HEAD + 1);
    pack.replaceInteger(pack.first(), this.live + 1);
  }

  /** Marks an entry as deleted; `countDeleted` has to follow, for positions move then. */
  mark(entry: NodeEntry): void {
    this.pack.replaceInteger(entry.position, entry.flags | DELETED);
  }

  countDeleted(count: number): void {
    const { pack } = this;
    pack.replaceInteger(pack.first(), this.live - count);
    pack.replaceInteger(pack.next(pack.first()), this.deleted + count);
  }

  #hasNames(command: Command, at: number, fields: number): boolean {
    const { pack } = this;
    let position = pack.seek(2);
    if (pack.integerAt(position) !== fields) return false;
    for (let i = 0; i < fields; i++) {
      position = pack.next(position);
      const index = at + i * 2;
      const start = command.argStart(index);
      if (!pack.equals(position, command.bytes, start, command.argEnd(index))) return false;
    }
    return true;
  }
}

/** Where an entry is in its node, and what it says of itself. */
export class NodeEntry {
  readonly id: StreamId = new StreamId();
  /** Of its first element; 0: there is no such entry. */
  position = 0;
  flags = 0;
  fields = 0;
  /** The first name, if its names are the node's; else 0. */
  names = 0;
  /** The first value, or where the names are its own the first name. */
  content = 0;
  #node: StreamNode | null = null;
  /** The first name of the node, and how many there are. */
  #names = 0;
  #nameCount = 0;
  /** Behind the head of the node. */
  #head = 0;

  get isDeleted(): boolean {
    return (this.flags & DELETED) !== 0;
  }

  /** Reads the head of a node; one stands at no entry then. */
  enter(node: StreamNode): void {
    const { pack } = node;
    this.#node = node;
    this.position = 0;
    const count = pack.seek(2);
    this.#nameCount = Number(pack.integerAt(count));
    this.#names = pack.next(count);
    this.#head = pack.skip(this.#names, this.#nameCount);
  }

  first(): boolean {
    return this.#read(this.#node!.pack.next(this.#head));
  }

  last(): boolean {
    return this.#readBefore(this.#node!.pack.last());
  }

  next(): boolean {
    const { pack } = this.#node!;
    const elements = this.names === 0 ? this.fields * 2 : this.fields;
    // The last one tells how many there are.
    return this.#read(pack.skip(this.content, elements + 1));
  }

  previous(): boolean {
    return this.#readBefore(this.#node!.pack.previous(this.position));
  }

  /** The entry whose last element, or the end of the head, is at `end`. */
  #readBefore(end: number): boolean {
    const { pack } = this.#node!;
    if (end === this.#head) return this.#read(0);
    let position = end;
    for (let i = Number(pack.integerAt(end)); i > 0; i--) position = pack.previous(position);
    return this.#read(position);
  }

  #read(position: number): boolean {
    this.position = position;
    if (position === 0) return false;
    const node = this.#node!;
    const { pack } = node;
    this.flags = Number(pack.integerAt(position));
    const ms = pack.next(position);
    const seq = pack.next(ms);
    this.id.setSum(node.first, pack.integerAt(ms) ?? 0, pack.integerAt(seq) ?? 0);
    const after = pack.next(seq);
    if ((this.flags & NAMES_SHARED) === 0) {
      this.fields = Number(pack.integerAt(after));
      this.names = 0;
      this.content = pack.next(after);
    } else {
      this.fields = this.#nameCount;
      this.names = this.#names;
      this.content = after;
    }
    return true;
  }
}

function appendArgument(pack: Listpack, command: Command, index: number): void {
  pack.append(command.bytes, command.argStart(index), command.argEnd(index));
}

function appendNumber(pack: Listpack, value: number | bigint): void {
  if (typeof value === 'number') pack.appendInteger(value);
  else pack.append(scratch, 0, scratch.write(String(value), 'latin1'));
}
