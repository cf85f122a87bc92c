/**
 * So many commands under way at a time, over all clients; with 1, one after the other.
 *
 *   dispatch ─▶ a place is free ─▶ next ─▶ reply ─▶ sink, and the place goes to the first of the line
 *               none is ─▶ copied to the line
 *
 * The line is bounded by what each client may have under way (`max_pipeline`, `max_in_flight`). Every command
 * that goes through here is answered, by a server or by its time-out, so every place becomes free again:
 * nothing that takes one waits for another one.
 */
import type { Command } from '../commands/command.ts';
import type { LinkError } from '../resp/errors.ts';
import type { Backend, Layer, Lease, LeaseHolder, Refusal, Sink } from './backend.ts';

export interface ConcurrencyFigures {
  concurrencyWaits: number;
}

/** So many places of the line that were served are worth moving the rest. */
const SERVED_MIN = 1024;

/** `line` may be that of a layer before this one: what is under way there counts, and who waits is served. */
export function limitConcurrency(line: Line, places: number, figures: ConcurrencyFigures): Layer {
  return (next) => new ConcurrencyLayer(next, line, places, figures);
}

interface Waiting {
  readonly layer: ConcurrencyLayer;
  readonly command: Command;
  readonly sink: Sink;
}

/** Who is under way and who waits, of one listener. It outlives a reload. */
export class Line {
  taken = 0;
  #waiting: Waiting[] = [];
  /** First of the line; those before it have been served. */
  #head = 0;
  #isServing = false;

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  join(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  /** A command was answered. */
  leave(): void {
    this.taken--;
    // A backend that answers at once would nest as deep as the line is long.
    if (this.#isServing) return;
    this.#isServing = true;
    while (!this.isEmpty && this.taken < this.#waiting[this.#head]!.layer.places) {
      const { layer, command, sink } = this.#waiting[this.#head++]!;
      this.#tidy();
      layer.run(command, sink);
    }
    this.#isServing = false;
  }

  #tidy(): void {
    if (this.isEmpty) this.#waiting = [];
    else if (this.#head >= SERVED_MIN && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
    } else return;
    this.#head = 0;
  }
}

class ConcurrencyLayer implements Backend {
  readonly places: number;
  readonly #next: Backend;
  readonly #line: Line;
  readonly #figures: ConcurrencyFigures;

  constructor(next: Backend, line: Line, places: number, figures: ConcurrencyFigures) {
    this.#next = next;
    this.#line = line;
    this.places = places;
    this.#figures = figures;
  }

  dispatch(command: Command, sink: Sink): void {
    if (this.#line.isEmpty && this.#line.taken < this.places) {
      this.run(command, sink);
      return;
    }
    this.#figures.concurrencyWaits++;
    this.#line.join({ layer: this, command: command.copy(), sink });
  }

  /** A connection lent may wait for what only others can bring: it takes no place. */
  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    return this.#next.lease(command, holder);
  }

  close(): Promise<void> {
    return this.#next.close();
  }

  run(command: Command, sink: Sink): void {
    this.#line.taken++;
    this.#next.dispatch(command, new Place(this.#line, sink));
  }
}

class Place implements Sink {
  readonly #line: Line;
  readonly #sink: Sink;

  constructor(line: Line, sink: Sink) {
    this.#line = line;
    this.#sink = sink;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    this.#sink.reply(bytes, start, end);
    this.#line.leave();
  }

  fail(error: LinkError): void {
    this.#sink.fail(error);
    this.#line.leave();
  }
}
