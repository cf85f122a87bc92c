/**
 * Commands sent and not answered, in order: a ring of parallel arrays, so that nothing is allocated per
 * command.
 *
 *        head                    cursor                 tail
 *   ──────┼────────────────────────┼──────────────────────┼──────
 *         │ expired: sink taken,   │ waiting              │
 *         │ the reply is dropped   │                      │
 *
 * A command that timed out leaves its sink but keeps its place: the late reply is consumed there, and the
 * replies behind it still find theirs. A void entry was never sent and gets no reply at all.
 */
import type { Sink } from '../backend/backend.ts';
import type { CommandSpec } from '../commands/spec.ts';

const CAPACITY_MIN = 64;

export class Pending {
  /** Absolute counters; the slot is `counter & mask`. */
  head = 0;
  tail = 0;
  /** First entry whose time has not run out. */
  cursor = 0;
  mask: number = CAPACITY_MIN - 1;
  sinks: (Sink | null)[] = new Array<Sink | null>(CAPACITY_MIN).fill(null);
  specs: (CommandSpec | null)[] = new Array<CommandSpec | null>(CAPACITY_MIN).fill(null);
  /** When the command came, in the milliseconds of `Tick.now`. */
  times: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Where its bytes end in the write log. */
  ends: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Whose command it is: see `Command.affinity`. */
  affinities: Float64Array = new Float64Array(CAPACITY_MIN);
  /** How often it was sent before. */
  attempts: Uint8Array = new Uint8Array(CAPACITY_MIN);
  voids: Uint8Array = new Uint8Array(CAPACITY_MIN);

  get length(): number {
    return this.tail - this.head;
  }

  push(
    sink: Sink,
    spec: CommandSpec,
    time: number,
    end: number,
    affinity: number,
    attempt: number,
  ): void {
    if (this.tail - this.head > this.mask) this.#grow();
    const slot = this.tail++ & this.mask;
    this.sinks[slot] = sink;
    this.specs[slot] = spec;
    this.times[slot] = time;
    this.ends[slot] = end;
    this.affinities[slot] = affinity;
    this.attempts[slot] = attempt;
    this.voids[slot] = 0;
  }

  /** Removes the oldest entry; its fields stay readable at the slot returned until the next push. */
  shift(): number {
    const slot = this.head++ & this.mask;
    if (this.cursor < this.head) this.cursor = this.head;
    return slot;
  }

  #grow(): void {
    const size = this.mask + 1;
    const grown = size * 2;
    const sinks = new Array<Sink | null>(grown).fill(null);
    const specs = new Array<CommandSpec | null>(grown).fill(null);
    const times = new Float64Array(grown);
    const ends = new Float64Array(grown);
    const affinities = new Float64Array(grown);
    const attempts = new Uint8Array(grown);
    const voids = new Uint8Array(grown);
    for (let i = this.head; i < this.tail; i++) {
      const from = i & this.mask;
      const to = i & (grown - 1);
      sinks[to] = this.sinks[from]!;
      specs[to] = this.specs[from]!;
      times[to] = this.times[from]!;
      ends[to] = this.ends[from]!;
      affinities[to] = this.affinities[from]!;
      attempts[to] = this.attempts[from]!;
      voids[to] = this.voids[from]!;
    }
    this.sinks = sinks;
    this.specs = specs;
    this.times = times;
    this.ends = ends;
    this.affinities = affinities;
    this.attempts = attempts;
    this.voids = voids;
    this.mask = grown - 1;
  }
}
