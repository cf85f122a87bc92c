/** Streams of an RDB: every number that says how a node is built is checked, since whoever reads entries believes them. */
import type { Arena } from '../memory/arena.ts';
import { narrow } from '../numbers.ts';
import { type Consumer, Group } from '../values/group.ts';
import { Element, Listpack } from '../values/listpack.ts';
import { Stream } from '../values/stream.ts';
import { compareIds, StreamId } from '../values/stream-id.ts';
import { DELETED, NAMES_SHARED, StreamNode } from '../values/stream-node.ts';
import { ListpackElements } from './elements.ts';
import { RdbKind } from './kinds.ts';
import { RdbError, type RdbReader } from './primitives.ts';

const ID_BYTES = 16;
const FLAGS_MAX: number = DELETED | NAMES_SHARED;
/** Elements of an entry beside its names and values and the last one, which counts the others: flags, ms, seq. */
const ENTRY_HEAD = 3;
const TIME_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export function readStream(reader: RdbReader, kind: number, arena: Arena): Stream {
  const stream = new Stream(arena);
  try {
    readNodes(stream, reader, arena);
    readTotals(stream, reader, kind);
    const groups = reader.count();
    for (let i = 0; i < groups; i++) readGroup(stream, reader, kind);
  } catch (error) {
    stream.release(Infinity);
    throw error;
  }
  return stream;
}

function readNodes(stream: Stream, reader: RdbReader, arena: Arena): void {
  const count = reader.count();
  const first = new StreamId();
  const last = new StreamId();
  for (let i = 0; i < count; i++) {
    demand(reader.length() === ID_BYTES, 'a node without an id');
    readRawId(reader, first);
    // Nothing comes before 0-0, but it is no id of an entry either.
    demand(compareIds(first, last) > 0, 'nodes out of order');
    const bytes = reader.string();
    new NodeCheck(bytes, first, last).run();
    stream.adopt(new StreamNode(arena, first, Listpack.from(arena, bytes, 0, bytes.length)));
  }
  stream.lastId.copy(last);
}

/** Walks over one node; `last` is the last id before it, and after it. */
class NodeCheck {
  readonly #elements: ListpackElements;
  readonly #first: StreamId;
  readonly #last: StreamId;
  readonly #id: StreamId = new StreamId();
  readonly #element: Element = new Element();

  constructor(bytes: Buffer, first: StreamId, last: StreamId) {
    this.#elements = new ListpackElements(bytes);
    this.#first = first;
    this.#last = last;
  }

