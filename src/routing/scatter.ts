/**
 * Splits a command with many keys by server: one command per server, never one per key.
 *
 * Scratch space is kept between commands; a split is over when `split` returns, only its gather lives on.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import { Command } from '../commands/command.ts';
import type { KeyPositions } from '../commands/keys.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { assert } from '../core/assert.ts';
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import { encodeArrayHead } from '../resp/encoder.ts';
import { linkError } from '../resp/errors.ts';
import { AgreeGather, ArrayGather, type Gather, SumGather } from './gather.ts';

const NO_HOST = linkError('no_host', 'no server takes this key');

export class Scatter {
  /** The servers met, in order of their first key; null stands for keys without a host. */
  readonly #servers: (Backend | null)[] = [];
  /** Which of them has key i. */
  #targets: Int32Array = new Int32Array(128);
  readonly #counts: number[] = [];
  #last = 0;
  readonly #piece: Command;

  constructor(unknown: CommandSpec) {
    this.#piece = new Command(unknown, EMPTY);
  }

  begin(keys: number): void {
    this.#servers.length = 0;
    this.#counts.length = 0;
    this.#last = 0;
    if (this.#targets.length < keys) this.#targets = new Int32Array(keys * 2);
  }

  place(key: number, server: Backend | null): void {
    let index = this.#servers[this.#last] === server ? this.#last : this.#servers.indexOf(server);
    if (index < 0) {
      index = this.#servers.push(server) - 1;
      this.#counts.push(0);
    }
    this.#last = index;
    this.#targets[key] = index;
    this.#counts[index]!++;
  }

  /** The only server concerned (null: none takes the keys); undefined if there are several. */
  get single(): Backend | null | undefined {
    return this.#servers.length === 1 ? this.#servers[0]! : undefined;
  }

  /** Some server that has one of the keys. */
  get first(): Backend {
    const server = this.#servers.find((candidate) => candidate !== null);
    assert(server != null, 'several targets cannot all be without a host');
    return server;
  }

  /** Every argument but the name is a key or belongs to the key before it, in equal steps. */
  canSplit(command: Command, keys: KeyPositions): boolean {
    return (command.argc - 1) % this.#step(command) === 0 && keys.indexes[0] === 1;
  }

  split(command: Command, keys: KeyPositions, sink: Sink): void {
    const pieces = this.#servers.length;
    const step = this.#step(command);
    const gather = this.#gather(command.spec, sink, keys.count);
    const piece = this.#piece;
    piece.spec = command.spec;
    piece.database = command.database;
    piece.protocol = command.protocol;
    piece.affinity = command.affinity;
    const out = new ByteQueue();
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
      piece.argc = 1 + this.#counts[p]! * step;
      server.dispatch(piece, gather.piece(p));
    }
    piece.bytes = EMPTY;
    out.clear();
  }

  /** Name and arguments are copied as they came, heads included. */
  #writePiece(out: ByteQueue, command: Command, keys: KeyPositions, p: number, step: number): void {
    const { bytes, start, offsets } = command;
    const targets = this.#targets;
    encodeArrayHead(out, 1 + this.#counts[p]! * step);
    // From the `$` of the name (behind the array head) to its CRLF.
    const nameHead = 1 + String(command.argLength(0)).length + 2;
    out.append(bytes, command.argStart(0) - nameHead, command.argEnd(0) + 2);
    for (let i = 0; i < keys.count; i++) {
      if (targets[i] !== p) continue;
      const first = keys.indexes[i]!;
      const from = start + offsets[first * 2 - 1]! + 2;
      const to = start + offsets[(first + step - 1) * 2 + 1]! + 2;
      out.append(bytes, from, to);
    }
  }

  #step(command: Command): number {
    return Math.max(1, command.spec.keyStep);
  }

  #gather(spec: CommandSpec, sink: Sink, keys: number): Gather {
    const pieces = this.#servers.length;
    switch (spec.responsePolicy) {
      case 'agg_sum':
        return new SumGather(sink, pieces);
      case 'all_succeeded':
        return new AgreeGather(sink, pieces);
      default:
        return new ArrayGather(sink, this.#targets, keys, pieces);
    }
  }
}
