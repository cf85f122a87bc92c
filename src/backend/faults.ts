/**
 * Faults on purpose: some commands are answered late, or with an error that no server gave. For trying out
 * what an application does about it.
 *
 *   dispatch ─▶ draw ─┬─ nothing ──────────────────────────▶ next
 *                     ├─ delay ──▶ next ──▶ reply ──(wait)──▶ sink
 *                     └─ error ──(wait, if it has a delay)──▶ sink, and no server hears of it
 *
 * Which fault, if any, is chosen as Envoy does: one number is drawn for the command, then its own faults and
 * those of all commands are gone through, adding up percentages, until the sum is above it.
 */
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Tick } from '../core/tick.ts';
import { FAULT_INJECTED, type LinkError } from '../resp/errors.ts';
import type { Backend, Layer, Lease, LeaseHolder, Refusal, Sink } from './backend.ts';

export interface Fault {
  readonly kind: 'delay' | 'error';
  /** 0 to 100. */
  readonly percent: number;
  readonly delayMs: number;
  /** Lower case, `config` for all its subcommands; empty: every command. */
  readonly commands: readonly string[];
}

export interface FaultFigures {
  faultDelays: number;
  faultErrors: number;
}

/** Replies held back take no more than this; one more is passed on at once. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
const ERROR = Buffer.from(`-${FAULT_INJECTED}\r\n`);

/** `draw` gives numbers from 0 to 1, without 1. */
export function injectFaults(
  faults: readonly Fault[],
  figures: FaultFigures,
  tick: Tick,
  draw: () => number = Math.random,
): Layer {
  return (next) => new FaultLayer(next, faults, figures, tick, draw);
}

class FaultLayer implements Backend {
  readonly tick: Tick;
  heldBytes = 0;
  readonly #next: Backend;
  readonly #faults: readonly Fault[];
  readonly #figures: FaultFigures;
  readonly #draw: () => number;
  /** Those that concern a command, in the order of their choice; by spec id. */
  readonly #bySpec: Map<number, readonly Fault[]> = new Map();

  constructor(
    next: Backend,
    faults: readonly Fault[],
    figures: FaultFigures,
    tick: Tick,
    draw: () => number,
  ) {
    this.#next = next;
    this.#faults = faults;
    this.#figures = figures;
    this.tick = tick;
    this.#draw = draw;
  }

  dispatch(command: Command, sink: Sink): void {
    const fault = this.#choose(command.spec);
    if (fault === null) {
      this.#next.dispatch(command, sink);
    } else if (fault.kind === 'delay') {
      this.#figures.faultDelays++;
      this.#next.dispatch(command, new LateSink(this, sink, fault.delayMs));
    } else {
      this.#figures.faultErrors++;
      const answerer = fault.delayMs > 0 ? new LateSink(this, sink, fault.delayMs) : sink;
      answerer.reply(ERROR, 0, ERROR.length);
    }
  }

  /** What runs on a connection lent is left alone, as Envoy leaves transactions. */
  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    return this.#next.lease(command, holder);
  }

  close(): Promise<void> {
    return this.#next.close();
  }

  #choose(spec: CommandSpec): Fault | null {
    const faults = this.#bySpec.get(spec.id) ?? this.#collect(spec);
    if (faults.length === 0) return null;
    const drawn = this.#draw() * 100;
    let sum = 0;
    for (const fault of faults) {
      sum += fault.percent;
      if (drawn < sum) return fault;
    }
    return null;
  }

  #collect(spec: CommandSpec): readonly Fault[] {
    const container = spec.name.split('|')[0]!;
    // What the session asks on its own account is its own business.
    const isOurs = spec.door === 'local';
    const own = this.#faults.filter(
      ({ commands }) => commands.includes(spec.name) || commands.includes(container),
    );
    const general = this.#faults.filter(({ commands }) => commands.length === 0);
    const collected = isOurs ? [] : [...own, ...general];
    this.#bySpec.set(spec.id, collected);
    return collected;
  }
}

/** Passes on what it gets, later. */
class LateSink implements Sink {
  readonly #layer: FaultLayer;
  readonly #sink: Sink;
  readonly #delayMs: number;

  constructor(layer: FaultLayer, sink: Sink, delayMs: number) {
    this.#layer = layer;
    this.#sink = sink;
    this.#delayMs = delayMs;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    const layer = this.#layer;
    const size = end - start;
    if (layer.heldBytes + size > HELD_BYTES_MAX) {
      this.#sink.reply(bytes, start, end);
      return;
    }
    layer.heldBytes += size;
    const copy = Buffer.from(bytes.subarray(start, end));
    this.#later(() => {
      layer.heldBytes -= size;
      this.#sink.reply(copy, 0, size);
    });
  }

  fail(error: LinkError): void {
    this.#later(() => this.#sink.fail(error));
  }

  #later(answer: () => void): void {
    setTimeout(() => {
      this.#layer.tick.begin();
      answer();
    }, this.#delayMs).unref();
  }
}