  run(): void {
    const wanted = this.#count();
    const wantedDeleted = this.#count();
    const names = this.#count();
    this.#skip(names);
    demand(this.#count() === 0, 'the head of a node does not end');
    let live = 0;
    let deleted = 0;
    while (this.#elements.next(this.#element)) {
      const flags = countIn(this.#element);
      this.#readEntry(flags, names);
      if ((flags & DELETED) !== 0) deleted++;
      else {
        live++;
        demand(compareIds(this.#id, this.#first) >= 0, 'an entry before its node');
        demand(compareIds(this.#id, this.#last) > 0, 'entries out of order');
        this.#last.copy(this.#id);
      }
    }
    demand(live === wanted && deleted === wantedDeleted, 'a node of another count');
    demand(live + deleted > 0, 'a node without entries');
  }

  #readEntry(flags: number, names: number): void {
    demand(flags <= FLAGS_MAX, 'an entry of an unknown kind');
    const ms = this.#integer();
    this.#id.setSum(this.#first, ms, this.#integer());
    const isShared = (flags & NAMES_SHARED) !== 0;
    const fields = isShared ? names : this.#count();
    this.#skip(isShared ? fields : fields * 2);
    const elements = isShared ? fields + ENTRY_HEAD : fields * 2 + ENTRY_HEAD + 1;
    demand(this.#count() === elements, 'an entry not read backwards');
  }

  #skip(count: number): void {
    for (let i = 0; i < count; i++) {
      demand(this.#elements.next(this.#element), 'an entry without an end');
    }
  }

  #integer(): number | bigint {
    this.#skip(1);
    const { integer } = this.#element;
    if (integer === null) throw new RdbError('an entry without a number');
    return integer;
  }

  #count(): number {
    this.#skip(1);
    return countIn(this.#element);
  }
}

function countIn({ integer }: Element): number {
  if (typeof integer !== 'number' || integer < 0) throw new RdbError('a count that is none');
  return integer;
}

function readTotals(stream: Stream, reader: RdbReader, kind: number): void {
  const { size } = stream;
  const lastId = new StreamId();
  demand(reader.length() === size, 'a stream of another length');
  readId(reader, lastId);
  demand(compareIds(lastId, stream.lastId) >= 0, 'an entry behind the last one');
  stream.lastId.copy(lastId);
  stream.added = size;
  stream.settleFirst();
  if (kind === RdbKind.stream) return;
  // The first id is known.
  readId(reader, lastId);
  readId(reader, stream.maxDeletedId);
  stream.added = readWide(reader);
}

function readGroup(stream: Stream, reader: RdbReader, kind: number): void {
  const name = reader.string().toString('latin1');
  const lastId = new StreamId();
  readId(reader, lastId);
  const read = kind === RdbKind.stream ? stream.countUpTo(lastId) : readWide(reader);
  const group = new Group(name, lastId, read);
  demand(!stream.groups.has(name), 'a group twice');
  stream.groups.set(name, group);
  const count = reader.count();
  for (let i = 0; i < count; i++) readPending(group, reader);
  const consumers = reader.count();
  let owned = 0;
  for (let i = 0; i < consumers; i++) owned += readConsumer(group, reader, kind);
  demand(owned === count, 'an entry that nobody got');
}

const pendingId: StreamId = new StreamId();

function readPending(group: Group, reader: RdbReader): void {
  readRawId(reader, pendingId);
  demand(!group.find(pendingId), 'an entry given out twice');
  group.add(pendingId, readTime(reader));
  group.deliveries = narrow(reader.bigLength());
}

/** How many entries it got. */
function readConsumer(group: Group, reader: RdbReader, kind: number): number {
  const name = reader.string().toString('latin1');
  demand(!group.consumers.has(name), 'a consumer twice');
  const consumer: Consumer = group.addConsumer(name, readTime(reader));
  if (kind === RdbKind.stream3) reader.time();
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    readRawId(reader, pendingId);
    demand(group.find(pendingId) && group.owner === null, 'an entry given to two');
    group.assign(pendingId, consumer);
  }
  return count;
}

/** A time that is none does no harm, but it has to be a number. */
function readTime(reader: RdbReader): number {
  const time = reader.time();
  if (time < 0n) return 0;
  return Number(time > TIME_MAX ? TIME_MAX : time);
}

function readRawId(reader: RdbReader, id: StreamId): void {
  const bytes = reader.raw(ID_BYTES);
  id.msHigh = bytes.readUInt32BE(0);
  id.msLow = bytes.readUInt32BE(4);
  id.seqHigh = bytes.readUInt32BE(8);
  id.seqLow = bytes.readUInt32BE(12);
}

function readId(reader: RdbReader, id: StreamId): void {
  const ms = reader.bigLength();
  const seq = reader.bigLength();
  id.msHigh = Number(ms >> 32n);
  id.msLow = Number(ms & 0xffffffffn);
  id.seqHigh = Number(seq >> 32n);
  id.seqLow = Number(seq & 0xffffffffn);
}

/** A number of 64 bits with a sign. */
function readWide(reader: RdbReader): number | bigint {
  return narrow(BigInt.asIntN(64, reader.bigLength()));
}

function demand(isRight: boolean, fault: string): asserts isRight {
  if (!isRight) throw new RdbError(fault);
}
