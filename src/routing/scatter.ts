/**
 * Splits a command with many keys by server: one command per server, never one per key. In a cluster by slot: there
 * a server refuses keys of two slots even if it has both.
 *
 * Scratch space is kept between commands; a split is over when `split` returns, only its gather lives on.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import { Command } from '../commands/command.ts';
import type { KeyPositions } from '../commands/keys.ts';
import { SLOT_COUNT } from '../commands/slot.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import { encodeArrayHead } from '../resp/encoder.ts';
import { linkError } from '../resp/errors.ts';
import { digits } from '../resp/frame.ts';
import { AgreeGather, ArrayGather, type Gather, type KeyGroups, SumGather } from './gather.ts';

const ANY_SLOT = -1;
const NO_HOST = linkError('no_host', 'no server takes this key');

export class Scatter implements KeyGroups {
  /** The servers met, in order of their first key; null stands for keys without a host. */
  readonly #servers: (Backend | null)[] = [];
  /** The slot of each of them; `ANY_SLOT`: its keys need not agree. */
  readonly #slots: number[] = [];
  /** By slot the piece it was last put in; only a guess, to be looked at before it is believed. */
  #pieceOf: Int32Array | null = null;
  /** Which of them has key i. */
  #targets: Int32Array = new Int32Array(128);
  #last = 0;
  readonly #piece: Command;
  keys = 0;
  order: Int32Array = new Int32Array(128);
  from: Int32Array = new Int32Array(16);

  constructor(unknown: CommandSpec) {
    this.#piece = new Command(unknown, EMPTY);
  }

  get pieces(): number {
    return this.#servers.length;
  }

  begin(keys: number): void {
    this.#servers.length = 0;
    this.#slots.length = 0;
    this.#last = 0;
    this.keys = keys;
    if (this.#targets.length >= keys) return;
    this.#targets = new Int32Array(keys * 2);
    this.order = new Int32Array(keys * 2);
  }

  place(key: number, server: Backend | null): void {
    const servers = this.#servers;
    let index = this.#last;
    if (servers.length === 0 || servers[index] !== server || this.#slots[index] !== ANY_SLOT) {
      index = servers.findIndex((each, at) => each === server && this.#slots[at] === ANY_SLOT);
      if (index < 0) index = this.#open(server, ANY_SLOT);
      this.#last = index;
    }
    this.#targets[key] = index;
  }

  /** As `place`, for a key that may only go with keys of its own slot. */
  placeInSlot(key: number, server: Backend | null, slot: number): void {
    this.#pieceOf ??= new Int32Array(SLOT_COUNT);
    const guess = this.#pieceOf[slot]!;
    const isRight = this.#slots[guess] === slot && this.#servers[guess] === server;
    const index = isRight ? guess : this.#findOrOpen(server, slot);
    this.#pieceOf[slot] = index;
    this.#targets[key] = index;
  }

  /** Seldom: two upstreams may have the same slot in one command. */
  #findOrOpen(server: Backend | null, slot: number): number {
    const guess = this.#slots.indexOf(slot);
    const index =
      guess < 0
        ? -1
        : this.#servers.findIndex((each, at) => each === server && this.#slots[at] === slot);
    return index < 0 ? this.#open(server, slot) : index;
  }

  #open(server: Backend | null, slot: number): number {
    this.#slots.push(slot);
    return this.#servers.push(server) - 1;
  }

  /** The only server concerned (null: none takes the keys); undefined if there are several. */
  get single(): Backend | null | undefined {
    return this.#servers.length === 1 ? this.#servers[0]! : undefined;
  }

  /** Every key has the arguments that belong to it: MSET and MSETNX take pairs. */
  isWhole(command: Command): boolean {
    const step = stepOf(command);
    return step === 1 || (command.argc - 1) % step === 0;
  }

  split(command: Command, keys: KeyPositions, sink: Sink): void {
    this.#group();
    const step = stepOf(command);
    const gather = this.#gather(command.spec, sink);
    const piece = this.#piece;
    piece.spec = command.spec;
    piece.database = command.database;
    piece.protocol = command.protocol;
    piece.affinity = command.affinity;
    const out = new ByteQueue();
    // Counted now: the last piece may be answered at once, and its sink may split the next command here.
    const { pieces } = this;
    for (let p = 0; p < pieces; p++) {
      const server = this.#servers[p]!;
      if (server === null) {
        gather.piece(p).fail(NO_HOST);
        continue;
      }
      out.length = 0;
      this.#writePiece(out, command, keys, p, step);
      piece.bytes = out.bytes;
      piece.end = out.length;
      piece.argc = 1 + (this.from[p + 1]! - this.from[p]!) * step;
      server.dispatch(piece, gather.piece(p));
    }
    piece.bytes = EMPTY;
    out.clear();
  }

  /** Sorts the keys by piece (counting sort), each piece's in the order of the request. */
  #group(): void {
    const pieces = this.#servers.length;
    const { keys, order } = this;
    const targets = this.#targets;
    if (this.from.length < pieces + 2) this.from = new Int32Array(pieces * 2 + 2);
    const { from } = this;
    from.fill(0, 0, pieces + 2);
    // One place further than needed, so that filling moves each border to where it belongs.
    for (let i = 0; i < keys; i++) from[targets[i]! + 2]!++;
    for (let p = 2; p < pieces + 2; p++) from[p]! += from[p - 1]!;
    for (let i = 0; i < keys; i++) order[from[targets[i]! + 1]!++] = i;
  }

  /**
   * Name and arguments are copied as they came, heads included. The piece's `offsets` are not set: it goes to a
   * server, which reads bytes only.
   */
  #writePiece(out: ByteQueue, command: Command, keys: KeyPositions, p: number, step: number): void {
    const { bytes, start, offsets } = command;
    const { indexes } = keys;
    const { order, from } = this;
    const last = from[p + 1]!;
    encodeArrayHead(out, 1 + (last - from[p]!) * step);
    // From the `$` of the name (behind the array head) to its CRLF.
    const nameHead = 1 + digits(command.argLength(0)) + 2;
    out.append(bytes, command.argStart(0) - nameHead, command.argEnd(0) + 2);
    for (let i = from[p]!; i < last; i++) {
      const first = indexes[order[i]!]!;
      out.append(
        bytes,
        start + offsets[first * 2 - 1]! + 2,
        start + offsets[(first + step - 1) * 2 + 1]! + 2,
      );
    }
  }

  #gather(spec: CommandSpec, sink: Sink): Gather {
    switch (spec.responsePolicy) {
      case 'agg_sum':
        return new SumGather(sink, this.pieces);
      case 'all_succeeded':
        return new AgreeGather(sink, this.pieces);
      default:
        return ArrayGather.open(sink, this);
    }
  }
}

function stepOf(command: Command): number {
  return Math.max(1, command.spec.keyStep);
}
