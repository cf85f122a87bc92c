/**
 * A group of consumers of a stream: how far it has read, and which entries somebody got and has not confirmed.
 *
 *   group.pending     id ─▶ consumer, when it was given, how often     all of them, in order
 *   consumer.pending  id                                               the same, each with its consumer
 */
import { Pending } from './pending.ts';
import type { Stream } from './stream.ts';
import { sumOf, UNKNOWN_READ } from './stream.ts';
import { compareIds, StreamId } from './stream-id.ts';

/** Words beside an id that a group has given out. */
const CONSUMER = 0;
const TIME = 1;
const DELIVERIES = 3;
const WORDS = 5;
/** What the objects of a group or a consumer take, about. */
const OBJECT_COST = 400;
const UINT64 = 2n ** 64n;

export class Consumer {
  /** One character per byte. */
  readonly name: string;
  readonly number: number;
  seenAt: number;
  readonly pending: Pending = new Pending(0);

  constructor(name: string, number: number, seenAt: number) {
    this.name = name;
    this.number = number;
    this.seenAt = seenAt;
  }
}

export class Group {
  /** One character per byte. */
  readonly name: string;
  readonly lastId: StreamId = new StreamId();
  /** How many entries were added up to `lastId`, or `UNKNOWN_READ`. */
  read: number | bigint;
  readonly pending: Pending = new Pending(WORDS);
  readonly consumers: Map<string, Consumer> = new Map();
  readonly #byNumber: (Consumer | null)[] = [null];

  constructor(name: string, lastId: StreamId, read: number | bigint) {
    this.name = name;
    this.lastId.copy(lastId);
    this.read = read;
  }

  get bytes(): number {
    let bytes = OBJECT_COST + this.pending.bytes;
    for (const consumer of this.consumers.values()) bytes += OBJECT_COST + consumer.pending.bytes;
    return bytes;
  }

  copy(): Group {
    const copy = new Group(this.name, this.lastId, this.read);
    for (const { name, seenAt } of this.consumers.values()) copy.addConsumer(name, seenAt);
    const { pending } = this;
    const id = new StreamId();
    for (let is = pending.first(); is; is = pending.next()) {
      pending.readId(id);
      copy.add(id, this.deliveredAt);
      copy.deliveries = this.deliveries;
      const owner = this.owner === null ? undefined : copy.consumers.get(this.owner.name);
      if (owner !== undefined) copy.assign(id, owner);
    }
    return copy;
  }

  addConsumer(name: string, now: number): Consumer {
    const free = this.#byNumber.indexOf(null, 1);
    const number = free < 0 ? this.#byNumber.length : free;
    const consumer = new Consumer(name, number, now);
    this.#byNumber[number] = consumer;
    this.consumers.set(name, consumer);
    return consumer;
  }

  /** With all that it has not confirmed; how many those were. */
  removeConsumer(consumer: Consumer): number {
    const { pending } = consumer;
    const { count } = pending;
    const id = new StreamId();
    for (let is = pending.first(); is; is = pending.next()) {
      pending.readId(id);
      if (this.pending.find(id)) this.pending.remove();
    }
    this.consumers.delete(consumer.name);
    this.#byNumber[consumer.number] = null;
    return count;
  }

  /** Whose the entry is that one stands at in `pending`; null: just made by `take`, or nobody's. */
  get owner(): Consumer | null {
    return this.#byNumber[this.pending.word(CONSUMER)] ?? null;
  }

  get deliveredAt(): number {
    return Number(this.pending.wide(TIME));
  }

  set deliveredAt(ms: number) {
    this.pending.setWide(TIME, ms);
  }

  get deliveries(): number | bigint {
    return this.pending.wide(DELIVERIES);
  }

  set deliveries(count: number | bigint) {
    this.pending.setWide(DELIVERIES, count);
  }

  countDelivery(): void {
    const { deliveries } = this;
    this.deliveries = typeof deliveries === 'number' ? deliveries + 1 : (deliveries + 1n) % UINT64;
  }

  /** Goes to an entry in `pending`; false: nobody has it. */
  find(id: StreamId): boolean {
    return this.pending.find(id);
  }

  /** Adds an entry that is nobody's, given out once, and stands there. */
  add(id: StreamId, now: number): void {
    this.pending.add(id);
    this.deliveredAt = now;
    this.deliveries = 1;
  }

  /** The entry one stands at becomes this consumer's. */
  assign(id: StreamId, consumer: Consumer): void {
    const { owner } = this;
    if (owner === consumer) return;
    if (owner?.pending.find(id) === true) owner.pending.remove();
    consumer.pending.add(id);
    this.pending.setWord(CONSUMER, consumer.number);
  }

  /** Takes an entry out of both lists; false: it was in none. */
  confirm(id: StreamId): boolean {
    if (!this.pending.find(id)) return false;
    const { owner } = this;
    if (owner?.pending.find(id) === true) owner.pending.remove();
    this.pending.remove();
    return true;
  }

  /** An entry beyond all that were given out is given out. */
  advance(stream: Stream, id: StreamId): boolean {
    if (compareIds(id, this.lastId) <= 0) return false;
    if (this.read !== UNKNOWN_READ && !stream.hasGapFrom(id)) {
      this.read = sumOf(this.read, 1);
    } else if (stream.added !== 0) this.read = stream.countUpTo(id);
    this.lastId.copy(id);
    return true;
  }

  /** Entries that are still to be given out; null: nobody knows. */
  lag(stream: Stream): number | bigint | null {
    if (stream.added === 0) return 0;
    const isKnown = this.read !== UNKNOWN_READ && !stream.hasGapFrom(this.lastId);
    const read = isKnown ? this.read : stream.countUpTo(this.lastId);
    if (read === UNKNOWN_READ) return null;
    return sumOf(stream.added, -read);
  }
}
